/**
 * A relay that holds each live event for 100 ms, as strfry does: what counts there is how often a
 * purchase waits for it, and nothing else.
 */
import { Effect } from "effect"
import * as Duel from "../src/Duel.ts"
import { atMost, type Bar, measured, type Measurement, type Row } from "../src/Row.ts"

/** Milliseconds. */
const hop = 100

const compare = (wallet: Duel.Task["wallet"], what: string, bar?: Bar) =>
  Effect.map(
    Duel.medians({ ...Duel.oneAtATime, warmUp: 2, jobs: 8, wallet, hop }, ({ p50 }) => p50, 1),
    ({ baseline, ours }): ReadonlyArray<Measurement> => [
      {
        what: `${what}: p50`,
        unit: "ms",
        value: ours,
        baseline: { name: "by hand", value: baseline }
      },
      {
        what: `${what}: waits one after the other`,
        unit: "hops",
        value: Math.floor(ours / hop),
        baseline: { name: "by hand", value: Math.floor(baseline / hop) },
        ...(bar === undefined ? {} : { bar })
      }
    ]
  )

export const hops: Row = {
  name: "hops",
  title: "a relay that holds events for 100 ms",
  measure: Effect.map(
    Effect.all([
      compare("ledger", "a purchase over 100 ms hops", atMost("value", 3)),
      compare("nwc", "a purchase over 100 ms hops, the wallet's too")
    ]),
    (found) => measured(found.flat())
  )
}
