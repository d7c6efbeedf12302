import { assert, describe, it } from "@effect/vitest"
import { Key, Msat } from "@farthing/protocol"
import { Relay } from "@farthing/relay"
import { Sqlite } from "@farthing/sqlite"
import { Effect, Layer, Option } from "effect"
import { TestClock } from "effect/testing"
import * as Discovery from "../src/Discovery.ts"
import * as Provider from "../src/Provider.ts"
import type * as ProviderList from "../src/ProviderList.ts"
import { announce } from "./TestAnnouncing.ts"

const market = Discovery.layer({ network: "regtest" }).pipe(
  Layer.provide(Sqlite.layer({ filename: ":memory:" })),
  Layer.provideMerge(Relay.layerMemory)
)

const [anna, ben, cleo, dora] = [Key.generate(), Key.generate(), Key.generate(), Key.generate()]

const sats = (amount: number) => Option.some(Msat.make(amount * 1_000))

/** Four who announce themselves one minute after the other; the last one has left. */
const four = Effect.gen(function* () {
  yield* announce({ name: "anna", price: sats(30), models: ["tiny"] }, { by: anna })
  yield* TestClock.adjust("1 minute")
  yield* listed({})
  yield* announce(
    {
      name: "Ben",
      price: sats(10),
      models: ["tiny", "large"],
      modelPrices: { large: Msat.make(50_000) },
      settlements: ["upfront", "sealed"]
    },
    { by: ben }
  )
  yield* TestClock.adjust("1 minute")
  yield* listed({})
  yield* announce({ name: "cleo", price: Option.none(), models: ["large"] }, { by: cleo })
  yield* announce({ name: "dora", price: sats(1), models: ["tiny"], online: false }, { by: dora })
  yield* TestClock.adjust("1 minute")
})

/** What we have seen of them: Anna is quick, Ben is slow and safe, Cleo took money. */
const records = new Map([
  [
    Key.publicKeyOf(anna),
    { ...Provider.noRecord, jobs: 2, delivered: 1, lost: 1, medianMillis: 9 }
  ],
  [Key.publicKeyOf(ben), { ...Provider.noRecord, jobs: 5, delivered: 5, medianMillis: 5_000 }],
  [Key.publicKeyOf(cleo), { ...Provider.noRecord, jobs: 3, lost: 3 }]
])

const listed = Effect.fnUntraced(function* (query: ProviderList.Query) {
  const discovery = yield* Discovery.Discovery
  const { entries } = yield* discovery.list({ within: "1 second", ...query }, records)
  return entries.map(({ provider }) => provider.name)
})

describe("the list of providers", () => {
  it.effect("is in the order that is asked for; who is alike in it, by price", () =>
    Effect.gen(function* () {
      yield* four
      assert.deepStrictEqual(yield* listed({}), ["Ben", "anna", "cleo"])
      assert.deepStrictEqual(yield* listed({ sort: "price" }), ["Ben", "anna", "cleo"])
      assert.deepStrictEqual(yield* listed({ sort: "name" }), ["anna", "Ben", "cleo"])
      assert.deepStrictEqual(yield* listed({ sort: "seen" }), ["cleo", "Ben", "anna"])
      assert.deepStrictEqual(yield* listed({ sort: "latency" }), ["anna", "Ben", "cleo"])
      assert.deepStrictEqual(yield* listed({ sort: "reliability" }), ["Ben", "anna", "cleo"])
    }).pipe(Effect.provide(market))
  )

  it.effect("holds who sells now, or who did too, last", () =>
    Effect.gen(function* () {
      yield* four
      assert.deepStrictEqual(yield* listed({ online: true }), ["Ben", "anna", "cleo"])
      assert.deepStrictEqual(yield* listed({ online: false }), ["Ben", "anna", "cleo", "dora"])
      const { entries, total } = yield* (yield* Discovery.Discovery).list({ limit: 1 }, records)
      assert.deepStrictEqual([entries.map(({ provider }) => provider.name), total], [["Ben"], 4])
    }).pipe(Effect.provide(market))
  )

  it.effect("holds who sells a model, at the price of it", () =>
    Effect.gen(function* () {
      yield* four
      assert.deepStrictEqual(yield* listed({ model: "tiny" }), ["Ben", "anna"])
      assert.deepStrictEqual(yield* listed({ model: "large" }), ["Ben", "cleo"])
      assert.deepStrictEqual(yield* listed({ model: "tin" }), [])
      const upTo = (amount: number) => ({ maxPrice: Msat.make(amount * 1_000) })
      assert.deepStrictEqual(yield* listed(upTo(30)), ["Ben", "anna"])
      assert.deepStrictEqual(yield* listed(upTo(29)), ["Ben"])
      assert.deepStrictEqual(yield* listed({ model: "large", ...upTo(49) }), [])
      assert.deepStrictEqual(yield* listed({ model: "large", ...upTo(50) }), ["Ben"])
    }).pipe(Effect.provide(market))
  )

  it.effect("holds who can be paid our way", () =>
    Effect.gen(function* () {
      yield* four
      assert.deepStrictEqual(yield* listed({ settlement: "sealed" }), ["Ben"])
      assert.deepStrictEqual(yield* listed({ settlement: "upfront" }), ["Ben", "anna", "cleo"])
    }).pipe(Effect.provide(market))
  )
})
