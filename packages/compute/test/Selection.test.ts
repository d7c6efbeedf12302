import { assert, describe, it } from "@effect/vitest"
import type { Announcement } from "@farthing/protocol"
import { Key, Msat, NostrEvent, Sat } from "@farthing/protocol"
import { Option, Schema } from "effect"
import { ComputeClient } from "../src/index.ts"
import * as Provider from "../src/Provider.ts"
import * as Selection from "../src/Selection.ts"

const now = 1_800_000_000
const keyOf = (name: number) => Key.PublicKey.make(name.toString(16).padStart(64, "0"))
const id = NostrEvent.EventId.make("0".repeat(64))

const provider = (
  name: number,
  price: number | undefined,
  record: Partial<Provider.Record> = {},
  models: ReadonlyArray<string> = ["tiny"]
): Provider.Provider => {
  const announcement: Announcement.Announced = {
    identifier: "offer",
    name: String(name),
    about: "",
    picture: Option.none(),
    lud16: Option.none(),
    channel: id,
    relays: [],
    network: Option.some("regtest"),
    price: Option.map(Option.fromUndefinedOr(price), Msat.make),
    models,
    modelPrices: {},
    unpriced: [],
    kinds: [5050],
    capabilities: [],
    settlements: ["upfront"],
    rails: ["lightning"],
    tagsAnswers: true,
    online: true,
    expiresAt: Option.none(),
    provider: keyOf(name),
    event: {
      id,
      pubkey: keyOf(name),
      created_at: now,
      kind: 31_990,
      tags: [],
      content: "",
      sig: NostrEvent.Signature.make("0".repeat(128))
    }
  }
  return Provider.fromAnnouncement(announcement, { ...Provider.noRecord, ...record })
}

const budget = Msat.make(10_000)

const names = (
  providers: ReadonlyArray<Provider.Provider>,
  selection: Selection.Selection = {},
  wish: Partial<Selection.Wish> = {}
) => Selection.rank(providers, { budget, selection, now, ...wish }).map(({ name }) => Number(name))

const Market = Schema.Array(
  Schema.Struct({
    name: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 30 })),
    price: Schema.UndefinedOr(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 20_000 }))),
    delivered: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9 })),
    lost: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9 })),
    medianMillis: Schema.UndefinedOr(
      Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9_000 }))
    ),
    avoided: Schema.Boolean
  })
)
const Policy = Schema.Literals(["cheapest", "fastest", "reliable", "balanced"])
const Limit = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 8 }))

const marketOf = (offers: typeof Market.Type) =>
  offers.map(({ avoided, name, price, ...record }) =>
    provider(name, price, { ...record, ...(avoided ? { avoidUntil: now + 1 } : {}) })
  )

describe("every policy", () => {
  it.prop(
    "asks each provider once, within the budget, and none that is avoided",
    [Market, Policy],
    ([offers, policy]) => {
      const market = marketOf(offers)
      const ranked = Selection.rank(market, { budget, selection: { policy }, now })
      const keys = ranked.map(({ pubkey }) => pubkey)
      assert.strictEqual(new Set(keys).size, keys.length)
      for (const one of ranked) {
        assert.isTrue(Option.getOrElse(one.price, () => 0) <= budget)
        assert.isFalse(Provider.isAvoided(one, now))
      }
      const fit = market.filter(
        (one) => !Provider.isAvoided(one, now) && Option.getOrElse(one.price, () => 0) <= budget
      )
      assert.deepStrictEqual(new Set(keys), new Set(fit.map(({ pubkey }) => pubkey)))
    }
  )

  it.prop(
    "finds the first few as if it had sorted all",
    [Market, Policy, Limit],
    ([offers, policy, limit]) => {
      const market = marketOf(offers)
      assert.deepStrictEqual(
        names(market, { policy }, { limit }),
        names(market, { policy }).slice(0, limit)
      )
    }
  )

  it.prop("does not depend on the order of the market", [Market, Policy], ([offers, policy]) => {
    const market = marketOf(offers)
    assert.deepStrictEqual(names(market.toReversed(), { policy }), names(market, { policy }))
  })
})

describe("cheapest", () => {
  it("goes by price, an unknown one last", () => {
    assert.deepStrictEqual(
      names([provider(1, undefined), provider(2, 500), provider(3, 100)]),
      [3, 2, 1]
    )
  })

  it("leaves out what is above the budget or the highest price", () => {
    const market = [provider(1, 10_001), provider(2, 10_000), provider(3, 300)]
    assert.deepStrictEqual(names(market), [3, 2])
    assert.deepStrictEqual(names(market, { maxPrice: Msat.make(300) }), [3])
  })

  it("takes the best offer of a provider with several", () => {
    const ranked = Selection.rank([provider(1, 900), provider(1, 100), provider(2, 500)], {
      budget,
      selection: {},
      now
    })
    assert.deepStrictEqual(
      ranked.map(({ price }) => Option.getOrUndefined(price)),
      [Msat.make(100), Msat.make(500)]
    )
  })
})

const dearest = (providers: ReadonlyArray<Provider.Provider>) =>
  providers.toSorted((a, b) => Option.getOrThrow(b.price) - Option.getOrThrow(a.price))

describe("the other policies", () => {
  const quick = provider(1, 900, { medianMillis: 100, delivered: 1, lost: 1, jobs: 2 })
  const solid = provider(2, 900, { medianMillis: 5_000, delivered: 50, jobs: 50 })
  const newcomer = provider(3, 100)

  it("fastest goes by our median time, newcomers last", () => {
    assert.deepStrictEqual(names([newcomer, solid, quick], { policy: "fastest" }), [1, 2, 3])
  })

  it("reliable goes by the chance of a delivery", () => {
    assert.deepStrictEqual(names([newcomer, quick, solid], { policy: "reliable" }), [2, 3, 1])
  })

  it("balanced weighs price, chance and time", () => {
    const dear = provider(4, 9_000, { delivered: 50, jobs: 50 })
    assert.deepStrictEqual(names([dear, solid, newcomer], { policy: "balanced" }), [3, 2, 4])
  })

  it("a function of the caller's own orders, and chooses among the avoided too", () => {
    const avoided = provider(5, 100, { avoidUntil: now + 10 })
    assert.deepStrictEqual(names([avoided, solid], { policy: dearest }), [2, 5])
  })
})

describe("a selection", () => {
  const market = [provider(1, 100), provider(2, 200, {}, ["large"]), provider(3, 300)]

  it("asks only these, not those, and for one model", () => {
    assert.deepStrictEqual(names(market, { only: [keyOf(2), keyOf(3)] }), [2, 3])
    assert.deepStrictEqual(names(market, { ignore: [keyOf(1)] }), [2, 3])
    assert.deepStrictEqual(names(market, { model: "large" }), [2])
  })

  it("asks the named ones first, in their order, whatever their record", () => {
    const avoided = provider(4, 400, { avoidUntil: now + 10 })
    assert.deepStrictEqual(
      names([...market, avoided], { order: [keyOf(4), keyOf(3), keyOf(9)] }),
      [4, 3, 1, 2]
    )
  })

  it("forgets a loss when its time is over", () => {
    const lost = provider(5, 50, { lost: 1, avoidUntil: now })
    assert.deepStrictEqual(names([lost, ...market]), [5, 1, 2, 3])
  })
})

describe("selectCheapestProvider", () => {
  it("takes the cheapest known price within the budget", () => {
    const market = [provider(1, undefined), provider(2, 2_000), provider(3, 1_500)]
    const chosen = ComputeClient.selectCheapestProvider(market, 2)
    assert.strictEqual(Option.getOrThrow(chosen).name, "3")
  })

  it("rounds nothing away: 1,500 msat are not within one sat", () => {
    assert.isTrue(Option.isNone(ComputeClient.selectCheapestProvider([provider(3, 1_500)], 1)))
  })

  it.prop("never takes an unknown or higher price", [Market], ([offers]) => {
    const chosen = ComputeClient.selectCheapestProvider(marketOf(offers), 10)
    if (Option.isSome(chosen))
      assert.isTrue(Option.exists(chosen.value.price, (price) => price <= Sat.toMsat(Sat.make(10))))
  })
})
