/**
 * Providers that are asked to let money be locked, and want it otherwise: what they quote is
 * neither locked nor paid.
 */
import { assert, layer } from "@effect/vitest"
import type { ComputeError } from "@farthing/compute"
import { Bolt11, Msat } from "@farthing/protocol"
import { Effect, Option } from "effect"
import * as Books from "../src/Books.ts"
import * as Deal from "../src/Deal.ts"
import * as ForeignInvoice from "../src/ForeignInvoice.ts"
import * as Peer from "../src/Peer.ts"
import * as People from "../src/People.ts"
import * as Settling from "../src/Settling.ts"
import * as Stage from "../src/Stage.ts"

const { price } = Deal

interface Expected {
  readonly reason: ComputeError.InvoiceFault
  /** What the person is told, among other things. */
  readonly words: string
}

/** The invoice is turned down with this reason, and costs nothing but the provider's record. */
const turnsDown = (mode: "escrow" | "sealed", expected: Expected, script: Peer.Script) =>
  Effect.gen(function* () {
    const { customer, peer } = yield* Deal.meet(script, Settling.by(mode))
    const error = yield* Effect.flip(Deal.buy(customer))
    assert(error._tag === "InvoiceRejected", error.message)
    assert.strictEqual(error.reason, expected.reason)
    assert.include(error.message, expected.words)
    assert.include(error.message, "Nothing was paid")
    assert.deepStrictEqual(yield* Books.of(customer), Books.untouched)
    assert.strictEqual(yield* Books.earned(peer.account), 0)
    assert.strictEqual((yield* Deal.recordOf(customer, peer)).rejected, 1)
  })

layer(Stage.layer, { excludeTestServices: true, concurrent: true })(
  "an invoice in escrow",
  (it) => {
    it.effect("that wants to be paid first, like any other, is not paid", () =>
      turnsDown("escrow", { reason: "downgraded", words: "escrow was asked for" }, (job) =>
        job.invoice(price)
      )
    )

    it.effect("that says upfront aloud is not paid", () =>
      turnsDown("escrow", { reason: "downgraded", words: "escrow was asked for" }, (job) =>
        job.invoice(price, { settlement: "upfront" })
      )
    )

    it.effect("on the customer's hash that says upfront is not paid", () =>
      turnsDown("escrow", { reason: "downgraded", words: "escrow was asked for" }, (job) =>
        Effect.flatMap(Settling.makeEscrow(job), (invoice) =>
          job.quote(invoice, { settlement: "upfront", hold: true })
        )
      )
    )

    it.effect("that is for sealed is not paid", () =>
      turnsDown(
        "escrow",
        { reason: "settlement_not_asked", words: "sealed was not asked for" },
        (job) => Effect.flatMap(Settling.seal(job), (sealed) => Settling.saySealed(job, sealed))
      )
    )

    it.effect("that does not say that it holds the money is not paid", () =>
      turnsDown("escrow", { reason: "no_hold", words: "holds the money" }, (job) =>
        Effect.flatMap(Settling.makeEscrow(job), (invoice) =>
          Settling.quoteEscrow(job, invoice, { hold: false })
        )
      )
    )

    it.effect("that is a plain one, and only says that it holds the money, is not paid", () =>
      turnsDown("escrow", { reason: "hash_not_ours", words: "somebody else" }, (job) =>
        job.invoice(price, { settlement: "escrow", hold: true })
      )
    )

    it.effect("on a hash that is the provider's own is not paid", () =>
      turnsDown("escrow", { reason: "hash_not_ours", words: "somebody else" }, (job) =>
        Effect.flatMap(
          Settling.makeEscrow(job, { paymentHash: Bolt11.hashOf(Settling.newPreimage()) }),
          (invoice) => Settling.quoteEscrow(job, invoice)
        )
      )
    )

    it.effect(
      "on a hash that is the provider's own, in a message that says ours, is not paid",
      () =>
        turnsDown("escrow", { reason: "hash_mismatch", words: "not that of the message" }, (job) =>
          Effect.gen(function* () {
            const theirs = { paymentHash: Bolt11.hashOf(Settling.newPreimage()) }
            const invoice = yield* Settling.makeEscrow(job, theirs)
            const payment_hash = yield* Settling.hashIn(job)
            yield* Settling.quoteEscrow(job, invoice, { payment_hash })
          })
        )
    )

    it.effect("whose lock ends before the job could be done is not paid", () =>
      turnsDown("escrow", { reason: "lock_too_short", words: "would be locked for 600 s" }, (job) =>
        Effect.flatMap(Settling.makeEscrow(job, { minFinalCltvDelta: 1 }), (invoice) =>
          Settling.quoteEscrow(job, invoice)
        )
      )
    )

    it.effect("whose lock could last for days is not paid", () =>
      turnsDown("escrow", { reason: "cltv_too_long", words: "145 blocks" }, (job) =>
        Effect.flatMap(Settling.makeEscrow(job, { minFinalCltvDelta: 145 }), (invoice) =>
          Settling.quoteEscrow(job, invoice)
        )
      )
    )

    it.effect("over another amount than its message says is not paid", () =>
      turnsDown("escrow", { reason: "amount_mismatch", words: "the message says 1" }, (job) =>
        Effect.flatMap(Settling.makeEscrow(job), (invoice) =>
          Settling.quoteEscrow(job, invoice, { amount_msats: Msat.make(1) })
        )
      )
    )

    it.effect("over more than was announced is not paid", () =>
      turnsDown("escrow", { reason: "above_price", words: "announced were 5000" }, (job) =>
        Effect.gen(function* () {
          const paymentHash = yield* Settling.hashIn(job)
          const invoice = yield* job.makeHold(Msat.make(price + 1), { paymentHash })
          yield* Settling.quoteEscrow(job, invoice)
        })
      )
    )

    it.effect("that another customer was given is not paid: its hash is not ours", () =>
      Effect.gen(function* () {
        const invoices: Array<Bolt11.Invoice> = []
        const { customer, peer, place } = yield* Deal.meet(
          (job) =>
            Effect.gen(function* () {
              const invoice = invoices[0] ?? (yield* Settling.makeEscrow(job))
              invoices.push(invoice)
              yield* Settling.quoteEscrow(job, invoice)
              yield* job.isLocked(invoice)
              yield* job.result("for the first")
              yield* Settling.claimEscrow(job)
            }),
          Settling.by("escrow")
        )
        assert.strictEqual((yield* Deal.buy(customer)).text, "for the first")
        const second = yield* People.customer(place, Settling.by("escrow"))
        const error = yield* Effect.flip(Deal.buy(second))
        assert(error._tag === "InvoiceRejected", error.message)
        assert.strictEqual(error.reason, "hash_not_ours")
        assert.deepStrictEqual(yield* Books.of(second), Books.untouched)
        yield* Books.closing(customer, Books.paid(price))
        assert.strictEqual(yield* Books.earned(peer.account), price)
      })
    )
  }
)

layer(Stage.layer, { excludeTestServices: true, concurrent: true })(
  "an invoice for what is sealed",
  (it) => {
    it.effect("that wants to be paid first, like any other, is not paid", () =>
      turnsDown("sealed", { reason: "downgraded", words: "sealed was asked for" }, (job) =>
        job.invoice(price)
      )
    )

    it.effect("that is for an escrow is not paid", () =>
      turnsDown(
        "sealed",
        { reason: "settlement_not_asked", words: "escrow was not asked for" },
        (job) =>
          Effect.flatMap(
            job.makeHold(price, { paymentHash: Bolt11.hashOf(Settling.newPreimage()) }),
            (invoice) => Settling.quoteEscrow(job, invoice)
          )
      )
    )

    it.effect("that does not say that it holds the money is not paid", () =>
      turnsDown("sealed", { reason: "no_hold", words: "holds the money" }, (job) =>
        Effect.flatMap(Settling.seal(job), (sealed) =>
          Settling.quoteSealed(job, sealed, { hold: false })
        )
      )
    )

    it.effect("over no amount is not paid", () =>
      turnsDown("sealed", { reason: "no_amount", words: "no amount" }, (job) =>
        Effect.flatMap(ForeignInvoice.make({ amount: Option.none() }), (invoice) =>
          Settling.quoteSealed(job, { invoice }, { amount_msats: price })
        )
      )
    )
  }
)

layer(Stage.layer, { excludeTestServices: true, concurrent: true })("a way of settling", (it) => {
  it.effect("that no provider offers is told before anybody is asked", () =>
    Effect.gen(function* () {
      const { customer, peer } = yield* Deal.meet(Peer.honest(price), {
        environment: { FARTHING_COMPUTE_SETTLEMENT: "escrow" }
      })
      const error = yield* Effect.flip(Deal.buy(customer))
      assert(error._tag === "SettlementUnavailable", error.message)
      assert.lengthOf(peer.requests, 0)
      assert.deepStrictEqual(yield* Books.of(customer), Books.untouched)
    })
  )

  it.effect("that is for one provider at a time is not asked of several", () =>
    Effect.gen(function* () {
      const terms = Settling.by("escrow", { FARTHING_COMPUTE_QUOTES: "2" })
      const { customer, peer } = yield* Deal.meet(Settling.honestEscrow(), terms)
      const error = yield* Effect.flip(Deal.buy(customer))
      assert(error._tag === "SettlementUnavailable", error.message)
      assert.include(error.message, "several are asked at once")
      assert.lengthOf(peer.requests, 0)
      assert.deepStrictEqual(yield* Books.of(customer), Books.untouched)
    })
  )

  it.effect("is the first that both sides can do, and only that is asked for", () =>
    Effect.gen(function* () {
      const { customer, peer } = yield* Deal.meet(Peer.honest(price), {
        environment: { FARTHING_COMPUTE_SETTLEMENT: "escrow,sealed,upfront" }
      })
      assert.strictEqual((yield* Deal.buy(customer)).text, "an honest answer")
      assert.deepStrictEqual(peer.requests[0]?.request.settlement, ["upfront"])
      assert.deepStrictEqual(yield* Books.of(customer), Books.paid(price))
    })
  )
})
