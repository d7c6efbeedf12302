/**
 * Customers who lock money for a job and play with it: the provider works for what is locked in its
 * own wallet, takes it once it has delivered and been shown the preimage, and else gives it back.
 */
import { assert, layer } from "@effect/vitest"
import { AgentMessage, Bolt11, Msat, type NostrEvent } from "@farthing/protocol"
import type { Wallet } from "@farthing/wallet"
import { Deferred, Effect, Option, Schedule, Stream } from "effect"
import * as Settling from "../src/Settling.ts"
import * as Shop from "../src/Shop.ts"
import * as Shopper from "../src/Shopper.ts"
import * as Stage from "../src/Stage.ts"

const price = Msat.make(6_007)
const offer = { priceMsats: price, settlement: ["upfront", "escrow"] } as const

/** Asks for an escrow, and is quoted. */
const quoteFor = Effect.fnUntraced(function* (
  shopper: Shopper.Shopper,
  wish: Shopper.Wish = {},
  preimage = Settling.newPreimage()
) {
  const paymentHash = Bolt11.hashOf(preimage)
  const { id } = yield* shopper.ask({ settlement: ["escrow"], payment_hash: paymentHash, ...wish })
  const { message } = yield* shopper.hear("Invoice")
  assert.deepInclude(message, { settlement: "escrow", hold: true, payment_hash: paymentHash })
  return { request: id, bolt11: message.bolt11, paymentHash, preimage }
})

type Quote = Effect.Success<ReturnType<typeof quoteFor>>

/** Asks, is quoted, and locks the money. */
const lockFor = (shopper: Shopper.Shopper, wish?: Shopper.Wish) =>
  Effect.tap(quoteFor(shopper, wish), ({ bolt11 }) => shopper.lock(bolt11))

const refusalOf = Effect.fnUntraced(function* (shopper: Shopper.Shopper, wish: Shopper.Wish) {
  yield* shopper.ask({ settlement: ["escrow"], ...wish })
  return (yield* shopper.hear("JobError")).message.code
})

/** The provider has seen the lock, and begun. */
const isAtWork = (shop: Shop.Open) =>
  Effect.repeat(shop.provider.status, {
    until: ({ running }) => running === 1,
    schedule: Schedule.spaced("20 millis")
  })

/** The provider hears and answers other things; what was said before was heard by then. */
const hearsMuch = (shopper: Shopper.Shopper) =>
  Effect.repeat(
    Effect.map(refusalOf(shopper, {}), (code) => assert.strictEqual(code, "invalid_request")),
    { times: 5 }
  )

/** Somebody honest is served; what was said before was heard by then. */
const honest = Effect.fnUntraced(function* (shop: Shop.Open) {
  const shopper = yield* Shopper.make(shop.place, shop.provider)
  yield* shopper.ask({ prompt: "honest" })
  yield* shopper.pay((yield* shopper.hear("Invoice")).message.bolt11)
  assert.strictEqual((yield* shopper.hear("JobResult")).message.result, "honest!")
})

const typesHeard = (shopper: Shopper.Shopper) =>
  Effect.map(shopper.heard, (heard) => heard.map(({ message }) => message.type))

/** What the provider's wallet says of an invoice. */
const stateOf = Effect.fnUntraced(function* (shop: Shop.Shop, { paymentHash }: Quote) {
  const { bank } = yield* Stage.Stage
  const found = yield* bank.findInvoice(shop.account.account, paymentHash)
  return Option.getOrThrow(found).state
})

/** The money is back at once, and to the msat; nothing was done for it. */
const isGivenBack = Effect.fnUntraced(function* (
  shop: Shop.Open,
  shopper: Shopper.Shopper,
  { paymentHash }: Quote
) {
  assert.strictEqual(yield* shopper.endOf(paymentHash), "failed")
  assert.strictEqual(yield* shopper.balance, shopper.account.opening)
  yield* Shop.closing(shop, { ...Shop.sold(0, price), inferred: shop.inferred() })
})

const claimRefund = Effect.fnUntraced(function* (
  shopper: Shopper.Shopper,
  request: NostrEvent.EventId
) {
  for (const amount of [price, Msat.make(5_000), Msat.make(1_000)]) {
    const { bolt11 } = yield* shopper.makeInvoice(amount)
    yield* shopper.say({ type: "RefundInvoice", request_id: request, bolt11 }, { reply: request })
  }
})

/** The wallet as one sees it whose locks are not what they should be. */
const walletWith =
  (change: (wallet: Wallet.Shape) => Partial<Wallet.Shape>) =>
  (wallet: Wallet.Shape): Wallet.Shape => ({ ...wallet, ...change(wallet) })

/** A msat less is locked than was asked for. */
const withOneMissing = (incoming: Wallet.Incoming): Wallet.Incoming =>
  incoming.state === "held" ? { ...incoming, amount: Msat.make(incoming.amount - 1) } : incoming

layer(Stage.layer, { excludeTestServices: true, concurrent: true })(
  "a customer with money in escrow",
  (it) => {
    it.effect("gets its result, shows its preimage, and has paid once", () =>
      Effect.gen(function* () {
        const shop = yield* Shop.open({ offer })
        const shopper = yield* Shopper.make(shop.place, shop.provider)
        const { paymentHash, preimage, request } = yield* lockFor(shopper)
        assert.strictEqual((yield* shopper.hear("JobResult")).message.result, "hello!")
        const release = yield* shopper.release(request, preimage)
        assert.strictEqual(yield* shopper.endOf(paymentHash), "settled")
        yield* shopper.publish(release)
        yield* shopper.release(request, preimage)
        yield* honest(shop)
        yield* Shop.closing(shop, Shop.sold(2, price))
        assert.strictEqual(yield* shopper.balance, shopper.account.opening - price - Stage.fee)
        assert.deepStrictEqual(yield* typesHeard(shopper), [])
      })
    )

    it.effect("that is not there gets nothing, whatever it says", () =>
      Effect.gen(function* () {
        const shop = yield* Shop.open({ offer })
        const shopper = yield* Shopper.make(shop.place, shop.provider)
        const { paymentHash, preimage, request } = yield* quoteFor(shopper)
        const job_id = AgentMessage.jobIdOf(request)
        const reply = { reply: request }
        yield* shopper.say(
          {
            type: "HtlcLocked",
            job_id,
            payment_hash: paymentHash,
            amount_msats: price,
            expiry_secs: 86_400
          },
          reply
        )
        yield* shop.looksAt(paymentHash)
        yield* shopper.say({ type: "PaymentSent", job_id, payment_id: paymentHash }, reply)
        yield* shopper.release(request, preimage)
        yield* honest(shop)
        assert.deepStrictEqual(yield* typesHeard(shopper), [])
        yield* Shop.closing(shop, { ...Shop.sold(1, price), unpaid: 1 })
      })
    )

    it.effect("has to name a hash that nobody has used", () =>
      Effect.gen(function* () {
        const { bank } = yield* Stage.Stage
        const shop = yield* Shop.open({ offer })
        const shopper = yield* Shopper.make(shop.place, shop.provider)
        const stranger = yield* Shopper.make(shop.place, shop.provider)
        assert.strictEqual(yield* refusalOf(shopper, {}), "invalid_request")

        const { paymentHash: payment_hash } = yield* quoteFor(shopper)
        assert.strictEqual(yield* refusalOf(shopper, { payment_hash }), "invalid_request")
        assert.strictEqual(yield* refusalOf(stranger, { payment_hash }), "invalid_request")

        const known = Bolt11.hashOf(Settling.newPreimage())
        yield* bank.makeInvoice(shop.account.account, {
          amount: Msat.make(1),
          description: "something else",
          expiry: "10 minutes",
          paymentHash: known
        })
        assert.strictEqual(yield* refusalOf(shopper, { payment_hash: known }), "invalid_request")
        yield* Shop.closing(shop, { ...Shop.sold(0, price), unpaid: 1 })
      })
    )

    it.effect("may name one hash for one job only, however fast it asks", () =>
      Effect.gen(function* () {
        const shop = yield* Shop.open({ offer })
        const shopper = yield* Shopper.make(shop.place, shop.provider)
        const preimage = Settling.newPreimage()
        const wish = { settlement: ["escrow"], payment_hash: Bolt11.hashOf(preimage) }
        yield* Effect.replicateEffect(shopper.ask(wish), 8, { concurrency: "unbounded" })
        const types: Array<string> = []
        yield* typesHeard(shopper).pipe(
          Effect.map((news) => types.push(...news)),
          Effect.repeat({ until: (heard) => heard >= 8, schedule: Schedule.spaced("20 millis") })
        )
        assert.lengthOf(
          types.filter((type) => type === "Invoice"),
          1
        )
        assert.lengthOf(
          types.filter((type) => type === "JobError"),
          7
        )
        yield* Shop.closing(shop, { ...Shop.sold(0, price), unpaid: 1 })
      })
    )

    it.effect("that is less than the price gets it back, and nothing else", () =>
      Effect.gen(function* () {
        const shop = yield* Shop.open({
          offer,
          wallet: walletWith(({ incoming, lookupIncoming }) => ({
            incoming: Stream.map(incoming, withOneMissing),
            lookupIncoming: (hash) => Effect.map(lookupIncoming(hash), Option.map(withOneMissing))
          }))
        })
        const shopper = yield* Shopper.make(shop.place, shop.provider)
        const quote = yield* lockFor(shopper)
        assert.strictEqual((yield* shopper.hear("JobError")).message.code, "payment_expired")
        yield* isGivenBack(shop, shopper, quote)
        assert.strictEqual(shop.inferred(), 0)
      })
    )

    it.effect("that ends before the job could be done gets it back, and nothing else", () =>
      Effect.gen(function* () {
        const shop = yield* Shop.open({
          offer,
          wallet: walletWith(({ makeHoldInvoice }) => ({
            makeHoldInvoice: (request) => makeHoldInvoice({ ...request, minFinalCltvDelta: 1 })
          }))
        })
        const shopper = yield* Shopper.make(shop.place, shop.provider)
        const quote = yield* lockFor(shopper)
        assert.strictEqual((yield* shopper.hear("JobError")).message.code, "payment_expired")
        yield* isGivenBack(shop, shopper, quote)
        assert.strictEqual(shop.inferred(), 0)
      })
    )

    it.effect("that shows a wrong preimage has shown none", () =>
      Effect.gen(function* () {
        const shop = yield* Shop.open({ offer })
        const shopper = yield* Shopper.make(shop.place, shop.provider)
        const quote = yield* lockFor(shopper)
        yield* shopper.hear("JobResult")
        yield* shopper.release(quote.request, Settling.newPreimage())
        yield* shopper.release(quote.request, Bolt11.Preimage.make(quote.paymentHash))
        yield* honest(shop)
        assert.strictEqual(yield* stateOf(shop, quote), "held")
        yield* shopper.release(quote.request, quote.preimage)
        assert.strictEqual(yield* shopper.endOf(quote.paymentHash), "settled")
        yield* Shop.closing(shop, Shop.sold(2, price))
      })
    )

    it.effect("that shows the preimage of one job for another has shown none", () =>
      Effect.gen(function* () {
        const shop = yield* Shop.open({ offer })
        const shopper = yield* Shopper.make(shop.place, shop.provider)
        const one = yield* lockFor(shopper, { prompt: "one" })
        yield* shopper.hear("JobResult")
        const other = yield* lockFor(shopper, { prompt: "other" })
        yield* shopper.hear("JobResult")
        yield* shopper.release(one.request, other.preimage)
        yield* shopper.release(other.request, one.preimage)
        yield* honest(shop)
        for (const quote of [one, other]) assert.strictEqual(yield* stateOf(shop, quote), "held")
        for (const { paymentHash, preimage, request } of [one, other]) {
          yield* shopper.release(request, preimage)
          assert.strictEqual(yield* shopper.endOf(paymentHash), "settled")
        }
        yield* Shop.closing(shop, Shop.sold(3, price))
      })
    )

    it.effect("is the only one who can show its preimage", () =>
      Effect.gen(function* () {
        const shop = yield* Shop.open({ offer })
        const shopper = yield* Shopper.make(shop.place, shop.provider)
        const stranger = yield* Shopper.make(shop.place, shop.provider)
        const quote = yield* lockFor(shopper)
        yield* shopper.hear("JobResult")
        yield* stranger.release(quote.request, quote.preimage)
        yield* honest(shop)
        assert.strictEqual(yield* stateOf(shop, quote), "held")
        yield* shopper.release(quote.request, quote.preimage)
        assert.strictEqual(yield* shopper.endOf(quote.paymentHash), "settled")
        yield* Shop.closing(shop, Shop.sold(2, price))
      })
    )

    it.effect("that shows its preimage at once pays nothing before it is delivered to", () =>
      Effect.gen(function* () {
        const open = yield* Deferred.make<void>()
        const shop = yield* Shop.open({ offer, gate: Deferred.await(open) })
        const shopper = yield* Shopper.make(shop.place, shop.provider)
        const quote = yield* lockFor(shopper)
        yield* isAtWork(shop)
        yield* shopper.release(quote.request, quote.preimage)
        yield* hearsMuch(shopper)
        assert.strictEqual(yield* stateOf(shop, quote), "held")
        yield* Deferred.succeed(open, undefined)
        assert.strictEqual((yield* shopper.hear("JobResult")).message.result, "hello!")
        assert.strictEqual(yield* shopper.endOf(quote.paymentHash), "settled")
        yield* Shop.closing(shop, Shop.sold(1, price))
      })
    )

    it.effect("that shows its preimage at once gets its money back if nothing can be done", () =>
      Effect.gen(function* () {
        const open = yield* Deferred.make<void>()
        const shop = yield* Shop.open({ offer, fails: true, gate: Deferred.await(open) })
        const shopper = yield* Shopper.make(shop.place, shop.provider)
        const quote = yield* lockFor(shopper)
        yield* isAtWork(shop)
        yield* shopper.release(quote.request, quote.preimage)
        yield* hearsMuch(shopper)
        yield* Deferred.succeed(open, undefined)
        assert.strictEqual((yield* shopper.hear("JobError")).message.code, "inference_failed")
        yield* isGivenBack(shop, shopper, quote)
      })
    )

    it.effect("that is given back is not given back once more", () =>
      Effect.gen(function* () {
        const shop = yield* Shop.open({ offer, fails: true })
        const shopper = yield* Shopper.make(shop.place, shop.provider)
        const quote = yield* lockFor(shopper)
        assert.strictEqual((yield* shopper.hear("JobError")).message.code, "inference_failed")
        assert.strictEqual(yield* shopper.endOf(quote.paymentHash), "failed")
        yield* claimRefund(shopper, quote.request)
        yield* shopper.release(quote.request, quote.preimage)
        assert.strictEqual(yield* refusalOf(shopper, {}), "invalid_request")
        assert.notInclude(yield* typesHeard(shopper), "RefundOffer")
        yield* isGivenBack(shop, shopper, quote)
      })
    )

    it.effect(
      "that was delivered to gets no refund of what it has locked, nor of what it paid",
      () =>
        Effect.gen(function* () {
          const shop = yield* Shop.open({ offer })
          const shopper = yield* Shopper.make(shop.place, shop.provider)
          const stranger = yield* Shopper.make(shop.place, shop.provider)
          const quote = yield* lockFor(shopper)
          yield* shopper.hear("JobResult")
          yield* claimRefund(shopper, quote.request)
          yield* claimRefund(stranger, quote.request)
          yield* shopper.say(
            { type: "JobCancel", request_id: quote.request },
            { reply: quote.request }
          )
          yield* shopper.release(quote.request, quote.preimage)
          assert.strictEqual(yield* shopper.endOf(quote.paymentHash), "settled")
          yield* claimRefund(shopper, quote.request)
          yield* honest(shop)
          yield* Shop.closing(shop, Shop.sold(2, price))
          assert.strictEqual(yield* stranger.balance, stranger.account.opening)
          assert.strictEqual(yield* shopper.balance, shopper.account.opening - price - Stage.fee)
        })
    )
  }
)
