import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { TestClock } from "effect/testing"
import * as Audit from "../src/Audit.ts"
import { PurchaseId } from "../src/Spend.ts"
import type * as SpendLedger from "../src/SpendLedger.ts"
import { sats } from "./Fixture.ts"
import { ledgerOf, migrated, order, proofOf, rules, walletId } from "./Orders.ts"

const findings = (ledger: SpendLedger.SpendLedger) =>
  Effect.map(ledger.everything, (books) => Audit.ofBooks(books, walletId).findings)

describe("a reservation", () => {
  it.effect("may be paid from its commit on, for as long as payments may take", () =>
    Effect.gen(function* () {
      const ledger = yield* ledgerOf("owner")
      yield* TestClock.adjust("100 seconds")
      const spend = yield* ledger.reserve(order("a"), rules())
      assert.strictEqual(spend.state, "submitted")
      assert.strictEqual(spend.payExpiresAt, 160)
      const soon = yield* ledger.reserve(order("b", { expiresAt: 110 }), rules())
      assert.strictEqual(soon.payExpiresAt, 110)
    }).pipe(Effect.provide(migrated))
  )

  it.effect("is taken over once its lease lapsed, and stays whatever its owner says then", () =>
    Effect.gen(function* () {
      const slow = yield* ledgerOf("slow")
      const other = yield* ledgerOf("other")
      const spend = yield* slow.reserve(order("a"), rules())
      assert.isTrue(Option.isNone(yield* other.takeOver(spend.paymentHash)))
      yield* TestClock.adjust("30 seconds")
      const taken = Option.getOrThrow(yield* other.takeOver(spend.paymentHash))
      assert.strictEqual(taken.state, "submitted")
      assert.strictEqual((yield* slow.fail(spend, "not paid")).state, "submitted")
      assert.strictEqual((yield* other.fail(taken, "proven")).state, "failed")
      assert.deepStrictEqual(yield* findings(slow), [])
    }).pipe(Effect.provide(migrated))
  )

  it.effect("whose lease is renewed is taken from nobody", () =>
    Effect.gen(function* () {
      const ledger = yield* ledgerOf("diligent")
      const other = yield* ledgerOf("other")
      const spend = yield* ledger.reserve(order("a"), rules())
      for (let n = 0; n < 10; n++) {
        yield* TestClock.adjust("20 seconds")
        assert.isTrue(yield* ledger.renew(spend))
      }
      assert.isTrue(Option.isNone(yield* other.takeOver(spend.paymentHash)))
    }).pipe(Effect.provide(migrated))
  )

  it.effect("once lapsed cannot be renewed", () =>
    Effect.gen(function* () {
      const ledger = yield* ledgerOf("slow")
      const spend = yield* ledger.reserve(order("a"), rules())
      yield* TestClock.adjust("30 seconds")
      assert.isFalse(yield* ledger.renew(spend))
    }).pipe(Effect.provide(migrated))
  )

  it.effect("is refused once the invoice has expired", () =>
    Effect.gen(function* () {
      const ledger = yield* ledgerOf("owner")
      yield* TestClock.adjust("10 seconds")
      const error = yield* Effect.flip(ledger.reserve(order("a", { expiresAt: 10 }), rules()))
      assert.strictEqual(error._tag === "PaymentRefused" && error.reason, "expired")
      assert.deepStrictEqual(yield* ledger.unresolved, [])
    }).pipe(Effect.provide(migrated))
  )

  it.effect("keeps its purchase from another invoice, also after its owner died", () =>
    Effect.gen(function* () {
      const ledger = yield* ledgerOf("owner")
      const purchase = PurchaseId.make("wish")
      const spend = yield* ledger.reserve(order("a", { purchase }), rules())
      const another = Effect.flip(ledger.reserve(order("b", { purchase }), rules()))
      assert.strictEqual((yield* another)._tag, "PaymentRefused")
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual((yield* another)._tag, "PaymentRefused")
      yield* ledger.fail(spend, "proven")
      yield* ledger.reserve(order("b", { purchase }), rules())
      assert.deepStrictEqual(yield* findings(ledger), [])
    }).pipe(Effect.provide(migrated))
  )
})

describe("what may leave the wallet", () => {
  it.effect("is less what was spent since the wallet was asked", () =>
    Effect.gen(function* () {
      const ledger = yield* ledgerOf("owner")
      const asked = { ...rules(), funds: { spendable: sats(200), spentBefore: sats(0) } }
      const first = yield* ledger.reserve(order("a"), asked)
      yield* ledger.settle(first.paymentHash, proofOf("a", sats(0)))
      const error = yield* Effect.flip(ledger.reserve(order("b"), asked))
      assert.strictEqual(error._tag === "Refused" && error.error.limit, "reserve_sats")
      const askedAgain = { ...rules(), funds: { spendable: sats(200), spentBefore: sats(100) } }
      yield* ledger.reserve(order("b"), askedAgain)
    }).pipe(Effect.provide(migrated))
  )
})

describe("a payment whose end is told twice", () => {
  it.effect("that is settled stays settled, and is booked once", () =>
    Effect.gen(function* () {
      const ledger = yield* ledgerOf("owner")
      const spend = yield* ledger.reserve(order("a"), rules())
      yield* ledger.settle(spend.paymentHash, proofOf("a", sats(1)))
      yield* ledger.settle(spend.paymentHash, proofOf("a", sats(2)))
      yield* ledger.fail(spend, "late")
      yield* ledger.leaveUnknown(spend, "late")
      const { spends, entries } = yield* ledger.everything
      assert.strictEqual(spends[0]?.state, "settled")
      assert.strictEqual(spends[0]?.fee, sats(1))
      assert.deepStrictEqual(
        entries.map(({ what }) => what),
        ["submitted", "settled"]
      )
    }).pipe(Effect.provide(migrated))
  )

  it.effect("that was believed to have failed is recorded, and freezes spending", () =>
    Effect.gen(function* () {
      const ledger = yield* ledgerOf("owner")
      const spend = yield* ledger.reserve(order("a"), rules())
      const { paymentHash } = spend
      yield* ledger.fail(spend, "said the wallet")
      yield* ledger.settle(paymentHash, proofOf("a", sats(1)))
      const summary = yield* ledger.summary(rules().zone)
      assert.strictEqual(summary.lifetime.spent, sats(101))
      assert.include(summary.frozen, paymentHash)
      assert.deepStrictEqual(yield* findings(ledger), [])
    }).pipe(Effect.provide(migrated))
  )
})
