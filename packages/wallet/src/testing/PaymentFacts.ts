/** How invoices are paid, and which are not. */
import { Bolt11, Msat } from "@farthing/protocol"
import { Effect, Option } from "effect"
import assert from "node:assert/strict"
import {
  amount,
  becomes,
  decode,
  failure,
  orderOf,
  pay,
  request,
  strangersInvoice
} from "./Dealings.ts"
import type { Fact } from "./World.ts"

export const facts: ReadonlyArray<Fact> = [
  {
    promise: "pays an invoice, proves it, and both sides say the same of it",
    check: Effect.fnUntraced(function* ({ alice, bob, feeFor, funds }) {
      const made = yield* bob.wallet.makeInvoice(request)
      const paid = yield* pay(alice, made)

      assert.equal(Bolt11.hashOf(paid.preimage), made.paymentHash)
      assert.equal(yield* bob.wallet.balance, amount)
      assert.equal(yield* alice.wallet.balance, funds - amount - feeFor(amount))

      const received = Option.getOrThrow(yield* bob.wallet.lookupIncoming(made.paymentHash))
      assert.equal(received.state, "settled")
      assert.equal(Option.isSome(received.settledAt), true)

      const sent = Option.getOrThrow(yield* alice.wallet.lookupOutgoing(made.paymentHash))
      assert.equal(sent.state, "settled")
      assert.equal(sent.amount, amount)
      assert.deepEqual(sent.preimage, Option.some(paid.preimage))
    })
  },
  {
    promise: "a second payment of an invoice moves nothing and gives the same proof",
    check: Effect.fnUntraced(function* ({ alice, bob }) {
      const made = yield* bob.wallet.makeInvoice(request)
      const first = yield* pay(alice, made)
      const second = yield* pay(alice, made)
      assert.equal(second.preimage, first.preimage)
      assert.equal(yield* bob.wallet.balance, amount)
    })
  },
  {
    promise: "payments of one invoice at the same time move its money once",
    check: Effect.fnUntraced(function* ({ alice, bob }) {
      const made = yield* bob.wallet.makeInvoice(request)
      const paid = yield* Effect.all([pay(alice, made), pay(alice, made), pay(alice, made)], {
        concurrency: "unbounded"
      })
      assert.equal(new Set(paid.map(({ preimage }) => preimage)).size, 1)
      assert.equal(yield* bob.wallet.balance, amount)
    })
  },
  {
    promise: "fails an invoice that somebody else has paid",
    check: Effect.fnUntraced(function* ({ alice, bob, carol, funds }) {
      const made = yield* bob.wallet.makeInvoice(request)
      yield* pay(carol, made)
      yield* failure(pay(alice, made))
      assert.equal(yield* alice.wallet.balance, funds)
    })
  },
  {
    promise: "fails a payment that the balance does not cover",
    check: Effect.fnUntraced(function* ({ alice, bob, funds }) {
      const made = yield* bob.wallet.makeInvoice({ ...request, amount: Msat.add(funds, amount) })
      const failed = yield* failure(pay(alice, made))
      assert.equal(failed.reason, "insufficient_balance")
      assert.equal(yield* alice.wallet.balance, funds)
      assert.deepEqual(yield* alice.wallet.lookupOutgoing(made.paymentHash), Option.none())
    })
  },
  {
    promise: "fails an invoice that leads nowhere",
    check: Effect.fnUntraced(function* ({ alice, funds, network }) {
      yield* failure(pay(alice, { bolt11: yield* strangersInvoice(network, Option.some(amount)) }))
      assert.equal(yield* alice.wallet.balance, funds)
    })
  },
  {
    promise: "fails an invoice without an amount",
    check: Effect.fnUntraced(function* ({ alice, funds, network }) {
      yield* failure(pay(alice, { bolt11: yield* strangersInvoice(network, Option.none()) }))
      assert.equal(yield* alice.wallet.balance, funds)
    })
  },
  {
    promise: "fails an invoice that has expired, which its payee tells as expired",
    check: Effect.fnUntraced(function* ({ alice, bob, funds, later }) {
      const made = yield* bob.wallet.makeInvoice(request)
      yield* later("11 minutes")
      yield* failure(pay(alice, made))
      assert.equal(yield* alice.wallet.balance, funds)
      yield* becomes(bob.wallet, made, "expired")
    })
  },
  {
    promise: "does not start a payment after the order has expired",
    check: Effect.fnUntraced(function* ({ alice, bob, funds }) {
      const made = yield* bob.wallet.makeInvoice(request)
      const invoice = yield* decode(made)
      const late = { invoice, maxFee: Msat.most, expiresAt: invoice.createdAt - 60 }
      const failed = yield* failure(alice.payer.pay(late))
      assert.equal(failed.reason, "expired")
      assert.equal(yield* alice.wallet.balance, funds)
    })
  },
  {
    promise: "does not pay itself",
    check: Effect.fnUntraced(function* ({ alice, funds }) {
      const made = yield* alice.wallet.makeInvoice(request)
      yield* failure(pay(alice, made))
      assert.equal(yield* alice.wallet.balance, funds)
    })
  },
  {
    promise: "refuses a fee above the cap, where it says that it caps fees",
    check: Effect.fnUntraced(function* ({ alice, bob, feeFor, funds }) {
      const made = yield* bob.wallet.makeInvoice(request)
      if (!alice.payer.capsFee) return
      const tooLittle = Msat.subtract(feeFor(amount), Msat.make(1))
      const failed = yield* failure(alice.payer.pay(yield* orderOf(made, tooLittle)))
      assert.equal(failed.reason, "fee_too_high")
      assert.equal(yield* alice.wallet.balance, funds)
    })
  }
]
