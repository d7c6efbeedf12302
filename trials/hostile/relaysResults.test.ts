/** What the relay of a provider can do to a result that is paid: delay it, and no more. */
import { assert, layer } from "@effect/vitest"
import { Msat } from "@farthing/protocol"
import { Effect, Latch, Schedule } from "effect"
import * as OtherRelay from "../src/OtherRelay.ts"
import * as Misbehaviour from "../src/Misbehaviour.ts"
import * as Shop from "../src/Shop.ts"
import * as Shopper from "../src/Shopper.ts"
import * as Stage from "../src/Stage.ts"

const price = Msat.make(8_009)

/** A job that is paid, and done while the provider's only relay misbehaves. */
const sell = Effect.fnUntraced(function* (place: Stage.Place, name: Misbehaviour.Name) {
  const relay = yield* OtherRelay.make(place.urls[0]!)
  const gate = yield* Latch.make()
  const shop = yield* Shop.open({
    place: { ...place, urls: [relay.url] },
    offer: { priceMsats: price },
    gate: gate.await
  })
  const shopper = yield* Shopper.make(place, shop.provider)
  yield* shopper.ask({ prompt: name })
  yield* shopper.pay((yield* shopper.hear("Invoice")).message.bolt11)
  yield* isTrue(() => shop.inferred() === 1)

  const before = relay.heard("EVENT")
  yield* relay.behave(OtherRelay.of(Misbehaviour.all[name]))
  yield* gate.open
  yield* isTrue(() => relay.heard("EVENT") > before)
  yield* relay.behave(OtherRelay.honest)

  assert.strictEqual((yield* shopper.hear("JobResult")).message.result, `${name}!`)
  yield* Shop.closing(shop, Shop.sold(1, price))
}, Effect.scoped)

/** What a relay accepts and throws away is gone for good: against that there are other relays. */
const names = Misbehaviour.names.filter((name) => name !== "swallows")

const isTrue = (fact: () => boolean) =>
  Effect.repeat(Effect.sync(fact), {
    until: (holds) => holds,
    schedule: Schedule.spaced("20 millis")
  })

layer(Stage.layer, { excludeTestServices: true })("a result that is paid", (it) => {
  it.effect(
    "reaches its customer in the end, whatever the provider's relay did to it",
    () =>
      Effect.gen(function* () {
        const place = yield* Stage.place()
        yield* Effect.forEach(names.toReversed(), (name) => sell(place, name), {
          concurrency: 6,
          discard: true
        })
      }),
    { timeout: 120_000 }
  )
})
