/** What it costs not to trust: escrow and sealed beside the same purchase paid upfront, in one run. */
import { Effect } from "effect"
import * as Duel from "../src/Duel.ts"
import { measured, type Measurement, type Row } from "../src/Row.ts"
import { median } from "../src/Statistics.ts"

type Mode = Duel.Task["settlement"]

const modes = ["upfront", "escrow", "sealed"] as const satisfies ReadonlyArray<Mode>

/** For how many milliseconds the relay holds each event, where waits are counted. */
const hop = 100

/** Milliseconds from wish to result: the median. */
const p50 = (task: Duel.Task) => Effect.map(Duel.watch(task, "clock"), ({ p50 }) => p50)

/** Each mode once, so that what disturbs the machine disturbs all. */
const round = (task: Duel.Task) =>
  Effect.map(
    Effect.forEach(modes, (settlement) => p50({ ...task, settlement })),
    ([upfront = Number.NaN, escrow = Number.NaN, sealed = Number.NaN]) => ({
      upfront,
      escrow,
      sealed
    })
  )

const compare = Effect.fnUntraced(function* (wallet: Duel.Task["wallet"], where: string) {
  const task = { ...Duel.oneAtATime, wallet, warmUp: 30, jobs: 30 }
  const rounds = [yield* round(task), yield* round(task), yield* round(task)]
  const direct = (mode: Mode) => median(rounds.map((times) => times[mode]))
  const held = yield* round({ ...task, hop, warmUp: 2, jobs: 7 })
  // What the hops add to a purchase says how many of them it waits for.
  const waits = (mode: Mode) => Math.round((held[mode] - direct(mode)) / hop)
  return (["escrow", "sealed"] as const).flatMap((mode): ReadonlyArray<Measurement> => [
    {
      what: `a purchase, ${mode}${where}: p50`,
      unit: "ms",
      value: direct(mode),
      baseline: { name: "upfront", value: direct("upfront") }
    },
    {
      what: `a purchase over 100 ms hops, ${mode}${where}: waits one after the other`,
      unit: "hops",
      value: waits(mode),
      baseline: { name: "upfront", value: waits("upfront") }
    }
  ])
})

export const settlement: Row = {
  name: "settlement",
  title: "escrow and sealed beside upfront",
  measure: Effect.gen(function* () {
    return measured([
      ...(yield* compare("ledger", "")),
      ...(yield* compare("nwc", ", wallets over NWC"))
    ])
  })
}
