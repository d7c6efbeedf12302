/** Providers whose invoices are not what was agreed: none of them is paid. */
import { assert, layer } from "@effect/vitest"
import type { ComputeError } from "@farthing/compute"
import { Msat } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Deferred, Effect, Option } from "effect"
import * as Bolt11Forge from "../../packages/protocol/test/Bolt11Forge.ts"
import * as Books from "../src/Books.ts"
import * as Deal from "../src/Deal.ts"
import * as ForeignInvoice from "../src/ForeignInvoice.ts"
import * as Peer from "../src/Peer.ts"
import * as People from "../src/People.ts"
import * as Stage from "../src/Stage.ts"

const { price } = Deal

interface Expected {
  readonly reason: ComputeError.InvoiceFault
  /** What the person is told, among other things. */
  readonly words: string
}

/** The invoice is turned down with this reason, and costs nothing but the provider's record. */
const turnsDown = (expected: Expected, script: Peer.Script, terms?: Deal.Terms) =>
  Effect.gen(function* () {
    const { customer, peer } = yield* Deal.meet(script, terms)
    const error = yield* Effect.flip(Deal.buy(customer))
    assert(error._tag === "InvoiceRejected", error.message)
    assert.strictEqual(error.reason, expected.reason)
    assert.strictEqual(error.provider, peer.pubkey)
    assert.include(error.message, expected.words)
    assert.include(error.message, "Nothing was paid")
    assert.deepStrictEqual(yield* Books.of(customer), Books.untouched)
    assert.strictEqual(yield* Books.earned(peer.account), 0)
    assert.deepStrictEqual(Deal.deedsOf(yield* Deal.recordOf(customer, peer)), {
      jobs: 1,
      delivered: 0,
      lost: 0,
      refused: 0,
      rejected: 1
    })
  })

layer(Stage.layer, { excludeTestServices: true })(
  "providers whose invoices are not as agreed",
  (it) => {
    it.effect("an invoice over more than the announced price is not paid", () =>
      turnsDown({ reason: "above_price", words: "5001 msat, announced were 5000" }, (job) =>
        job.invoice(Msat.make(5_001))
      )
    )

    it.effect(
      "an invoice over more than the budget is not paid, where no price was announced",
      () =>
        turnsDown(
          { reason: "above_budget", words: "the budget is 50000" },
          (job) => job.invoice(Msat.make(50_001)),
          { profile: { price: undefined } }
        )
    )

    it.effect("an invoice over another amount than its message says is not paid", () =>
      turnsDown({ reason: "amount_mismatch", words: "over 5000 msat, the message says 1" }, (job) =>
        job.invoice(price, { amount_msats: Msat.make(1) })
      )
    )

    it.effect("an invoice with another payment hash than its message says is not paid", () =>
      turnsDown({ reason: "hash_mismatch", words: "not that of the message" }, (job) =>
        Effect.flatMap(job.makeInvoice(price), ({ paymentHash }) =>
          job.invoice(price, { payment_hash: paymentHash })
        )
      )
    )

    it.effect("an invoice without an amount is not paid", () =>
      turnsDown({ reason: "no_amount", words: "no amount" }, (job) =>
        Effect.flatMap(ForeignInvoice.make({ amount: Option.none() }), (invoice) =>
          job.quote(invoice, { amount_msats: price })
        )
      )
    )

    it.effect("an invoice that has expired is not paid", () =>
      turnsDown({ reason: "expired", words: "expired" }, (job) =>
        Effect.gen(function* () {
          const createdAt = (yield* UnixTime.now) - 120
          yield* job.quote(yield* ForeignInvoice.make({ createdAt, expirySeconds: 60 }))
        })
      )
    )

    it.effect("an invoice that expires in a moment is not paid", () =>
      turnsDown({ reason: "expires_too_soon", words: "it expires in" }, (job) =>
        Effect.flatMap(ForeignInvoice.make({ expirySeconds: 14 }), (invoice) => job.quote(invoice))
      )
    )

    it.effect("an invoice whose message says that the offer has expired is not paid", () =>
      turnsDown({ reason: "expired", words: "expired" }, (job) =>
        Effect.flatMap(UnixTime.now, (now) => job.invoice(price, { expires_at: now - 60 }))
      )
    )

    it.effect("an invoice of another network is not paid", () =>
      turnsDown({ reason: "wrong_network", words: "for mainnet, we are on regtest" }, (job) =>
        Effect.flatMap(ForeignInvoice.make({ network: "mainnet" }), (invoice) => job.quote(invoice))
      )
    )

    it.effect("an invoice whose money could be stuck for days is not paid", () =>
      turnsDown({ reason: "cltv_too_long", words: "145 blocks" }, (job) =>
        Effect.flatMap(ForeignInvoice.make({ minFinalCltvDelta: 145 }), (invoice) =>
          job.quote(invoice)
        )
      )
    )

    it.effect("an invoice with a broken checksum is not paid", () =>
      turnsDown({ reason: "undecodable", words: "checksum is wrong" }, (job) =>
        Effect.flatMap(job.makeInvoice(price), (invoice) =>
          job.quote(invoice, { bolt11: withLastDigitChanged(invoice.bolt11) })
        )
      )
    )

    it.effect("an invoice whose signature is not its payee's is not paid", () =>
      turnsDown({ reason: "undecodable", words: "signature is not the payee's" }, (job) =>
        Effect.flatMap(job.makeInvoice(price), (invoice) => job.quote(invoice, { bolt11: forged }))
      )
    )

    it.effect("an invoice that is no invoice at all is not paid", () =>
      turnsDown({ reason: "undecodable", words: "not bech32" }, (job) =>
        Effect.flatMap(job.makeInvoice(price), (invoice) =>
          job.quote(invoice, { bolt11: "lnbcrt50n1; rm -rf ~" })
        )
      )
    )

    it.effect("an invoice that could hold the money without taking it is not paid", () =>
      turnsDown({ reason: "hold_in_upfront", words: "hold invoice" }, (job) =>
        job.invoice(price, { hold: true })
      )
    )

    it.effect("an invoice for a settlement that was not asked for is not paid", () =>
      turnsDown({ reason: "settlement_not_asked", words: "escrow was not asked for" }, (job) =>
        job.invoice(price, { settlement: "escrow" })
      )
    )

    it.effect("an invoice that was given for an earlier job is not paid again", () =>
      Effect.gen(function* () {
        const invoices: Array<Effect.Success<ReturnType<Peer.Job["makeInvoice"]>>> = []
        const { customer, peer } = yield* Deal.meet((job) =>
          Effect.gen(function* () {
            const invoice = invoices[0] ?? (yield* job.makeInvoice(price))
            invoices.push(invoice)
            yield* job.quote(invoice)
            yield* job.isPaid(invoice)
            yield* job.result("once")
          })
        )
        assert.strictEqual((yield* Deal.buy(customer)).text, "once")
        const error = yield* Effect.flip(Deal.buy(customer))
        assert(error._tag === "InvoiceRejected", error.message)
        assert.strictEqual(error.reason, "reused")
        assert.deepStrictEqual(yield* Books.of(customer), Books.paid(price))
        assert.strictEqual(yield* Books.earned(peer.account), price)
        assert.deepStrictEqual(Deal.deedsOf(yield* Deal.recordOf(customer, peer)), {
          jobs: 2,
          delivered: 1,
          lost: 0,
          refused: 0,
          rejected: 1
        })
      })
    )

    it.effect("an invoice that another customer has paid takes no money a second time", () =>
      Effect.gen(function* () {
        const invoices: Array<Effect.Success<ReturnType<Peer.Job["makeInvoice"]>>> = []
        const {
          customer: first,
          peer,
          place
        } = yield* Deal.meet((job) =>
          Effect.gen(function* () {
            const invoice = invoices[0] ?? (yield* job.makeInvoice(price))
            invoices.push(invoice)
            yield* job.quote(invoice)
            yield* job.isPaid(invoice)
            yield* job.result("for the first")
          })
        )
        const second = yield* People.customer(place, { name: "second" })
        assert.strictEqual((yield* Deal.buy(first)).text, "for the first")
        const error = yield* Effect.flip(Deal.buy(second))
        assert(error._tag === "PaymentFailed", error.message)
        assert.include(error.message, "has paid the invoice")
        assert.deepStrictEqual(yield* Books.of(first), Books.paid(price))
        assert.deepStrictEqual(yield* Books.of(second), Books.untouched)
        assert.strictEqual(yield* Books.earned(peer.account), price)
      })
    )

    it.effect("a second invoice for the same job is never paid", () =>
      Effect.gen(function* () {
        const { customer, peer } = yield* Deal.meet((job) =>
          Effect.gen(function* () {
            const first = yield* job.invoice(price)
            yield* job.invoice(price)
            yield* job.isPaid(first)
            yield* job.invoice(price)
            yield* job.result("one payment will do")
          })
        )
        assert.strictEqual((yield* Deal.buy(customer)).text, "one payment will do")
        assert.deepStrictEqual(yield* Books.of(customer), Books.paid(price))
        assert.strictEqual(yield* Books.earned(peer.account), price)
      })
    )

    it.effect("a good invoice after a bad one for the same job is not paid", () =>
      turnsDown({ reason: "above_price", words: "announced were 5000" }, (job) =>
        Effect.andThen(job.invoice(Msat.make(5_001)), job.invoice(price))
      )
    )

    it.effect("an invoice that comes when nobody waits for it any more is not paid", () =>
      Effect.gen(function* () {
        const asked = yield* Deferred.make<Peer.Job>()
        const { customer, peer, place } = yield* Deal.meet((job) => Deferred.succeed(asked, job), {
          environment: { FARTHING_COMPUTE_QUOTE_TIMEOUT: "500 millis" }
        })
        const error = yield* Effect.flip(Deal.buy(customer))
        assert.strictEqual(error._tag, "QuoteTimeout")
        yield* Effect.flatMap(Deferred.await(asked), (job) => job.invoice(price))
        // The customer lives on, and buys elsewhere.
        const patient = yield* People.revive({
          ...customer,
          environment: { ...customer.environment, FARTHING_COMPUTE_QUOTE_TIMEOUT: "30 seconds" }
        })
        const honest = yield* Peer.open(place, { name: "honest", price }, Peer.honest(price))
        yield* Deal.buy(patient, { selection: { only: [honest.pubkey] } })
        assert.deepStrictEqual(yield* patient.client.recover, [])
        assert.deepStrictEqual(yield* Books.of(patient), Books.paid(price))
        assert.strictEqual(yield* Books.earned(peer.account), 0)
      })
    )

    it.effect("after an invoice that is turned down only the next provider's is paid", () =>
      Effect.gen(function* () {
        const { customer, peer, place } = yield* Deal.meet((job) => job.invoice(Msat.make(5_001)))
        const dearer = Msat.make(6_000)
        const honest = yield* Peer.open(
          place,
          { name: "honest", price: dearer },
          Peer.honest(dearer)
        )
        const receipt = yield* Deal.buy(customer, { selection: { order: [peer.pubkey] } })
        assert.strictEqual(receipt.provider, honest.pubkey)
        assert.deepStrictEqual(yield* Books.of(customer), Books.paid(dearer))
        assert.strictEqual((yield* Deal.recordOf(customer, peer)).rejected, 1)
        assert.strictEqual(yield* Books.earned(peer.account), 0)
      })
    )
  }
)

const withLastDigitChanged = (bolt11: string): string =>
  bolt11.slice(0, -1) + (bolt11.endsWith("q") ? "p" : "q")

/** Names a payee, and is signed by somebody else. */
const forged = Bolt11Forge.forge({
  prefix: "lnbcrt50n",
  fields: [Bolt11Forge.s, Bolt11Forge.p, Bolt11Forge.d, Bolt11Forge.n],
  key: Buffer.alloc(32, 7)
})
