/**
 * Providers that play with refunds: what comes back is counted to the msat, an offer that is none
 * is passed over, and nothing that is offered makes the customer pay or give up a result.
 */
import { assert, layer } from "@effect/vitest"
import { Msat } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Effect } from "effect"
import * as Books from "../src/Books.ts"
import * as Deal from "../src/Deal.ts"
import * as Peer from "../src/Peer.ts"
import * as People from "../src/People.ts"
import * as Stage from "../src/Stage.ts"

const { price } = Deal

const back = Msat.make(4_000)

/** Quotes, is paid, and then does this. */
const afterPayment =
  (script: Peer.Script): Peer.Script =>
  (job) =>
    Effect.andThen(Effect.flatMap(job.invoice(price), job.isPaid), script(job))

/** What was paid, less what came back; the ledger counts it as spent all the same. */
const paidBut = (refund: Msat.Msat): Books.Books => {
  const books = Books.paid(price)
  return { ...books, gone: books.gone - refund }
}

/** For trials in which a refund is promised, and the money never comes. */
const impatient = {
  FARTHING_COMPUTE_IDLE_TIMEOUT: "500 millis",
  FARTHING_COMPUTE_JOB_TIMEOUT: "4 seconds"
}

/** The offer is passed over: the job is lost, and no invoice of ours goes out. */
const passesOver = (offer: (job: Peer.Job) => Effect.Effect<void>) =>
  Effect.gen(function* () {
    const { customer, peer } = yield* Deal.meet(
      afterPayment((job) => Effect.andThen(job.fail, offer(job)))
    )
    const error = yield* Effect.flip(Deal.buy(customer))
    assert(error._tag === "DeliveryInvalid", error.message)
    assert.strictEqual(error.cost, price + Stage.fee)
    assert.isUndefined(error.refund)
    assert.notInclude(error.message, "back")
    assert.deepStrictEqual(yield* Books.of(customer), Books.paid(price))
    assert.strictEqual((yield* Deal.recordOf(customer, peer)).lost, 1)
    assert.lengthOf(peer.refundInvoices, 0)
  })

/** The job is delivered, and nothing that was said of refunds counts. */
const isDelivered = (text: string, script: Peer.Script) =>
  Effect.gen(function* () {
    const { customer, peer } = yield* Deal.meet(script)
    assert.strictEqual((yield* Deal.buy(customer)).text, text)
    assert.deepStrictEqual(yield* customer.client.recover, [])
    assert.deepStrictEqual(yield* Books.of(customer), Books.paid(price))
    const { delivered, lost, refunded } = yield* Deal.recordOf(customer, peer)
    assert.deepStrictEqual({ delivered, lost, refunded }, { delivered: 1, lost: 0, refunded: 0 })
    assert.lengthOf(peer.refundInvoices, 0)
  })

layer(Stage.layer, { excludeTestServices: true, concurrent: true })(
  "providers that play with refunds",
  (it) => {
    it.effect("a refund that is paid comes back to the msat, and restores no limit", () =>
      Effect.gen(function* () {
        const { customer, peer } = yield* Deal.meet(
          afterPayment((job) =>
            Effect.gen(function* () {
              yield* job.fail
              yield* job.offerRefund(back)
              yield* Effect.flatMap(job.refundInvoice, ({ bolt11 }) => job.pay(bolt11))
            })
          )
        )
        const error = yield* Effect.flip(Deal.buy(customer))
        assert(error._tag === "DeliveryInvalid", error.message)
        assert.strictEqual(error.cost, price + Stage.fee)
        assert.strictEqual(error.refund, back)
        assert.include(error.message, "It gave 4000 msat back")
        assert.deepStrictEqual(yield* Books.of(customer), paidBut(back))
        assert.strictEqual(yield* Books.earned(peer.account), price - back - Stage.fee)
        const { lost, refunded } = yield* Deal.recordOf(customer, peer)
        assert.deepStrictEqual({ lost, refunded }, { lost: 0, refunded: 1 })
        const [job] = yield* customer.client.jobs()
        assert.strictEqual(job?.state, "refunded")
      })
    )

    it.effect("a refund of next to nothing is taken, and leaves the mark of a loss", () =>
      Effect.gen(function* () {
        const crumb = Msat.make(1)
        const { customer, peer } = yield* Deal.meet(
          afterPayment((job) =>
            Effect.gen(function* () {
              yield* job.offerRefund(crumb)
              yield* Effect.flatMap(job.refundInvoice, ({ bolt11 }) => job.pay(bolt11))
            })
          )
        )
        const error = yield* Effect.flip(Deal.buy(customer))
        assert(error._tag === "DeliveryInvalid", error.message)
        assert.strictEqual(error.refund, crumb)
        assert.deepStrictEqual(yield* Books.of(customer), paidBut(crumb))
        const { lost, refunded } = yield* Deal.recordOf(customer, peer)
        assert.deepStrictEqual({ lost, refunded }, { lost: 1, refunded: 0 })
        assert.strictEqual((yield* Effect.flip(Deal.buy(customer)))._tag, "NoProviderWithinBudget")
      })
    )

    it.effect("a refund of more than was paid is passed over", () =>
      passesOver((job) => job.offerRefund(Msat.make(price + 1)))
    )

    it.effect("a refund of nothing is passed over", () =>
      passesOver((job) => job.offerRefund(Msat.zero))
    )

    it.effect("a refund whose offer has expired is passed over", () =>
      passesOver((job) =>
        Effect.flatMap(UnixTime.now, (now) => job.offerRefund(back, { expires_at: now - 60 }))
      )
    )

    it.effect("a refund that is offered before the payment does not cost the result", () =>
      isDelivered("after all", (job) =>
        Effect.gen(function* () {
          yield* job.offerRefund(back)
          yield* Effect.flatMap(job.invoice(price), job.isPaid)
          yield* job.result("after all")
        })
      )
    )

    it.effect("a refund that is offered after the delivery is passed over", () =>
      isDelivered(
        "delivered",
        afterPayment((job) =>
          Effect.gen(function* () {
            yield* job.result("delivered")
            yield* job.offerRefund(back)
          })
        )
      )
    )

    it.effect("a refund that a stranger offers is passed over", () =>
      Effect.gen(function* () {
        const place = yield* Stage.place()
        const stranger = yield* Peer.make(place, { name: "stranger" })
        const peer = yield* Peer.open(
          place,
          { name: "tern", price },
          afterPayment((job) =>
            Effect.gen(function* () {
              yield* job.offerRefund(back, {}, { as: stranger.signer })
              yield* job.result("the genuine answer")
            })
          )
        )
        const customer = yield* People.customer(place)
        assert.strictEqual((yield* Deal.buy(customer)).text, "the genuine answer")
        assert.deepStrictEqual(yield* Books.of(customer), Books.paid(price))
        assert.lengthOf(peer.refundInvoices, 0)
      })
    )

    it.effect("a refund that is offered twice is asked for once", () =>
      Effect.gen(function* () {
        const { customer, peer } = yield* Deal.meet(
          afterPayment((job) =>
            Effect.gen(function* () {
              yield* job.offerRefund(back)
              yield* job.offerRefund(Msat.make(4_500))
              const { bolt11 } = yield* job.refundInvoice
              yield* job.offerRefund(Msat.make(4_500))
              yield* job.pay(bolt11)
            })
          )
        )
        const error = yield* Effect.flip(Deal.buy(customer))
        assert(error._tag === "DeliveryInvalid", error.message)
        assert.strictEqual(error.refund, back)
        assert.deepStrictEqual(yield* customer.client.recover, [])
        assert.deepStrictEqual(yield* Books.of(customer), paidBut(back))
        assert.strictEqual(new Set(peer.refundInvoices.map(({ bolt11 }) => bolt11)).size, 1)
      })
    )

    it.effect("a refund that is promised and never paid is told as a promise", () =>
      Effect.gen(function* () {
        const { customer, peer } = yield* Deal.meet(
          afterPayment((job) => Effect.andThen(job.fail, job.offerRefund(back))),
          { environment: impatient }
        )
        const error = yield* Effect.flip(Deal.buy(customer))
        assert(error._tag === "DeliveryInvalid", error.message)
        assert.strictEqual(error.cost, price + Stage.fee)
        assert.isUndefined(error.refund)
        assert.include(error.message, "promised to give 4000 msat back")
        assert.deepStrictEqual(yield* Books.of(customer), Books.paid(price))
        const [job] = yield* customer.client.jobs()
        assert.strictEqual(job?.state, "refunding")
        const again = yield* Effect.flip(Deal.buy(customer))
        assert.strictEqual(again._tag, "NoProviderWithinBudget")
        assert.lengthOf(peer.requests, 1)
      })
    )

    it.effect("a result after a refund was accepted is not taken as well", () =>
      Effect.gen(function* () {
        const { customer } = yield* Deal.meet(
          afterPayment((job) =>
            Effect.gen(function* () {
              yield* job.offerRefund(back)
              const { bolt11 } = yield* job.refundInvoice
              yield* job.result("too late")
              yield* job.pay(bolt11)
            })
          )
        )
        const error = yield* Effect.flip(Deal.buy(customer))
        assert(error._tag === "DeliveryInvalid", error.message)
        assert.strictEqual(error.refund, back)
        assert.deepStrictEqual(yield* Books.of(customer), paidBut(back))
        assert.deepStrictEqual(yield* customer.client.receipts(), [])
      })
    )
  }
)
