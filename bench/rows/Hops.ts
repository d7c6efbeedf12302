/**
 * A relay that holds each live event for 100 ms, as strfry does: what counts there is how often a
 * purchase waits for it, and nothing else.
 */
import { Effect } from "effect"
import * as Duel from "../src/Duel.ts"
import { atMost, type Bar, measured, type Measurement, type Row } from "../src/Row.ts"
import type { Workload } from "../src/Workload.ts"

/** Milliseconds. */
const hop = 100

const task = { ...Duel.oneAtATime, warmUp: 3, jobs: 9 }

const p50 = (wallet: Duel.Task["wallet"], hop: number, writes: Workload["writes"]) =>
  Effect.all(Duel.both({ ...task, wallet, hop }, writes, ({ p50 }) => p50))

/** What the hops add to a purchase says how many of them it waits for. */
const compare = Effect.fnUntraced(function* (
  wallet: Duel.Task["wallet"],
  writes: Workload["writes"],
  what: string,
  bar?: Bar
) {
  const held = yield* p50(wallet, hop, writes)
  const direct = yield* p50(wallet, 0, writes)
  const hopsOf = (side: "ours" | "baseline") => Math.round((held[side] - direct[side]) / hop)
  const found: ReadonlyArray<Measurement> = [
    {
      what: `${what}: p50`,
      unit: "ms",
      value: held.ours,
      baseline: { name: "by hand", value: held.baseline }
    },
    {
      what: `${what}: waits one after the other`,
      unit: "hops",
      value: hopsOf("ours"),
      baseline: { name: "by hand", value: hopsOf("baseline") },
      ...(bar === undefined ? {} : { bar })
    }
  ]
  return found
})

export const hops: Row = {
  name: "hops",
  title: "a relay that holds events for 100 ms",
  measure: Effect.gen(function* () {
    const writes = yield* Duel.commits
    const bar = atMost("value", 3)
    return measured([
      ...(yield* compare("ledger", writes, "a purchase over 100 ms hops", bar)),
      ...(yield* compare("nwc", writes, "a purchase over 100 ms hops, the wallet's too"))
    ])
  })
}
