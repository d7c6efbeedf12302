/** Customers who say that they have paid, or pay otherwise than they were asked to. */
import { assert, layer } from "@effect/vitest"
import { AgentMessage, Bolt11, Msat } from "@farthing/protocol"
import { Effect, Option, Schedule } from "effect"
import { randomBytes } from "node:crypto"
import * as ForeignInvoice from "../src/ForeignInvoice.ts"
import * as Shop from "../src/Shop.ts"
import * as Shopper from "../src/Shopper.ts"
import * as Stage from "../src/Stage.ts"

const price = Msat.make(6_007)
const offer = { priceMsats: price }

/** Asks and is quoted. */
const quoteFor = Effect.fnUntraced(function* (shopper: Shopper.Shopper, wish?: Shopper.Wish) {
  const request = yield* shopper.ask(wish)
  const { message } = yield* shopper.hear("Invoice")
  return {
    request: request.id,
    bolt11: message.bolt11,
    paymentHash: (yield* Effect.fromResult(Bolt11.decode(message.bolt11))).paymentHash
  }
})

type Quote = Effect.Success<ReturnType<typeof quoteFor>>

const claim = (shopper: Shopper.Shopper, quote: Quote, paymentHash = quote.paymentHash) =>
  shopper.say(
    {
      type: "PaymentSent",
      job_id: AgentMessage.jobIdOf(quote.request),
      payment_id: paymentHash
    },
    { reply: quote.request }
  )

/** Somebody honest is served; what was said before was heard by then. */
const honest = Effect.fnUntraced(function* (shop: Shop.Open) {
  const shopper = yield* Shopper.make(shop.place, shop.provider)
  const quote = yield* quoteFor(shopper, { prompt: "honest" })
  yield* shopper.pay(quote.bolt11)
  assert.strictEqual((yield* shopper.hear("JobResult")).message.result, "honest!")
})

const typesHeard = (shopper: Shopper.Shopper) =>
  Effect.map(shopper.heard, (heard) => heard.map(({ message }) => message.type))

layer(Stage.layer, { excludeTestServices: true })("a customer who", (it) => {
  it.effect("says to have paid, and has not, gets nothing", () =>
    Effect.gen(function* () {
      const shop = yield* Shop.open({ offer })
      const shopper = yield* Shopper.make(shop.place, shop.provider)
      const quote = yield* quoteFor(shopper)
      yield* claim(shopper, quote)
      yield* shop.looksAt(quote.paymentHash)
      yield* honest(shop)
      assert.deepStrictEqual(yield* typesHeard(shopper), [])
      yield* Shop.closing(shop, { ...Shop.sold(1, price), unpaid: 1 })
    })
  )

  it.effect("says to have paid what another has asked for gets nothing for either", () =>
    Effect.gen(function* () {
      const shop = yield* Shop.open({ offer })
      const shopper = yield* Shopper.make(shop.place, shop.provider)
      const stranger = yield* Shopper.make(shop.place, shop.provider)
      const quote = yield* quoteFor(shopper)
      yield* claim(stranger, quote)
      yield* honest(shop)
      assert.deepStrictEqual(yield* typesHeard(shopper), [])
      assert.deepStrictEqual(yield* typesHeard(stranger), [])
      yield* Shop.closing(shop, { ...Shop.sold(1, price), unpaid: 1 })
    })
  )

  it.effect("pays one job and claims another gets the one that is paid", () =>
    Effect.gen(function* () {
      const shop = yield* Shop.open({ offer })
      const shopper = yield* Shopper.make(shop.place, shop.provider)
      const unpaid = yield* quoteFor(shopper, { prompt: "unpaid" })
      const paid = yield* quoteFor(shopper, { prompt: "paid" })
      yield* shopper.pay(paid.bolt11)
      yield* claim(shopper, unpaid, paid.paymentHash)
      assert.strictEqual((yield* shopper.hear("JobResult")).message.result, "paid!")
      yield* shop.looksAt(unpaid.paymentHash)
      yield* honest(shop)
      assert.deepStrictEqual(yield* typesHeard(shopper), [])
      yield* Shop.closing(shop, { ...Shop.sold(2, price), unpaid: 1 })
    })
  )

  it.effect("pays somebody else's invoice pays for somebody else", () =>
    Effect.gen(function* () {
      const shop = yield* Shop.open({ offer })
      const [payer, owner] = yield* Effect.all([
        Shopper.make(shop.place, shop.provider),
        Shopper.make(shop.place, shop.provider)
      ])
      const mine = yield* quoteFor(payer, { prompt: "mine" })
      const theirs = yield* quoteFor(owner, { prompt: "theirs" })
      yield* payer.pay(theirs.bolt11)
      yield* claim(payer, mine, theirs.paymentHash)
      assert.strictEqual((yield* owner.hear("JobResult")).message.result, "theirs!")
      yield* honest(shop)
      assert.deepStrictEqual(yield* typesHeard(payer), [])
      yield* Shop.closing(shop, { ...Shop.sold(2, price), unpaid: 1 })
    })
  )

  it.effect("pays something, but not what was quoted, has not paid", () =>
    Effect.gen(function* () {
      const { bank } = yield* Stage.Stage
      const shop = yield* Shop.open({ offer })
      const shopper = yield* Shopper.make(shop.place, shop.provider)
      const quote = yield* quoteFor(shopper)
      // An invoice binds its amount: one over less is another invoice, and no bank knows it.
      const less = yield* ForeignInvoice.make({
        amount: Option.some(Msat.make(price - 1)),
        paymentHash: quote.paymentHash
      })
      const order = { invoice: less, maxFee: Stage.fee, expiresAt: less.expiresAt }
      const failed = yield* Effect.flip(bank.pay(shopper.account.account, order))
      assert.strictEqual(failed._tag, "PaymentFailed")
      // Money that comes without a quote buys nothing.
      const loose = yield* bank.makeInvoice(shop.account.account, {
        amount: Msat.make(price - 1),
        description: "loose",
        expiry: "10 minutes"
      })
      yield* shopper.pay(loose.bolt11)
      yield* claim(shopper, quote, loose.paymentHash)
      yield* shop.looksAt(quote.paymentHash)
      yield* honest(shop)
      assert.deepStrictEqual(yield* typesHeard(shopper), [])
      const gained = 2 * price - 1
      yield* Shop.closing(shop, { ...Shop.sold(1, price), unpaid: 1, gained })
    })
  )

  it.effect("has only locked the money has not paid until it is taken", () =>
    Effect.gen(function* () {
      const { bank } = yield* Stage.Stage
      const preimage = Bolt11.Preimage.make(randomBytes(32).toString("hex"))
      const shop = yield* Shop.open({
        offer,
        wallet: (wallet) => ({
          ...wallet,
          makeInvoice: (request) =>
            wallet.makeHoldInvoice({ ...request, paymentHash: Bolt11.hashOf(preimage) })
        })
      })
      const shopper = yield* Shopper.make(shop.place, shop.provider)
      const quote = yield* quoteFor(shopper, { prompt: "locked" })
      yield* Effect.forkChild(shopper.pay(quote.bolt11), { startImmediately: true })
      yield* bank.findInvoice(shop.account.account, quote.paymentHash).pipe(
        Effect.repeat({
          until: Option.exists(({ state }) => state === "held"),
          schedule: Schedule.spaced("20 millis")
        })
      )
      yield* claim(shopper, quote)
      yield* Effect.repeat(shop.looksAt(quote.paymentHash), { times: 2 })
      yield* Shop.closing(shop, { ...Shop.sold(0, price), unpaid: 1 })
      assert.deepStrictEqual(yield* typesHeard(shopper), [])

      yield* bank.settleHold(shop.account.account, preimage)
      assert.strictEqual((yield* shopper.hear("JobResult")).message.result, "locked!")
      yield* Shop.closing(shop, Shop.sold(1, price))
    })
  )

  it.effect("pays a quote that has expired for the provider is served all the same", () =>
    Effect.gen(function* () {
      const shop = yield* Shop.open({
        offer: { ...offer, invoiceExpiry: "1 second" },
        // The bank takes the money for longer than the quote stands.
        wallet: (wallet) => ({
          ...wallet,
          makeInvoice: (request) => wallet.makeInvoice({ ...request, expiry: "10 minutes" })
        })
      })
      const shopper = yield* Shopper.make(shop.place, shop.provider)
      const quote = yield* quoteFor(shopper, { prompt: "late" })
      yield* Effect.repeat(shop.provider.status, {
        until: ({ unpaid }) => unpaid === 0,
        schedule: Schedule.spaced("20 millis")
      })
      yield* shopper.pay(quote.bolt11)
      assert.strictEqual((yield* shopper.hear("JobResult")).message.result, "late!")
      yield* Shop.closing(shop, Shop.sold(1, price))
    })
  )
})
