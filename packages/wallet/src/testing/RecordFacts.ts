/** What a wallet says of itself, its invoices and its payments. */
import { Bolt11 } from "@farthing/protocol"
import { Effect, Fiber, Option, Stream } from "effect"
import assert from "node:assert/strict"
import { amount, decode, failure, newPreimage, pay, request, strangersHtlc } from "./Dealings.ts"
import type { Fact } from "./World.ts"

export const facts: ReadonlyArray<Fact> = [
  {
    promise: "says on which network it is and that it can hold and lock",
    check: Effect.fnUntraced(function* ({ alice, network }) {
      const info = yield* alice.wallet.info
      assert.equal(info.network, network)
      assert.equal(info.capabilities.hold, true)
      assert.equal(info.capabilities.lock, true)
      assert.equal(info.capabilities.feeCap, alice.payer.capsFee)
    })
  },
  {
    promise: "has an id of its own, which it says when it is asked, too",
    check: Effect.fnUntraced(function* ({ alice, bob, carol }) {
      const ids = [alice, bob, carol].map(({ wallet }) => wallet.id)
      assert.equal(new Set(ids).size, 3)
      assert.equal((yield* alice.wallet.info).id, alice.wallet.id)
    })
  },
  {
    promise: "issues invoices that say what was asked for",
    check: Effect.fnUntraced(function* ({ bob, network }) {
      const made = yield* bob.wallet.makeInvoice(request)
      const invoice = yield* decode(made)
      assert.equal(made.state, "pending")
      assert.equal(made.amount, amount)
      assert.equal(made.paymentHash, invoice.paymentHash)
      assert.equal(invoice.network, network)
      assert.deepEqual(invoice.amount, Option.some(amount))
      assert.deepEqual(invoice.description, Option.some("one thought"))
      assert.equal(invoice.expiresAt - invoice.createdAt, 600)
    })
  },
  {
    promise: "knows nothing of payments and invoices that are not its own",
    check: Effect.fnUntraced(function* ({ alice, bob, carol }) {
      const made = yield* bob.wallet.makeInvoice(request)
      assert.deepEqual(yield* bob.wallet.lookupOutgoing(made.paymentHash), Option.none())
      yield* pay(alice, made)
      assert.deepEqual(yield* bob.wallet.lookupOutgoing(made.paymentHash), Option.none())
      assert.deepEqual(yield* alice.wallet.lookupIncoming(made.paymentHash), Option.none())
      assert.deepEqual(yield* carol.wallet.lookupIncoming(made.paymentHash), Option.none())
      assert.deepEqual(yield* carol.wallet.lookupOutgoing(made.paymentHash), Option.none())
    })
  },
  {
    promise: "tells of money as it comes in",
    check: Effect.fnUntraced(function* ({ alice, bob }) {
      const told = yield* Effect.forkChild(Stream.runHead(bob.wallet.incoming), {
        startImmediately: true
      })
      const made = yield* bob.wallet.makeInvoice(request)
      yield* pay(alice, made)
      const incoming = Option.getOrThrow(yield* Fiber.join(told))
      assert.equal(incoming.paymentHash, made.paymentHash)
      assert.equal(incoming.state, "settled")
      assert.equal(incoming.amount, amount)
    })
  },
  {
    promise: "lists what came and what went, newest first",
    check: Effect.fnUntraced(function* ({ alice, bob }) {
      const first = yield* bob.wallet.makeInvoice(request)
      const second = yield* bob.wallet.makeInvoice(request)
      yield* pay(alice, first)
      yield* pay(alice, second)
      const hashes = [second.paymentHash, first.paymentHash]
      const { outgoing } = yield* alice.wallet.transactions()
      const { incoming } = yield* bob.wallet.transactions({ limit: 10 })
      assert.deepEqual(
        outgoing.map(({ paymentHash }) => paymentHash),
        hashes
      )
      assert.deepEqual(
        incoming.map(({ paymentHash }) => paymentHash),
        hashes
      )
      assert.deepEqual(
        outgoing.map(({ state }) => state),
        ["settled", "settled"]
      )
    })
  },
  {
    promise: "refuses what it says that it cannot do over Spark",
    check: Effect.fnUntraced(function* ({ alice, funds, network }) {
      if ((yield* alice.wallet.info).capabilities.htlc) return
      const preimage = yield* newPreimage
      const refused = yield* Effect.flip(
        alice.wallet.quoteHtlc({
          amount,
          paymentHash: Bolt11.hashOf(preimage),
          lock: "1 hour",
          expiry: "10 minutes"
        })
      )
      assert.equal(refused.reason._tag, "Unsupported")
      const failed = yield* failure(alice.payer.lock(yield* strangersHtlc(network, preimage)))
      assert.equal(failed.reason, "refused")
      assert.equal(yield* alice.wallet.balance, funds)
    })
  }
]
