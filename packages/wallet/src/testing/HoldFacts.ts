/** How a payee holds money, takes it or gives it back. */
import { Effect, Fiber, Option, Stream } from "effect"
import assert from "node:assert/strict"
import {
  amount,
  becomes,
  begun,
  cancel,
  decode,
  failure,
  holdInvoice,
  holdTerms,
  lockFor,
  outlast,
  pay
} from "./Dealings.ts"
import type { Fact } from "./World.ts"

export const facts: ReadonlyArray<Fact> = [
  {
    promise: "holds a payment until its preimage is shown",
    check: Effect.fnUntraced(function* (world) {
      const { alice, bob, feeFor, funds } = world
      const { made, preimage } = yield* holdInvoice(world)
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
    check: Effect.fnUntraced(function* (world) {
      const { alice, bob, funds } = world
      const { made, preimage } = yield* holdInvoice(world)
      const paying = yield* Effect.forkChild(Effect.flip(pay(alice, made)))
      yield* becomes(bob.wallet, made, "held")
      yield* cancel(world, made)

      assert.equal((yield* Fiber.join(paying))._tag, "PaymentFailed")
      assert.equal(yield* alice.wallet.balance, funds)
      const refused = yield* Effect.flip(bob.wallet.settleHoldInvoice(preimage))
      assert.equal(refused.reason._tag, "WalletRefused")
    })
  },
  {
    promise: "refuses to settle what is not held",
    check: Effect.fnUntraced(function* (world) {
      const { alice, bob } = world
      const { made, preimage } = yield* holdInvoice(world)
      const early = yield* Effect.flip(bob.wallet.settleHoldInvoice(preimage))
      assert.equal(early.reason._tag, "WalletRefused")
      const stranger = yield* Effect.flip(alice.wallet.cancelHoldInvoice(made.paymentHash))
      assert.equal(stranger.reason._tag, "WalletRefused")
    })
  },
  {
    promise: "issues hold invoices that lock the money for as long as it was asked to",
    check: Effect.fnUntraced(function* (world) {
      const { made } = yield* holdInvoice(world)
      const { blocks, chosen } = holdTerms(world)
      if (chosen) assert.equal((yield* decode(made)).minFinalCltvDelta, blocks)
      assert.deepEqual(made.heldUntil, Option.none())
    })
  },
  {
    promise: "takes no money for a hold invoice that was cancelled before it was paid",
    check: Effect.fnUntraced(function* (world) {
      const { alice, bob, funds } = world
      const { made } = yield* holdInvoice(world)
      yield* bob.wallet.cancelHoldInvoice(made.paymentHash)
      yield* bob.wallet.cancelHoldInvoice(made.paymentHash)
      yield* becomes(bob.wallet, made, "cancelled")
      const paying = yield* Effect.forkChild(failure(pay(alice, made)))
      if (holdTerms(world).cancelReturns === "at the end") {
        yield* begun(alice, made)
        yield* outlast(world, Option.none())
      }
      yield* Fiber.join(paying)
      assert.equal(yield* alice.wallet.balance, funds)
      assert.equal(yield* bob.wallet.balance, 0)
    })
  },
  {
    promise: "takes money once, and does not give back what it has taken",
    check: Effect.fnUntraced(function* (world) {
      const { alice, bob } = world
      const { made, preimage } = yield* holdInvoice(world)
      const { end } = yield* lockFor(world, alice, made)
      yield* bob.wallet.settleHoldInvoice(preimage)
      yield* end
      yield* bob.wallet.settleHoldInvoice(preimage)
      const late = yield* Effect.flip(bob.wallet.cancelHoldInvoice(made.paymentHash))
      assert.equal(late.reason._tag, "WalletRefused")
      assert.equal(yield* bob.wallet.balance, amount)
    })
  }
]
