import { assert, describe, it } from "@effect/vitest"
import { Bolt11, Msat } from "@farthing/protocol"
import type { Payer } from "@farthing/wallet"
import { Bank, Faults } from "@farthing/wallet"
import { Effect, Fiber, Layer, Option, Result } from "effect"
import { TestClock } from "effect/testing"
import * as Books from "./Books.ts"

const amount = Msat.make(21_000)
const fee = Msat.make(1_105)
const funds = Msat.make(100_000)

const faulty = Faults.layer.pipe(Layer.provide(Books.layer()))

/** A bank at which bob has an invoice for alice, to whom the fault will happen. */
const dealWith = Effect.fnUntraced(function* (
  fault: Faults.Fault,
  terms: Partial<Bank.MakeInvoice> = {}
) {
  const bank = yield* Bank.Bank
  yield* bank.open("alice", funds)
  yield* bank.open("bob")
  yield* (yield* Faults.Faults).inject("alice", fault)
  const made = yield* bank.makeInvoice("bob", {
    amount,
    description: "",
    expiry: "1 hour",
    ...terms
  })
  return { bank, made }
})

/** What is heard within a minute, at a bank whose book is whole afterwards. */
const heardOf = Effect.fnUntraced(function* <A, E, R>(payment: Effect.Effect<A, E, R>) {
  const paying = yield* Effect.forkChild(
    payment.pipe(Effect.result, Effect.timeoutOption("1 minute")),
    { startImmediately: true }
  )
  // Second by second: what happens in a moment must not find the minute over.
  yield* Effect.repeat(TestClock.adjust("1 second"), {
    until: () => paying.pollUnsafe() !== undefined
  })
  const heard = yield* Fiber.join(paying)
  assert.deepEqual((yield* (yield* Bank.Bank).audit).findings, [])
  return heard
})

/** What alice hears of a payment to bob that goes wrong, and what bob has then. */
const after = Effect.fnUntraced(function* (fault: Faults.Fault) {
  const { bank, made } = yield* dealWith(fault)
  const heard = yield* heardOf(Books.pay("alice", made))
  return { bank, made, heard, received: yield* bank.balance("bob") }
})

const words = <A>(
  heard: Option.Option<Result.Result<A, Payer.PaymentFailed | Payer.PaymentUnknown>>
): string =>
  Option.match(heard, {
    onNone: () => "silence",
    onSome: Result.match({ onFailure: ({ _tag }) => _tag, onSuccess: () => "paid" })
  })

describe("faults on demand", () => {
  const cases: ReadonlyArray<readonly [fault: Faults.Fault, heard: string, received: number]> = [
    [{ _tag: "FailBeforePaying", reason: "no_route" }, "PaymentFailed", 0],
    [{ _tag: "SilenceBeforePaying" }, "silence", 0],
    [{ _tag: "BreakBeforePaying" }, "PaymentUnknown", 0],
    [{ _tag: "PayThenFail", reason: "no_route" }, "PaymentFailed", amount],
    [{ _tag: "PayThenSilence" }, "silence", amount],
    [{ _tag: "PayThenBreak" }, "PaymentUnknown", amount],
    [{ _tag: "PaySlowly", delay: "30 seconds" }, "paid", amount],
    [{ _tag: "WrongPreimage" }, "paid", amount],
    [{ _tag: "Overcharge", by: Msat.make(5_000) }, "paid", amount]
  ]
  for (const [fault, heard, received] of cases) {
    it.effect(`${fault._tag}: ${heard}, and the payee has ${received}`, () =>
      Effect.gen(function* () {
        const outcome = yield* after(fault)
        assert.strictEqual(words(outcome.heard), heard)
        assert.strictEqual(outcome.received, received)
      }).pipe(Effect.provide(faulty))
    )
  }

  const preimage = Bolt11.Preimage.make("11".repeat(32))
  const hold = { paymentHash: Bolt11.hashOf(preimage) }

  const locks: ReadonlyArray<readonly [fault: Faults.Fault, heard: string, held: boolean]> = [
    [{ _tag: "FailBeforePaying", reason: "no_route" }, "PaymentFailed", false],
    [{ _tag: "SilenceBeforePaying" }, "silence", false],
    [{ _tag: "BreakBeforePaying" }, "PaymentUnknown", false],
    [{ _tag: "PayThenFail", reason: "no_route" }, "PaymentFailed", true],
    [{ _tag: "PayThenSilence" }, "silence", true],
    [{ _tag: "PayThenBreak" }, "PaymentUnknown", true],
    [{ _tag: "PaySlowly", delay: "30 seconds" }, "paid", true]
  ]
  for (const [fault, expected, held] of locks) {
    it.effect(`${fault._tag} of a lock: ${expected}, and the money is locked: ${held}`, () =>
      Effect.gen(function* () {
        const { bank, made } = yield* dealWith(fault, hold)
        assert.strictEqual(words(yield* heardOf(Books.lock("alice", made))), expected)
        const payment = yield* bank.findPayment("alice", made.paymentHash)
        assert.deepEqual(
          Option.map(payment, ({ state }) => state),
          held ? Option.some("pending") : Option.none()
        )
      }).pipe(Effect.provide(faulty))
    )
  }

  it.effect("a lock can end with a wrong preimage, or with more taken than was said", () =>
    Effect.gen(function* () {
      const { bank, made } = yield* dealWith({ _tag: "WrongPreimage" }, hold)
      const { end } = yield* Books.lock("alice", made)
      yield* bank.settleHold("bob", preimage)
      assert.notStrictEqual((yield* end).preimage, preimage)
      assert.strictEqual(yield* bank.balance("bob"), amount)

      const other = Bolt11.Preimage.make("22".repeat(32))
      const overcharge = { _tag: "Overcharge", by: Msat.make(5_000) } as const
      const dear = yield* dealWith(overcharge, { paymentHash: Bolt11.hashOf(other) })
      const before = yield* bank.balance("alice")
      const lock = yield* Books.lock("alice", dear.made)
      yield* bank.settleHold("bob", other)
      const paid = yield* lock.end
      assert.isAbove(paid.fee ?? 0, fee + 5_000)
      assert.strictEqual(yield* bank.balance("alice"), before - amount - (paid.fee ?? 0))
      assert.deepEqual((yield* bank.audit).findings, [])
    }).pipe(Effect.provide(faulty))
  )

  it.effect("a wrong preimage proves another payment", () =>
    Effect.gen(function* () {
      const { heard, made } = yield* after({ _tag: "WrongPreimage" })
      const { preimage } = yield* Effect.fromResult(Option.getOrThrow(heard))
      assert.notStrictEqual(Bolt11.hashOf(preimage), made.paymentHash)
    }).pipe(Effect.provide(faulty))
  )

  it.effect("an overcharge leaves the account", () =>
    Effect.gen(function* () {
      const { bank, heard } = yield* after({ _tag: "Overcharge", by: Msat.make(5_000) })
      const paid = yield* Effect.fromResult(Option.getOrThrow(heard))
      assert.isAbove(paid.fee ?? 0, fee)
      assert.strictEqual(yield* bank.balance("alice"), funds - amount - (paid.fee ?? 0))
    }).pipe(Effect.provide(faulty))
  )

  it.effect("each is used once, by the account and for the operation it was meant for", () =>
    Effect.gen(function* () {
      const bank = yield* Bank.Bank
      const { inject } = yield* Faults.Faults
      yield* bank.open("alice", funds)
      yield* bank.open("bob")
      yield* inject("alice", { _tag: "BalanceLies", balance: Msat.make(7) })
      yield* inject("bob", { _tag: "StaleInvoice" })
      assert.strictEqual(yield* bank.balance("bob"), 0)
      assert.strictEqual(yield* bank.balance("alice"), 7)
      assert.strictEqual(yield* bank.balance("alice"), funds)

      const made = yield* bank.makeInvoice("bob", { amount, description: "", expiry: "1 hour" })
      yield* Books.pay("alice", made)
      const look = Effect.map(bank.findInvoice("bob", made.paymentHash), Option.getOrThrow)
      assert.strictEqual((yield* look).state, "pending")
      assert.strictEqual((yield* look).state, "settled")
    }).pipe(Effect.provide(faulty))
  )
})
