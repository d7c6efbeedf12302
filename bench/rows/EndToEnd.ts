/** From wish to result, everything on, beside the market as one writes it by hand. */
import { Effect } from "effect"
import * as Alternate from "../src/Alternate.ts"
import * as Processes from "../src/Processes.ts"
import { atLeast, atMost, type Row } from "../src/Row.ts"
import type { Performance, Workload } from "../src/Workload.ts"

const rounds = 3

const base = { agents: 1, listening: "p", wallet: "ledger" } as const

/** The median of a number of both sides, each round on a relay of its own. */
const compare = (workload: Omit<Workload, "relay">, read: (performance: Performance) => number) => {
  const run = (side: Processes.Side) =>
    Effect.gen(function* () {
      const relay = yield* Processes.relay
      return read(yield* Processes.side(side, { ...workload, relay }))
    }).pipe(Effect.scoped)
  return Alternate.medians({ rounds, ours: run("farthing"), baseline: run("by hand") })
}

export const latency: Row = {
  name: "latency",
  title: "one purchase at a time",
  measure: Effect.map(
    compare({ ...base, concurrency: 1, warmUp: 50, jobs: 200 }, ({ p50 }) => p50),
    ({ baseline, ours }) => [
      {
        what: "a purchase, one at a time: p50",
        unit: "ms",
        value: ours,
        baseline: { name: "by hand", value: baseline },
        bar: atMost("ratio", 1.3)
      }
    ]
  )
}

const throughput = (concurrency: number, jobs: number): Row => ({
  name: `throughput-${concurrency}`,
  title: `${concurrency} purchases at a time`,
  measure: Effect.map(
    compare(
      { ...base, concurrency, warmUp: 4 * concurrency, jobs },
      ({ jobsPerSecond }) => jobsPerSecond
    ),
    ({ baseline, ours }) => [
      {
        what: `${concurrency} purchases at a time, one connection`,
        unit: "jobs/s",
        value: ours,
        baseline: { name: "by hand", value: baseline },
        bar: atLeast("ratio", 1)
      }
    ]
  )
})

export const throughput50 = throughput(50, 1_500)
export const throughput500 = throughput(500, 3_000)

export const agents: Row = {
  name: "agents",
  title: "50 agents with a connection each",
  measure: Effect.map(
    compare(
      { ...base, agents: 50, concurrency: 1, listening: "seed", warmUp: 100, jobs: 600 },
      ({ jobsPerSecond }) => jobsPerSecond
    ),
    ({ baseline, ours }) => [
      {
        what: "50 agents with a connection each",
        unit: "jobs/s",
        value: ours,
        baseline: { name: "by hand, with the seed's filter", value: baseline },
        bar: atLeast("ratio", 5)
      }
    ]
  )
}
