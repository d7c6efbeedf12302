/** How money is locked over Spark, where a wallet says that it can: without an invoice. */
import { Bolt11, Msat } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Effect, Option, Redacted } from "effect"
import assert from "node:assert/strict"
import { amount, becomes, failure, newPreimage, sent } from "./Dealings.ts"
import type { HtlcRequest } from "../Payer.ts"
import type { Fact, Party } from "./World.ts"

const lockSeconds = 1_800

/** Bob expects money under a hash of alice's. */
const quote = Effect.fnUntraced(function* (payee: Party, price = amount) {
  const preimage = yield* newPreimage
  const htlc = yield* payee.wallet.quoteHtlc({
    amount: price,
    paymentHash: Bolt11.hashOf(preimage),
    lock: `${lockSeconds} seconds`,
    expiry: "10 minutes"
  })
  const expiresAt = (yield* UnixTime.now) + 60
  return { htlc, preimage, order: { htlc, preimage: Redacted.make(preimage), expiresAt } }
})

/** Locks, until the payee sees it. */
const locked = (payer: Party, payee: Party, order: HtlcRequest) =>
  Effect.tap(payer.payer.lock(order), () => becomes(payee.wallet, order.htlc, "held"))

const received = (payee: Party, { paymentHash }: { readonly paymentHash: Bolt11.PaymentHash }) =>
  Effect.map(payee.wallet.lookupIncoming(paymentHash), Option.getOrThrow)

export const facts: ReadonlyArray<Fact> = [
  {
    promise: "says that it can lock over Spark, and quotes what was asked for",
    check: Effect.fnUntraced(function* ({ bob, network }) {
      assert.equal((yield* bob.wallet.info).capabilities.htlc, true)
      const { htlc, preimage } = yield* quote(bob)
      assert.equal(htlc.network, network)
      assert.deepEqual(Option.some(htlc.address), yield* bob.wallet.address)
      assert.equal(htlc.amount, amount)
      assert.equal(htlc.paymentHash, Bolt11.hashOf(preimage))
      assert.equal(htlc.lockSeconds, lockSeconds)
      const left = htlc.expiresAt - (yield* UnixTime.now)
      assert.ok(left > 540 && left <= 600)
      const expected = yield* received(bob, htlc)
      assert.deepEqual([expected.state, expected.bolt11], ["pending", ""])
    })
  },
  {
    promise: "locks an HTLC without a fee until its preimage is shown, and says until when",
    check: Effect.fnUntraced(function* ({ alice, bob, funds }) {
      const { htlc, order, preimage } = yield* quote(bob)
      const { end } = yield* locked(alice, bob, order)
      yield* bob.wallet
        .lookupIncoming(htlc.paymentHash)
        .pipe(Effect.repeat({ until: Option.exists(({ state }) => state === "held") }))
      const left = Option.getOrThrow((yield* received(bob, htlc)).heldUntil) - (yield* UnixTime.now)
      assert.ok(left > lockSeconds - 60 && left <= lockSeconds)
      assert.equal(yield* bob.wallet.balance, 0)
      assert.equal(yield* alice.wallet.balance, funds - amount)
      const pending = yield* sent(alice, htlc)
      assert.deepEqual([pending.state, pending.bolt11], ["pending", ""])

      yield* bob.wallet.settleHoldInvoice(preimage)
      const paid = yield* end
      assert.deepEqual([paid.preimage, paid.fee ?? Msat.zero], [preimage, Msat.zero])
      assert.equal(yield* bob.wallet.balance, amount)
      assert.equal((yield* received(bob, htlc)).state, "settled")
      assert.deepEqual((yield* sent(alice, htlc)).preimage, Option.some(preimage))
    })
  },
  {
    promise: "locks an HTLC once, however often it is ordered",
    check: Effect.fnUntraced(function* ({ alice, bob, funds }) {
      const { order, preimage } = yield* quote(bob)
      const locks = yield* Effect.all([locked(alice, bob, order), locked(alice, bob, order)], {
        concurrency: "unbounded"
      })
      assert.equal(yield* alice.wallet.balance, funds - amount)
      yield* bob.wallet.settleHoldInvoice(preimage)
      for (const { end } of locks) assert.equal((yield* end).preimage, preimage)
      assert.equal(yield* bob.wallet.balance, amount)
    })
  },
  {
    promise: "gives an HTLC back that nobody has taken in time",
    check: Effect.fnUntraced(function* ({ alice, bob, funds, later }) {
      const { htlc, order, preimage } = yield* quote(bob)
      const { end } = yield* locked(alice, bob, order)
      yield* later(`${lockSeconds + 60} seconds`)
      yield* failure(end)
      assert.equal((yield* sent(alice, htlc)).state, "failed")
      assert.equal(yield* alice.wallet.balance, funds)
      const late = yield* Effect.flip(bob.wallet.settleHoldInvoice(preimage))
      assert.equal(late.reason._tag, "WalletRefused")
    })
  },
  {
    promise: "does not take an HTLC that it has cancelled",
    check: Effect.fnUntraced(function* ({ alice, bob, funds, later }) {
      const { htlc, order, preimage } = yield* quote(bob)
      const { end } = yield* locked(alice, bob, order)
      yield* bob.wallet.cancelHoldInvoice(htlc.paymentHash)
      const refused = yield* Effect.flip(bob.wallet.settleHoldInvoice(preimage))
      assert.equal(refused.reason._tag, "WalletRefused")
      yield* later(`${lockSeconds + 60} seconds`)
      yield* failure(end)
      assert.equal(yield* alice.wallet.balance, funds)
      assert.equal((yield* received(bob, htlc)).state, "cancelled")
    })
  },
  {
    promise: "fails to lock an HTLC that the balance does not cover, or after the order expired",
    check: Effect.fnUntraced(function* ({ alice, bob, funds }) {
      const { order: dear } = yield* quote(bob, Msat.add(funds, amount))
      assert.equal((yield* failure(alice.payer.lock(dear))).reason, "insufficient_balance")
      const { order } = yield* quote(bob)
      const late = { ...order, expiresAt: order.expiresAt - 120 }
      assert.equal((yield* failure(alice.payer.lock(late))).reason, "expired")
      assert.equal(yield* alice.wallet.balance, funds)
    })
  }
]
