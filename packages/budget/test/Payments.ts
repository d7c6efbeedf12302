/** Payments through the Treasury, and what refuses them. */
import { assert } from "@effect/vitest"
import { Msat } from "@farthing/protocol"
import { Faults } from "@farthing/wallet"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import type { Spend } from "../src/Spend.ts"
import * as Treasury from "../src/Treasury.ts"
import { sats, spend } from "./Fixture.ts"

export const inject = (...faults: ReadonlyArray<Faults.Fault>) =>
  Effect.flatMap(Faults.Faults, ({ inject }) => inject("agent", ...faults))

export const pay = Effect.fnUntraced(function* (amount: Msat.Msat, rest?: Partial<Spend>) {
  const treasury = yield* Treasury.Treasury
  return yield* treasury.pay(yield* spend(amount, rest))
})

export const refusal = (amount: Msat.Msat, rest?: Partial<Spend>) => Effect.flip(pay(amount, rest))

/** The limit that stands in the way. */
export const limitOf = (amount: Msat.Msat, rest?: Partial<Spend>) =>
  Effect.map(refusal(amount, rest), (error) =>
    error._tag === "BudgetExhausted" ? error.limit : error._tag
  )

/** Runs in a world that begins at a time. */
export const from = <A, E, R>(time: string, body: Effect.Effect<A, E, R>) =>
  Effect.andThen(TestClock.setTime(Date.parse(time)), body)

export const untouched = Effect.gen(function* () {
  const { held, spentEver } = yield* (yield* Treasury.Treasury).status
  assert.deepStrictEqual({ held, spentEver }, { held: Msat.zero, spentEver: Msat.zero })
})

/** A payment that has come to the wallet, and what the ledger says of it. */
export const beginning = Effect.fnUntraced(function* (wish: Spend) {
  const treasury = yield* Treasury.Treasury
  const payment = yield* Effect.forkChild(treasury.pay(wish), { startImmediately: true })
  const record = Effect.map(treasury.find(wish.purchase), (spends) => spends.at(-1))
  yield* Effect.repeat(record, { until: (spend) => spend !== undefined })
  // The wallet is asked right after the reservation.
  yield* Effect.repeat(Effect.yieldNow, { times: 10 })
  return { wish, payment, record }
})

/** The same for 100 sats. */
export const underWay = Effect.flatMap(
  Effect.suspend(() => spend(sats(100))),
  beginning
)
