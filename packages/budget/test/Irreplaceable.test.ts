import { assert, describe, it } from "@effect/vitest"
import { Msat } from "@farthing/protocol"
import { Faults, Wallet } from "@farthing/wallet"
import { Effect, Fiber, Option } from "effect"
import { TestClock } from "effect/testing"
import { PurchaseId } from "../src/Spend.ts"
import type { Spend } from "../src/Spend.ts"
import * as Treasury from "../src/Treasury.ts"
import { fee, funds, invoice, sats, seconds, spend, world } from "./Fixture.ts"
import { ledgerOf, migrated, order, rules } from "./Orders.ts"

const purchase = PurchaseId.make("a refund")

const pay = Effect.fnUntraced(function* (rest: Partial<Spend>) {
  const treasury = yield* Treasury.Treasury
  return yield* treasury.pay(yield* spend(sats(10), { purchase, ...rest }))
})

const refused = (rest: Partial<Spend>) =>
  Effect.map(Effect.flip(pay(rest)), (error) =>
    error._tag === "PaymentRefused" ? error.reason : error._tag
  )

describe("an invoice that will not be replaced", () => {
  it.effect("is tried again by its purchase alone, until it is paid", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      const { inject } = yield* Faults.Faults
      const asked = yield* invoice(sats(10))
      const again = { invoice: asked, irreplaceable: true }
      yield* inject("agent", { _tag: "FailBeforePaying", reason: "no_route" })
      assert.strictEqual(yield* refused(again), "PaymentFailed")
      assert.strictEqual(yield* refused({ invoice: asked }), "already_used")
      const other = { ...again, purchase: PurchaseId.make("another") }
      assert.strictEqual(yield* refused(other), "already_used")

      yield* pay(again)
      assert.strictEqual(yield* refused(again), "already_used")
      const records = yield* treasury.find(purchase)
      assert.deepStrictEqual(
        records.map(({ fence, state }) => [state, fence]),
        [["settled", 2]]
      )
      const wallet = yield* Wallet.Wallet
      assert.strictEqual(yield* wallet.balance, Msat.subtract(funds, Msat.add(sats(10), fee)))
      const { held, spentEver } = yield* treasury.status
      assert.deepStrictEqual([held, spentEver], [Msat.zero, Msat.add(sats(10), fee)])
      assert.deepStrictEqual((yield* treasury.audit).findings, [])
    }).pipe(Effect.provide(world()))
  )

  it.effect("is not tried again while its payment may still be made", () =>
    Effect.gen(function* () {
      const { inject } = yield* Faults.Faults
      const again = { invoice: yield* invoice(sats(10)), irreplaceable: true }
      yield* inject("agent", { _tag: "PayThenBreak" })
      yield* pay(again)
      assert.strictEqual(yield* refused(again), "already_used")
    }).pipe(Effect.provide(world()))
  )

  it.effect("is tried again once its request cannot be executed, long before it expires", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      const { inject } = yield* Faults.Faults
      const again = { invoice: yield* invoice(sats(10)), irreplaceable: true }
      yield* inject("agent", { _tag: "SilenceBeforePaying" })
      const silent = yield* Effect.forkChild(refused(again))
      yield* TestClock.adjust("90 seconds")
      assert.strictEqual(yield* Fiber.join(silent), "PaymentUnknown")
      assert.strictEqual(yield* refused(again), "already_used")
      yield* TestClock.adjust("3 minutes")
      const [over] = yield* treasury.recover
      assert.strictEqual(over?.state, "failed")
      yield* pay(again)
      const { held, spentEver } = yield* treasury.status
      assert.deepStrictEqual([held, spentEver], [Msat.zero, Msat.add(sats(10), fee)])
      assert.deepStrictEqual((yield* treasury.audit).findings, [])
    }).pipe(Effect.provide(world()))
  )

  it.effect("is tried again by another process once the first is proven to have failed", () =>
    Effect.gen(function* () {
      const dead = yield* ledgerOf("dead", seconds(30))
      const heir = yield* ledgerOf("heir", seconds(30))
      const wish = { ...order("a refund"), irreplaceable: true }
      const lost = yield* dead.reserve(wish, rules())
      const refusedReason = Effect.map(Effect.flip(heir.reserve(wish, rules())), (error) =>
        error._tag === "PaymentRefused" ? error.reason : error._tag
      )
      assert.strictEqual(yield* refusedReason, "already_used")
      yield* TestClock.adjust("31 seconds")
      assert.strictEqual(yield* refusedReason, "already_used")
      const taken = Option.getOrThrow(yield* heir.takeOver(lost.paymentHash))
      yield* heir.fail(taken, "proven")
      const again = yield* heir.reserve(wish, rules())
      assert.strictEqual((yield* dead.fail(lost, "late")).state, "submitted")
      assert.strictEqual(again.fence, taken.fence + 1)
    }).pipe(Effect.provide(migrated))
  )
})
