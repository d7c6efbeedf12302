/** From wish to result, everything on, beside the market as one writes it by hand. */
import { Effect } from "effect"
import * as Duel from "../src/Duel.ts"
import { atLeast, atMost, type Bar, measured, type Row } from "../src/Row.ts"

const { oneAtATime } = Duel

export const latency: Row = {
  name: "latency",
  title: "one purchase at a time",
  measure: Effect.map(
    Duel.medians(oneAtATime, ({ p50 }) => p50),
    ({ baseline, ours }) =>
      measured([
        {
          what: "a purchase, one at a time: p50",
          unit: "ms",
          value: ours,
          baseline: { name: "by hand", value: baseline },
          bar: atMost("ratio", 1.3)
        }
      ])
  )
}

/** The other side writes down as much as ours; so that this is true it is counted on both. */
export const writes: Row = {
  name: "writes",
  title: "commits of a purchase",
  measure: Effect.gen(function* () {
    const ours = yield* Duel.commits
    const byHand = yield* Duel.commitsOf("by hand", ours)
    return measured(
      (["customer", "provider"] as const).map((who) => ({
        what: `commits to the ${who}'s disk for one purchase`,
        unit: "commits",
        value: ours[who],
        baseline: { name: "by hand", value: byHand[who] },
        bar: { of: "ratio", atLeast: 1, atMost: 1 }
      }))
    )
  })
}

interface Throughput {
  readonly name: string
  readonly what: string
  readonly task: Duel.Task
  readonly baseline?: string
  readonly bar?: Bar
}

const throughput = ({ bar, baseline = "by hand", name, task, what }: Throughput): Row => ({
  name,
  title: what,
  measure: Effect.map(
    Duel.medians(task, ({ jobsPerSecond }) => jobsPerSecond),
    (medians) =>
      measured([
        {
          what,
          unit: "jobs/s",
          value: medians.ours,
          baseline: { name: baseline, value: medians.baseline },
          ...(bar === undefined ? {} : { bar })
        }
      ])
  )
})

export const throughput50 = throughput({
  name: "throughput-50",
  what: "50 purchases at a time, one connection",
  task: { ...oneAtATime, concurrency: 50, warmUp: 300, jobs: 300 },
  bar: atLeast("ratio", 1)
})

export const throughput500 = throughput({
  name: "throughput-500",
  what: "500 purchases at a time, one connection",
  task: { ...oneAtATime, concurrency: 500, warmUp: 500, jobs: 500 },
  bar: atLeast("ratio", 1)
})

export const agents = throughput({
  name: "agents",
  what: "50 agents with a connection each",
  task: { ...oneAtATime, agents: 50, listening: "seed", warmUp: 200, jobs: 200 },
  baseline: "by hand, with the seed's filter",
  bar: atLeast("ratio", 5)
})

export const nwc = throughput({
  name: "nwc",
  what: "50 agents with a connection each, and a wallet over NWC",
  task: { ...oneAtATime, agents: 50, warmUp: 100, jobs: 100, wallet: "nwc" }
})
