/** Customers who ask too often: with one key, with many, and the same thing again and again. */
import { assert, layer } from "@effect/vitest"
import { AgentMessage, Channel, Key, Msat } from "@farthing/protocol"
import { Signer } from "@farthing/relay"
import { Effect, Exit, Fiber, Schedule, Scope, Stream } from "effect"
import * as Shop from "../src/Shop.ts"
import * as Shopper from "../src/Shopper.ts"
import * as Stage from "../src/Stage.ts"

const price = Msat.make(2_003)

const buy = Effect.fnUntraced(function* (shopper: Shopper.Shopper, wish?: Shopper.Wish) {
  yield* shopper.ask(wish)
  yield* shopper.pay((yield* shopper.hear("Invoice")).message.bolt11)
  return (yield* shopper.hear("JobResult")).message.result
})

/** Asks, and hears whatever the provider says to that. */
const answerTo = Effect.fnUntraced(function* (shopper: Shopper.Shopper) {
  yield* shopper.ask({ prompt: "honest" })
  const [answer] = yield* Effect.repeat(shopper.heard, {
    until: (heard) => heard.length > 0,
    schedule: Schedule.spaced("20 millis")
  })
  return answer!.message
})

/** How many invoices the shop's wallet has made. */
const invoicesOf = Effect.fnUntraced(function* (shop: Shop.Shop) {
  const { bank } = yield* Stage.Stage
  return (yield* bank.transactions(shop.account.account)).incoming.length
})

/** A request with a key of its own. */
const sybil = Effect.fnUntraced(function* (shop: Shop.Open) {
  const event = yield* Signer.make(Key.generate()).sign({
    kind: Channel.messageKind,
    tags: [["e", shop.provider.channel, "", "root"]],
    content: AgentMessage.stringify({
      type: "JobRequest",
      kind: AgentMessage.textGeneration,
      prompt: "flood",
      max_tokens: 1
    })
  })
  yield* shop.place.relay.publish(event)
})

layer(Stage.layer, { excludeTestServices: true })("a flood of requests", (it) => {
  it.effect("by one key is answered as often as is allowed, and holds up nobody else", () =>
    Effect.gen(function* () {
      const shop = yield* Shop.open({ offer: { priceMsats: price, requestsPerMinute: 10 } })
      const flooder = yield* Shopper.make(shop.place, shop.provider)
      const shopper = yield* Shopper.make(shop.place, shop.provider)
      yield* Effect.replicateEffect(flooder.ask(), 300, { concurrency: 50 })
      assert.strictEqual(yield* buy(shopper, { prompt: "honest" }), "honest!")
      const answers = (yield* flooder.heard).length
      // A token comes back every six seconds.
      assert.isAtLeast(answers, 10)
      assert.isAtMost(answers, 30)
      assert.strictEqual(yield* invoicesOf(shop), answers + 1)
      const { unpaid } = yield* shop.provider.status
      yield* Shop.closing(shop, { ...Shop.sold(1, price), unpaid })
      assert.strictEqual(unpaid, answers)
    })
  )

  it.effect("by one key makes no more quotes than one customer may leave unpaid", () =>
    Effect.gen(function* () {
      const shop = yield* Shop.open({ offer: { priceMsats: price, unpaidPerCustomer: 3 } })
      const flooder = yield* Shopper.make(shop.place, shop.provider)
      const shopper = yield* Shopper.make(shop.place, shop.provider)
      for (const _ of [1, 2, 3]) yield* flooder.ask().pipe(Effect.andThen(flooder.hear("Invoice")))
      yield* Effect.replicateEffect(flooder.ask(), 20)
      for (const _ of Array.from({ length: 20 }))
        assert.strictEqual((yield* flooder.hear("JobError")).message.code, "over_capacity")
      assert.strictEqual(yield* buy(shopper, { prompt: "honest" }), "honest!")
      yield* Shop.closing(shop, { ...Shop.sold(1, price), unpaid: 3 })
    })
  )

  it.effect("by many keys makes no more quotes than may be unpaid at once", () =>
    Effect.gen(function* () {
      const shop = yield* Shop.open({ offer: { priceMsats: price, unpaidInAll: 20 } })
      const answers = yield* shop.provider.events.pipe(
        Stream.filter(({ _tag }) => _tag === "Quoted" || _tag === "Refused"),
        Stream.take(200),
        Stream.runCollect,
        Effect.forkChild({ startImmediately: true })
      )
      yield* Effect.replicateEffect(sybil(shop), 200, { concurrency: 50 })
      const said = yield* Fiber.join(answers)
      assert.lengthOf(
        said.filter(({ _tag }) => _tag === "Quoted"),
        20
      )
      assert.strictEqual(yield* invoicesOf(shop), 20)
      yield* Shop.closing(shop, { ...Shop.sold(0, price), unpaid: 20 })
    })
  )

  it.effect("by many keys keeps nobody out for longer than its quotes stand", () =>
    Effect.gen(function* () {
      const shop = yield* Shop.open({
        offer: { priceMsats: price, unpaidInAll: 1, invoiceExpiry: "3 seconds" }
      })
      yield* sybil(shop)
      const shopper = yield* Shopper.make(shop.place, shop.provider)
      const answer = yield* Effect.repeat(answerTo(shopper), {
        until: ({ type }) => type === "Invoice",
        schedule: Schedule.spaced("200 millis")
      })
      if (answer.type === "Invoice") yield* shopper.pay(answer.bolt11)
      assert.strictEqual((yield* shopper.hear("JobResult")).message.result, "honest!")
      yield* Shop.closing(shop, Shop.sold(1, price))
    })
  )
})

layer(Stage.layer, { excludeTestServices: true })("one request", (it) => {
  it.effect("that comes twice and over two relays is answered once, and done once", () =>
    Effect.gen(function* () {
      const place = yield* Stage.place({ relays: 2 })
      const shop = yield* Shop.open({ place, offer: { priceMsats: price } })
      const shopper = yield* Shopper.make(shop.place, shop.provider)
      const request = yield* shopper.ask({ prompt: "once" })
      yield* Effect.replicateEffect(shopper.publish(request), 10)
      const { message } = yield* shopper.hear("Invoice")
      yield* shopper.pay(message.bolt11)
      yield* Effect.replicateEffect(shopper.publish(request), 10)
      assert.strictEqual((yield* shopper.hear("JobResult")).message.result, "once!")
      yield* shopper.publish(request)
      assert.strictEqual(yield* buy(shopper, { prompt: "next" }), "next!")
      assert.deepStrictEqual(yield* shopper.heard, [])
      assert.strictEqual(yield* invoicesOf(shop), 2)
      yield* Shop.closing(shop, Shop.sold(2, price))
    })
  )

  it.effect("that comes again after a restart is answered once, and done once", () =>
    Effect.gen(function* () {
      const shop = yield* Shop.make({ offer: { priceMsats: price } })
      const life = yield* Scope.make()
      const shopper = yield* Shopper.make(shop.place, yield* Scope.provide(shop.open, life))
      const delivered = yield* shopper.ask({ prompt: "delivered" })
      yield* shopper.pay((yield* shopper.hear("Invoice")).message.bolt11)
      yield* shopper.hear("JobResult")
      const quoted = yield* shopper.ask({ prompt: "quoted" })
      yield* shopper.hear("Invoice")
      yield* Scope.close(life, Exit.void)

      const provider = yield* shop.open
      yield* Effect.forEach([delivered, quoted], shopper.publish)
      assert.strictEqual(yield* buy(shopper, { prompt: "next" }), "next!")
      assert.deepStrictEqual(yield* shopper.heard, [])
      assert.strictEqual(yield* invoicesOf(shop), 3)
      yield* Shop.closing({ ...shop, provider }, { ...Shop.sold(2, price), unpaid: 1 })
    })
  )
})
