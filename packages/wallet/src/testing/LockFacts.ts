/** How a payer locks money, and what becomes of it. */
import { Bolt11, Msat } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Effect, Fiber, Option } from "effect"
import assert from "node:assert/strict"
import * as Blocks from "../Blocks.ts"
import {
  amount,
  becomes,
  cancel,
  decode,
  failure,
  heldUntil,
  holdInvoice,
  holdTerms,
  lock,
  lockFor,
  orderOf,
  outlast,
  request,
  sent
} from "./Dealings.ts"
import type { Fact } from "./World.ts"

export const facts: ReadonlyArray<Fact> = [
  {
    promise: "locks money until its preimage is shown, and says how long it lasts at least",
    check: Effect.fnUntraced(function* (world) {
      const { alice, bob, feeFor, funds } = world
      const { made, preimage } = yield* holdInvoice(world)
      const { end } = yield* lockFor(world, alice, made)

      const held = Option.getOrThrow(yield* bob.wallet.lookupIncoming(made.paymentHash))
      assert.equal(held.state, "held")
      const left = Option.getOrThrow(held.heldUntil) - (yield* UnixTime.now)
      const { blocks, lost } = holdTerms(world)
      assert.ok(left > (blocks - lost - 1) * Blocks.seconds - 60)
      assert.equal(yield* bob.wallet.balance, 0)
      assert.equal(yield* alice.wallet.balance, funds - amount - feeFor(amount))
      assert.equal((yield* sent(alice, made)).state, "pending")

      yield* bob.wallet.settleHoldInvoice(preimage)
      assert.equal((yield* end).preimage, preimage)
      assert.equal((yield* end).preimage, preimage)
      assert.equal(yield* bob.wallet.balance, amount)
      assert.equal((yield* sent(alice, made)).state, "settled")
      const taken = Option.getOrThrow(yield* bob.wallet.lookupIncoming(made.paymentHash))
      assert.deepEqual([taken.state, taken.heldUntil], ["settled", Option.none()])
    })
  },
  {
    promise: "lets the payee take locked money until the time that it says",
    check: Effect.fnUntraced(function* (world) {
      const { alice, bob, later } = world
      const { made, preimage } = yield* holdInvoice(world)
      const { end } = yield* lockFor(world, alice, made)
      const until = Option.getOrThrow(yield* heldUntil(world, made))
      yield* later(`${until - (yield* UnixTime.now) - 60} seconds`)
      yield* bob.wallet.settleHoldInvoice(preimage)
      assert.equal((yield* end).preimage, preimage)
      assert.equal(yield* bob.wallet.balance, amount)
    })
  },
  {
    promise: "gives locked money back when the payee cancels, and does not lock it again",
    check: Effect.fnUntraced(function* (world) {
      const { alice, funds } = world
      const { made } = yield* holdInvoice(world)
      const { end } = yield* lockFor(world, alice, made)
      yield* cancel(world, made)
      yield* failure(end)
      assert.equal((yield* sent(alice, made)).state, "failed")
      yield* failure(lock(alice, made))
      assert.equal(yield* alice.wallet.balance, funds)
    })
  },
  {
    promise: "gives locked money back that nobody has taken in time",
    check: Effect.fnUntraced(function* (world) {
      const { alice, bob, funds } = world
      const { made, preimage } = yield* holdInvoice(world)
      const { end } = yield* lockFor(world, alice, made)
      yield* outlast(world, yield* heldUntil(world, made))
      yield* failure(end)
      assert.equal(yield* alice.wallet.balance, funds)
      const late = yield* Effect.flip(bob.wallet.settleHoldInvoice(preimage))
      assert.equal(late.reason._tag, "WalletRefused")
      const gone = Option.getOrThrow(yield* bob.wallet.lookupIncoming(made.paymentHash))
      assert.deepEqual([gone.state, gone.heldUntil], ["cancelled", Option.none()])
      assert.equal((yield* sent(alice, made)).state, "failed")
    })
  },
  {
    promise: "pays when it locks the money of an invoice whose payee does not wait",
    check: Effect.fnUntraced(function* ({ alice, bob }) {
      const made = yield* bob.wallet.makeInvoice(request)
      const { end } = yield* lock(alice, made)
      yield* becomes(bob.wallet, made, "settled")
      assert.equal(yield* bob.wallet.balance, amount)
      assert.equal(Bolt11.hashOf((yield* end).preimage), made.paymentHash)
    })
  },
  {
    promise: "locks of one invoice at the same time move its money once, and end alike",
    check: Effect.fnUntraced(function* (world) {
      const { alice, bob, feeFor, funds } = world
      const { made, preimage } = yield* holdInvoice(world)
      const locks = yield* Effect.all([lockFor(world, alice, made), lockFor(world, alice, made)], {
        concurrency: "unbounded"
      })
      assert.equal(yield* alice.wallet.balance, funds - amount - feeFor(amount))
      yield* bob.wallet.settleHoldInvoice(preimage)
      for (const { end } of locks) assert.equal((yield* end).preimage, preimage)
      assert.equal(yield* bob.wallet.balance, amount)
    })
  },
  {
    promise: "leaves a lock to be looked up and taken up again when its caller goes away",
    check: Effect.fnUntraced(function* (world) {
      const { alice, bob, feeFor, funds } = world
      const { made, preimage } = yield* holdInvoice(world)
      const locking = yield* Effect.forkChild(lock(alice, made))
      yield* becomes(bob.wallet, made, "held")
      yield* Fiber.interrupt(locking)
      assert.equal((yield* sent(alice, made)).state, "pending")

      const { end } = yield* lock(alice, made)
      assert.equal(yield* alice.wallet.balance, funds - amount - feeFor(amount))
      yield* bob.wallet.settleHoldInvoice(preimage)
      assert.equal((yield* end).preimage, preimage)
    })
  },
  {
    promise: "fails a lock that the balance does not cover",
    check: Effect.fnUntraced(function* (world) {
      const { alice, funds } = world
      const { made } = yield* holdInvoice(world, Msat.add(funds, amount))
      const failed = yield* failure(lock(alice, made))
      assert.equal(failed.reason, "insufficient_balance")
      assert.equal(yield* alice.wallet.balance, funds)
    })
  },
  {
    promise: "fails a lock of what somebody else has locked",
    check: Effect.fnUntraced(function* (world) {
      const { alice, carol, funds } = world
      const { made } = yield* holdInvoice(world)
      yield* lockFor(world, carol, made)
      yield* failure(lock(alice, made))
      assert.equal(yield* alice.wallet.balance, funds)
    })
  },
  {
    promise: "does not lock money after the order has expired",
    check: Effect.fnUntraced(function* (world) {
      const { alice, funds } = world
      const { made } = yield* holdInvoice(world)
      const invoice = yield* decode(made)
      const late = { invoice, maxFee: Msat.most, expiresAt: invoice.createdAt - 60 }
      const failed = yield* failure(alice.payer.lock(late))
      assert.equal(failed.reason, "expired")
      assert.equal(yield* alice.wallet.balance, funds)
    })
  },
  {
    promise: "refuses to lock for a fee above the cap, where it says that it caps fees",
    check: Effect.fnUntraced(function* (world) {
      const { alice, feeFor, funds } = world
      const { made } = yield* holdInvoice(world)
      if (!alice.payer.capsFee) return
      const tooLittle = Msat.subtract(feeFor(amount), Msat.make(1))
      const failed = yield* failure(alice.payer.lock(yield* orderOf(made, tooLittle)))
      assert.equal(failed.reason, "fee_too_high")
      assert.equal(yield* alice.wallet.balance, funds)
    })
  }
]
