/** What becomes of payments whose payer went away in the middle, or came back as another process. */
import { Effect, Option } from "effect"
import assert from "node:assert/strict"
import {
  amount,
  cancel,
  failure,
  holdInvoice,
  lock,
  lockFor,
  orderOf,
  pay,
  request,
  sent
} from "./Dealings.ts"
import type { Fact, World } from "./World.ts"

const reopened = (world: World, who: "alice" | "bob") =>
  world.reopen?.(who) ?? Effect.succeed(world[who])

export const facts: ReadonlyArray<Fact> = [
  {
    promise: "takes up a lock that is under way without moving money again",
    check: Effect.fnUntraced(function* (world) {
      const { alice, bob, feeFor, funds } = world
      const { made, preimage } = yield* holdInvoice(world)
      const { end } = yield* lockFor(world, alice, made)
      yield* alice.payer.resume(yield* orderOf(made))
      assert.equal(yield* alice.wallet.balance, funds - amount - feeFor(amount))
      assert.equal((yield* sent(alice, made)).state, "pending")
      yield* bob.wallet.settleHoldInvoice(preimage)
      assert.equal((yield* end).preimage, preimage)
      assert.equal(yield* bob.wallet.balance, amount)
    })
  },
  {
    promise: "takes up nothing that is done",
    check: Effect.fnUntraced(function* ({ alice, bob, feeFor, funds }) {
      const made = yield* bob.wallet.makeInvoice(request)
      yield* pay(alice, made)
      yield* alice.payer.resume(yield* orderOf(made))
      assert.equal((yield* sent(alice, made)).state, "settled")
      assert.equal(yield* alice.wallet.balance, funds - amount - feeFor(amount))
      assert.equal(yield* bob.wallet.balance, amount)
    })
  },
  {
    promise: "takes up nothing that has failed, and nothing that was never begun",
    check: Effect.fnUntraced(function* (world) {
      const { alice, bob, funds } = world
      const { made: failed } = yield* holdInvoice(world)
      const { end } = yield* lockFor(world, alice, failed)
      yield* cancel(world, failed)
      yield* failure(end)
      const fresh = yield* bob.wallet.makeInvoice(request)
      for (const made of [failed, fresh]) {
        const outcome = yield* Effect.result(alice.payer.resume(yield* orderOf(made)))
        assert.ok(outcome._tag === "Success" || outcome.failure._tag === "PaymentUnknown")
      }
      assert.equal((yield* sent(alice, failed)).state, "failed")
      assert.deepEqual(yield* alice.wallet.lookupOutgoing(fresh.paymentHash), Option.none())
      assert.equal(yield* alice.wallet.balance, funds)
    })
  },
  {
    promise: "knows its payments and invoices when it is opened again, and goes on with them",
    check: Effect.fnUntraced(function* (world) {
      const { alice, bob } = world
      const made = yield* bob.wallet.makeInvoice(request)
      const { preimage: proof } = yield* pay(alice, made)
      const { made: hold, preimage } = yield* holdInvoice(world)
      yield* lockFor(world, alice, hold)

      const payer = yield* reopened(world, "alice")
      const payee = yield* reopened(world, "bob")
      assert.equal(payer.wallet.id, alice.wallet.id)
      assert.equal(yield* payee.wallet.balance, amount)
      assert.deepEqual((yield* sent(payer, made)).preimage, Option.some(proof))
      assert.equal((yield* sent(payer, hold)).state, "pending")
      const known = yield* Effect.forEach([made, hold], ({ paymentHash }) =>
        payee.wallet.lookupIncoming(paymentHash)
      )
      assert.deepEqual(
        known.map((incoming) => Option.getOrThrow(incoming).state),
        ["settled", "held"]
      )

      assert.equal((yield* pay(payer, made)).preimage, proof)
      const { end } = yield* lock(payer, hold)
      yield* payee.wallet.settleHoldInvoice(preimage)
      assert.equal((yield* end).preimage, preimage)
      assert.equal(yield* payee.wallet.balance, 2 * amount)
    })
  }
]
