/** Relays that take nothing: no purchase comes about over them alone, and none fails for them. */
import { assert, layer } from "@effect/vitest"
import { Msat } from "@farthing/protocol"
import { Context, Effect, Layer } from "effect"
import * as Books from "../src/Books.ts"
import * as Manner from "../src/Manner.ts"
import * as OtherRelay from "../src/OtherRelay.ts"
import * as People from "../src/People.ts"
import * as Stage from "../src/Stage.ts"

const price = Msat.make(6_007)
const budget = Msat.make(100_000)

/** With what relays refuse events for good. */
const reasons = [
  "pow: difficulty 25 is required",
  "blocked: you are banned from posting here",
  "invalid: created_at is too far from now",
  "restricted: members only",
  "mute: nobody wants to hear that",
  "payment-required: see our page",
  "we do not like it"
]

class Market extends Context.Service<
  Market,
  { readonly place: Stage.Place; readonly refusing: ReadonlyMap<string, string> }
>()("@farthing/trials/relays/Market") {}

const market = Layer.effect(
  Market,
  Effect.gen(function* () {
    const place = yield* Stage.place()
    const refusing = yield* Effect.forEach(reasons, (reason) =>
      Effect.map(
        OtherRelay.make(place.urls[0]!, OtherRelay.of(Manner.refuses(reason))),
        ({ url }) => [reason, url] as const
      )
    )
    yield* People.seller(place, { offer: { priceMsats: price } })
    return { place, refusing: new Map(refusing) }
  })
).pipe(Layer.provideMerge(Stage.layer))

const buy = Effect.fnUntraced(function* (urls: ReadonlyArray<string>) {
  const { place } = yield* Market
  const customer = yield* People.customer({ ...place, urls })
  const bought = yield* Effect.result(
    customer.client.requestInference({ prompt: "The moon is up.", budget })
  )
  return { bought, books: yield* Books.of(customer) }
}, Effect.scoped)

layer(market, { excludeTestServices: true })("a relay that refuses every event", (it) => {
  for (const reason of reasons)
    it.effect(`ends a purchase that knows no other, unpaid and with its words: ${reason}`, () =>
      Effect.gen(function* () {
        const { refusing } = yield* Market
        const { books, bought } = yield* buy([refusing.get(reason)!])
        assert(bought._tag === "Failure")
        assert.strictEqual(bought.failure._tag, "RelayUnavailable")
        assert.include(bought.failure.message, reason)
        assert.deepStrictEqual(books, Books.untouched)
      })
    )

  it.effect("harms no purchase that knows another one, however many they are", () =>
    Effect.gen(function* () {
      const { place, refusing } = yield* Market
      const { books, bought } = yield* buy([...refusing.values(), ...place.urls])
      if (bought._tag === "Failure") assert.fail(bought.failure.message)
      assert.deepStrictEqual(books, Books.paid(price))
    })
  )
})
