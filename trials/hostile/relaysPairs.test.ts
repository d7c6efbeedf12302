/** Three relays, of which two misbehave: each misbehaviour beside another, and all before the seller. */
import { assert, layer } from "@effect/vitest"
import { Msat } from "@farthing/protocol"
import { Effect, Result } from "effect"
import * as OtherRelay from "../src/OtherRelay.ts"
import * as Books from "../src/Books.ts"
import * as Misbehaviour from "../src/Misbehaviour.ts"
import * as People from "../src/People.ts"
import * as Stage from "../src/Stage.ts"

const price = Msat.make(9_001)
const budget = Msat.make(100_000)

type Pair = readonly [Misbehaviour.Name, Misbehaviour.Name]

/** Everybody beside the next one in a ring. */
const ring = (names: ReadonlyArray<Misbehaviour.Name>): ReadonlyArray<Pair> =>
  names.map((name, index): Pair => [name, names[(index + 1) % names.length]!])

/** Two sellers, each of whose relays are half of all the bad ones, and a good one. */
const market = Effect.gen(function* () {
  const good = yield* Stage.place()
  const other = yield* Stage.place()
  const bad = yield* Effect.forEach(Misbehaviour.names, (name) =>
    Effect.map(
      OtherRelay.make(other.urls[0]!, OtherRelay.of(Misbehaviour.all[name])),
      ({ url }) => [name, url] as const
    )
  )
  const urls = new Map(bad)
  const sellers = yield* Effect.forEach([0, 1], (half) => {
    const theirs = [...urls.values()].filter((_, index) => index % 2 === half)
    const place = { ...good, urls: [...theirs, ...good.urls] }
    return People.seller(place, { offer: { priceMsats: price, capacity: 8 } })
  })
  const among = (pair: Pair): Stage.Place => ({
    ...good,
    urls: [...pair.map((name) => urls.get(name)!), ...good.urls]
  })
  return { sellers, among }
})

const buy = (place: Stage.Place) =>
  Effect.gen(function* () {
    const customer = yield* People.customer(place)
    yield* customer.client.requestInference({ prompt: "Two of three.", budget })
    return yield* Books.of(customer)
  }).pipe(Effect.scoped)

layer(Stage.layer, { excludeTestServices: true })("of three relays two that misbehave", (it) => {
  it.effect(
    "do not keep a purchase from its end, whatever two they are",
    () =>
      Effect.gen(function* () {
        const { among, sellers } = yield* market
        const outcomes = yield* Effect.forEach(
          ring(Misbehaviour.names),
          (pair) => Effect.map(Effect.result(buy(among(pair))), (bought) => ({ pair, bought })),
          { concurrency: 8 }
        )
        for (const { bought, pair } of outcomes) {
          const names = pair.join(" and ")
          if (Result.isFailure(bought)) assert.fail(`${names}: ${bought.failure.message}`)
          assert.deepStrictEqual(bought.success, Books.paid(price), names)
        }
        const earned = yield* Effect.forEach(sellers, ({ account }) => Books.earned(account))
        assert.strictEqual(Msat.sum(earned.map(Msat.make)), outcomes.length * price)
      }),
    { timeout: 120_000 }
  )
})
