/** Ours and the market by hand under the same workload, in turn. */
import { Effect } from "effect"
import * as Alternate from "./Alternate.ts"
import * as Processes from "./Processes.ts"
import type { Performance, Workload } from "./Workload.ts"

export interface Task extends Pick<
  Workload,
  "agents" | "concurrency" | "jobs" | "warmUp" | "settlement" | "listening"
> {
  /** A bank in the same process, or the devnet's over Nostr Wallet Connect. */
  readonly wallet: "ledger" | "nwc"
  /** For how many milliseconds the relay holds each event. */
  readonly hop: number
}

/** Warmed up for as long as it takes until compiled code runs: what is measured is a service. */
export const oneAtATime: Task = {
  agents: 1,
  concurrency: 1,
  jobs: 100,
  warmUp: 150,
  settlement: "upfront",
  listening: "p",
  wallet: "ledger",
  hop: 0
}

/** One side under a task, in a market of its own. */
const fight = (
  side: Processes.Side,
  { hop, wallet, ...task }: Task,
  rest: Pick<Workload, "writes" | "watching">
) =>
  Effect.gen(function* () {
    const { relay, wallets } = yield* Processes.market({
      accounts: wallet === "nwc" ? task.agents + 1 : 0,
      hop
    })
    return yield* Processes.side(side, { ...task, ...rest, relays: [relay], wallets })
  }).pipe(Effect.scoped)

/** What one run of a side comes to that nobody is compared with. */
export const watch = (task: Task, watching: Workload["watching"]) =>
  fight("farthing", task, { watching, writes: { customer: 0, provider: 0 } })

/** Ours over these relays, where nobody is compared with it. */
export const over = (
  relays: ReadonlyArray<string>,
  { agents, concurrency, jobs, listening, settlement, warmUp }: Task,
  onWarm?: Effect.Effect<void>
) =>
  Processes.side(
    "farthing",
    {
      agents,
      concurrency,
      jobs,
      listening,
      settlement,
      warmUp,
      relays,
      wallets: [],
      watching: "clock",
      writes: { customer: 0, provider: 0 }
    },
    onWarm
  )

/** How often a side's purchase is committed to disk: counted in its files, one purchase at a time. */
export const commitsOf = Effect.fnUntraced(function* (
  side: Processes.Side,
  writes: Workload["writes"]
) {
  const task = { ...oneAtATime, warmUp: 4, jobs: 12 }
  const { commits } = yield* fight(side, task, { watching: "commits", writes })
  const each = (all = Number.NaN) => Math.round(all / task.jobs)
  return { customer: each(commits?.customer), provider: each(commits?.provider) }
})

/** Ours. */
export const commits = commitsOf("farthing", { customer: 0, provider: 0 })

/** A number of both sides, each measured once; the one by hand writes as often as is said. */
export const both = (
  task: Task,
  writes: Workload["writes"],
  read: (performance: Performance) => number
) => {
  const run = (side: Processes.Side) =>
    Effect.map(fight(side, task, { watching: "clock", writes }), read)
  return { ours: run("farthing"), baseline: run("by hand") }
}

/** The median of a number of both sides; the one by hand writes as often as ours. */
export const medians = Effect.fnUntraced(function* (
  task: Task,
  read: (performance: Performance) => number
) {
  return yield* Alternate.medians({ rounds: 3, ...both(task, yield* commits, read) })
})
