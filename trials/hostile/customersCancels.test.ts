/** Customers who change their mind, and strangers who change it for them. */
import { assert, layer } from "@effect/vitest"
import { Msat, type NostrEvent } from "@farthing/protocol"
import { Effect, Stream } from "effect"
import * as Shop from "../src/Shop.ts"
import * as Shopper from "../src/Shopper.ts"
import * as Stage from "../src/Stage.ts"

const price = Msat.make(4_003)
const offer = { priceMsats: price, unpaidPerCustomer: 1 }

const cancel = (shopper: Shopper.Shopper, request: NostrEvent.EventId) =>
  shopper.say({ type: "JobCancel", request_id: request }, { reply: request })

/** Waits until the provider has taken note of it. */
const isCancelled = (shop: Shop.Open, request: NostrEvent.EventId) =>
  shop.provider.events.pipe(
    Stream.filter((event) => event._tag === "Cancelled" && event.request === request),
    Stream.runHead
  )

layer(Stage.layer, { excludeTestServices: true })("a cancelled job", (it) => {
  it.effect("that is paid all the same is delivered", () =>
    Effect.gen(function* () {
      const shop = yield* Shop.open({ offer })
      const shopper = yield* Shopper.make(shop.place, shop.provider)
      const { id } = yield* shopper.ask({ prompt: "after all" })
      const { message } = yield* shopper.hear("Invoice")
      yield* cancel(shopper, id)
      yield* isCancelled(shop, id)
      yield* shopper.pay(message.bolt11)
      assert.strictEqual((yield* shopper.hear("JobResult")).message.result, "after all!")
      yield* Shop.closing(shop, Shop.sold(1, price))
    })
  )

  it.effect("that was paid before is delivered, and not refunded", () =>
    Effect.gen(function* () {
      const shop = yield* Shop.open({ offer })
      const shopper = yield* Shopper.make(shop.place, shop.provider)
      const { id } = yield* shopper.ask({ prompt: "too late", model: "echo" })
      yield* shopper.pay((yield* shopper.hear("Invoice")).message.bolt11)
      yield* cancel(shopper, id)
      assert.strictEqual((yield* shopper.hear("JobResult")).message.result, "too late!")
      yield* cancel(shopper, id)
      yield* shopper.ask({ prompt: "next", model: "echo" })
      yield* shopper.pay((yield* shopper.hear("Invoice")).message.bolt11)
      assert.strictEqual((yield* shopper.hear("JobResult")).message.result, "next!")
      assert.deepStrictEqual(yield* shopper.heard, [])
      yield* Shop.closing(shop, Shop.sold(2, price))
    })
  )

  it.effect("is one that its own customer has cancelled, and nobody else", () =>
    Effect.gen(function* () {
      const shop = yield* Shop.open({ offer })
      const shopper = yield* Shopper.make(shop.place, shop.provider)
      const stranger = yield* Shopper.make(shop.place, shop.provider)
      const { id } = yield* shopper.ask()
      yield* shopper.hear("Invoice")
      yield* cancel(stranger, id)
      // The stranger is served meanwhile: what it said before was heard.
      yield* stranger.ask()
      yield* stranger.hear("Invoice")
      yield* shopper.ask()
      assert.strictEqual((yield* shopper.hear("JobError")).message.code, "over_capacity")
      yield* cancel(shopper, id)
      yield* isCancelled(shop, id)
      yield* shopper.ask({ prompt: "another" })
      yield* shopper.pay((yield* shopper.hear("Invoice")).message.bolt11)
      assert.strictEqual((yield* shopper.hear("JobResult")).message.result, "another!")
      yield* Shop.closing(shop, { ...Shop.sold(1, price), unpaid: 2 })
    })
  )
})
