import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { TestClock } from "effect/testing"
import * as Audit from "../src/Audit.ts"
import { PurchaseId } from "../src/Spend.ts"
import type * as SpendLedger from "../src/SpendLedger.ts"
import { sats } from "./Fixture.ts"
import { ledgerOf, migrated, order, proofOf, rules, walletId } from "./Orders.ts"

const stateOf = (ledger: SpendLedger.SpendLedger, name: string) =>
  Effect.map(ledger.ofPurchase(PurchaseId.make(name)), ([record]) => record?.state)

const findings = (ledger: SpendLedger.SpendLedger) =>
  Effect.map(ledger.everything, (books) => Audit.ofBooks(books, walletId).findings)

describe("an intent", () => {
  it.effect("whose lease lapsed is released by recovery, and its owner pays no more", () =>
    Effect.gen(function* () {
      const slow = yield* ledgerOf("slow")
      const other = yield* ledgerOf("other")
      const intent = yield* slow.reserve(order("a"), rules())
      assert.isTrue(Option.isNone(yield* other.takeOver(intent.paymentHash)))
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(
        Option.getOrThrow(yield* other.takeOver(intent.paymentHash)).state,
        "failed"
      )
      const error = yield* Effect.flip(slow.submit(intent, 60))
      assert.strictEqual(error._tag === "PaymentFailed" && error.reason, "refused")
      assert.deepStrictEqual(yield* findings(slow), [])
    }).pipe(Effect.provide(migrated))
  )

  it.effect("whose lease lapsed is not submitted even if nobody took it over", () =>
    Effect.gen(function* () {
      const ledger = yield* ledgerOf("slow")
      const intent = yield* ledger.reserve(order("a"), rules())
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual((yield* Effect.flip(ledger.submit(intent, 60)))._tag, "PaymentFailed")
      assert.strictEqual(yield* stateOf(ledger, "a"), "failed")
    }).pipe(Effect.provide(migrated))
  )

  it.effect("whose lease is renewed is submitted long after", () =>
    Effect.gen(function* () {
      const ledger = yield* ledgerOf("diligent")
      const intent = yield* ledger.reserve(order("a"), rules())
      for (let n = 0; n < 10; n++) {
        yield* TestClock.adjust("20 seconds")
        assert.isTrue(yield* ledger.renew(intent))
      }
      assert.strictEqual((yield* ledger.submit(intent, 500)).state, "submitted")
    }).pipe(Effect.provide(migrated))
  )

  it.effect("once lapsed cannot be renewed", () =>
    Effect.gen(function* () {
      const ledger = yield* ledgerOf("slow")
      const intent = yield* ledger.reserve(order("a"), rules())
      yield* TestClock.adjust("30 seconds")
      assert.isFalse(yield* ledger.renew(intent))
    }).pipe(Effect.provide(migrated))
  )

  it.effect("is not submitted twice", () =>
    Effect.gen(function* () {
      const ledger = yield* ledgerOf("eager")
      const intent = yield* ledger.reserve(order("a"), rules())
      yield* ledger.submit(intent, 60)
      assert.strictEqual((yield* Effect.flip(ledger.submit(intent, 60)))._tag, "PaymentFailed")
      assert.strictEqual(yield* stateOf(ledger, "a"), "submitted")
    }).pipe(Effect.provide(migrated))
  )

  it.effect("is released when spending was frozen before it was submitted", () =>
    Effect.gen(function* () {
      const ledger = yield* ledgerOf("owner")
      const intent = yield* ledger.reserve(order("a"), rules())
      yield* ledger.freeze("stop")
      assert.strictEqual((yield* Effect.flip(ledger.submit(intent, 60)))._tag, "BudgetExhausted")
      assert.strictEqual(yield* stateOf(ledger, "a"), "failed")
    }).pipe(Effect.provide(migrated))
  )

  it.effect("is released when the invoice expired before it was submitted", () =>
    Effect.gen(function* () {
      const ledger = yield* ledgerOf("owner")
      const intent = yield* ledger.reserve(order("a", { expiresAt: 10 }), rules())
      yield* TestClock.adjust("10 seconds")
      const error = yield* Effect.flip(ledger.submit(intent, 10))
      assert.strictEqual(error._tag === "PaymentFailed" && error.reason, "expired")
      assert.strictEqual(yield* stateOf(ledger, "a"), "failed")
    }).pipe(Effect.provide(migrated))
  )

  it.effect("of a dead process does not keep its purchase from another invoice", () =>
    Effect.gen(function* () {
      const ledger = yield* ledgerOf("owner")
      const purchase = PurchaseId.make("wish")
      const dead = yield* ledger.reserve(order("a", { purchase }), rules())
      const error = yield* Effect.flip(ledger.reserve(order("b", { purchase }), rules()))
      assert.strictEqual(error._tag, "PaymentRefused")
      yield* TestClock.adjust("30 seconds")
      yield* ledger.reserve(order("b", { purchase }), rules())
      assert.strictEqual((yield* Effect.flip(ledger.submit(dead, 60)))._tag, "PaymentFailed")
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
      const intent = yield* ledger.reserve(order("a"), rules())
      yield* ledger.settle(intent.paymentHash, proofOf("a", sats(1)))
      yield* ledger.settle(intent.paymentHash, proofOf("a", sats(2)))
      yield* ledger.fail(intent, "late")
      yield* ledger.leaveUnknown(intent, "late")
      const { spends, entries } = yield* ledger.everything
      assert.strictEqual(spends[0]?.state, "settled")
      assert.strictEqual(spends[0]?.fee, sats(1))
      assert.deepStrictEqual(
        entries.map(({ what }) => what),
        ["intended", "settled"]
      )
    }).pipe(Effect.provide(migrated))
  )

  it.effect("that was believed to have failed is recorded, and freezes spending", () =>
    Effect.gen(function* () {
      const ledger = yield* ledgerOf("owner")
      const intent = yield* ledger.reserve(order("a"), rules())
      const { paymentHash } = intent
      yield* ledger.fail(intent, "said the wallet")
      yield* ledger.settle(paymentHash, proofOf("a", sats(1)))
      const summary = yield* ledger.summary(rules().zone)
      assert.strictEqual(summary.lifetime.spent, sats(101))
      assert.include(summary.frozen, paymentHash)
      assert.deepStrictEqual(yield* findings(ledger), [])
    }).pipe(Effect.provide(migrated))
  )
})
