/** How a payee holds money, takes it or gives it back. */
import { Effect, Fiber, Option, Stream } from "effect"
import assert from "node:assert/strict"
import { amount, becomes, decode, holdInvoice, minFinalCltvDelta, pay } from "./Dealings.ts"
import type { Fact } from "./World.ts"

export const facts: ReadonlyArray<Fact> = [
  {
    promise: "holds a payment until its preimage is shown",
    check: Effect.fnUntraced(function* ({ alice, bob, feeFor, funds }) {
      const { made, preimage } = yield* holdInvoice(bob)
      const told = yield* Effect.forkChild(
        bob.wallet.incoming.pipe(Stream.take(2), Stream.runCollect),
        { startImmediately: true }
      )
      const paying = yield* Effect.forkChild(pay(alice, made))
      yield* becomes(bob.wallet, made, "held")

      assert.equal(yield* bob.wallet.balance, 0)
      assert.equal(yield* alice.wallet.balance, funds - amount - feeFor(amount))
      const underway = Option.getOrThrow(yield* alice.wallet.lookupOutgoing(made.paymentHash))
      assert.equal(underway.state, "pending")
      assert.deepEqual(underway.preimage, Option.none())

      yield* bob.wallet.settleHoldInvoice(preimage)
      const paid = yield* Fiber.join(paying)
      assert.equal(paid.preimage, preimage)
      assert.equal(yield* bob.wallet.balance, amount)
      yield* becomes(bob.wallet, made, "settled")
      assert.deepEqual(
        (yield* Fiber.join(told)).map(({ state }) => state),
        ["held", "settled"]
      )
    })
  },
  {
    promise: "gives the money of a cancelled hold invoice back, fee and all",
    check: Effect.fnUntraced(function* ({ alice, bob, funds }) {
      const { made, preimage } = yield* holdInvoice(bob)
      const paying = yield* Effect.forkChild(Effect.flip(pay(alice, made)))
      yield* becomes(bob.wallet, made, "held")
      yield* bob.wallet.cancelHoldInvoice(made.paymentHash)

      assert.equal((yield* Fiber.join(paying))._tag, "PaymentFailed")
      assert.equal(yield* alice.wallet.balance, funds)
      const refused = yield* Effect.flip(bob.wallet.settleHoldInvoice(preimage))
      assert.equal(refused.reason._tag, "WalletRefused")
    })
  },
  {
    promise: "refuses to settle what is not held",
    check: Effect.fnUntraced(function* ({ alice, bob }) {
      const { made, preimage } = yield* holdInvoice(bob)
      const early = yield* Effect.flip(bob.wallet.settleHoldInvoice(preimage))
      assert.equal(early.reason._tag, "WalletRefused")
      const stranger = yield* Effect.flip(alice.wallet.cancelHoldInvoice(made.paymentHash))
      assert.equal(stranger.reason._tag, "WalletRefused")
    })
  },
  {
    promise: "issues hold invoices that lock the money for as long as it was asked to",
    check: Effect.fnUntraced(function* ({ bob }) {
      const { made } = yield* holdInvoice(bob)
      assert.equal((yield* decode(made)).minFinalCltvDelta, minFinalCltvDelta)
      assert.deepEqual(made.heldUntil, Option.none())
    })
  }
]
