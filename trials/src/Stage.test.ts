import { assert, layer } from "@effect/vitest"
import { Msat } from "@farthing/protocol"
import { Effect, Stream } from "effect"
import * as Books from "./Books.ts"
import * as Peer from "./Peer.ts"
import * as People from "./People.ts"
import * as Shopper from "./Shopper.ts"
import * as Stage from "./Stage.ts"

const price = Msat.make(5_000)
const budget = Msat.make(100_000)

layer(Stage.layer, { excludeTestServices: true })("the stage", (it) => {
  it.effect("is a market in which the product buys from itself", () =>
    Effect.gen(function* () {
      const place = yield* Stage.place({ relays: 2 })
      const seller = yield* People.seller(place, { offer: { priceMsats: price } })
      const customer = yield* People.customer(place)
      const receipt = yield* customer.client.requestInference({ prompt: "Hello there.", budget })
      assert.strictEqual(receipt.provider, seller.provider.publicKey)
      assert.deepStrictEqual(yield* Books.of(customer), Books.paid(price))
      assert.strictEqual(yield* Books.earned(seller.account), price)
    })
  )

  it.effect("lets a scripted provider sell to the product", () =>
    Effect.gen(function* () {
      const place = yield* Stage.place()
      const peer = yield* Peer.open(place, { name: "tern", price }, Peer.honest(price, "a text"))
      const customer = yield* People.customer(place)
      const told = yield* Stream.runCollect(
        customer.client.streamInference({ prompt: "Hello", budget })
      )
      assert.strictEqual(told.at(-1)?._tag, "Done")
      assert.deepStrictEqual(yield* Books.of(customer), Books.paid(price))
      assert.strictEqual(yield* Books.earned(peer.account), price)
    })
  )

  it.effect("lets a scripted customer buy from the product", () =>
    Effect.gen(function* () {
      const place = yield* Stage.place()
      const seller = yield* People.seller(place, { offer: { priceMsats: price } })
      const shopper = yield* Shopper.make(place, seller.provider)
      yield* shopper.ask({ prompt: "Hello there.", target_provider: seller.provider.publicKey })
      const { message } = yield* shopper.hear("Invoice")
      yield* shopper.pay(message.bolt11)
      assert.isNotEmpty((yield* shopper.hear("JobResult")).message.result)
      assert.strictEqual(yield* Books.earned(seller.account), price)
    })
  )
})
