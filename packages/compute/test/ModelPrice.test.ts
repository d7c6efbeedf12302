import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ComputeClient, type InferenceRequest } from "../src/ComputeClient.ts"
import * as TestMarket from "./TestMarket.ts"
import * as TestPeer from "./TestPeer.ts"
import { passing } from "./TestTime.ts"

const { sats } = TestMarket

const general = sats(5)
const ofLarge = sats(70)
const ofGift = sats(2)

/** Sells three models, of which two cost something else, and asks for what the test says. */
const seller = (asks: ReturnType<typeof sats>) =>
  TestPeer.open(
    {
      name: "seller",
      price: general,
      models: ["small", "large", "gift"],
      announcement: { modelPrices: { large: ofLarge, gift: ofGift } }
    },
    TestPeer.honest(asks)
  )

const buy = (request: Partial<InferenceRequest> = {}) =>
  Effect.flatMap(ComputeClient, (client) =>
    passing(client.requestInference({ prompt: "hello", budget: sats(100), ...request }))
  )

describe("an invoice is held against the price of the model that was asked for", () => {
  it.effect("a dear one may cost what is announced for it, and the provider hears so", () =>
    Effect.gen(function* () {
      const { requests } = yield* seller(ofLarge)
      const receipt = yield* buy({ model: "large" })
      assert.strictEqual(receipt.cost, ofLarge + TestMarket.fee)
      assert.strictEqual(requests[0]?.request.max_price_msats, ofLarge)
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect.each([
    ["the general price is not that of a cheaper model", "gift", general],
    ["the price of a dear model is not that of another", "small", ofLarge],
    ["nor that of a request that names none", undefined, ofLarge]
  ] as const)("%s", ([, model, asks]) =>
    Effect.gen(function* () {
      const { requests } = yield* seller(asks)
      const before = yield* TestMarket.balance
      const error = yield* Effect.flip(buy(model === undefined ? {} : { model }))
      assert.deepInclude(error, { _tag: "InvoiceRejected", reason: "above_price" })
      assert.strictEqual(requests.length, 1)
      assert.strictEqual(yield* TestMarket.balance, before)
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("also where the caller has chosen the provider", () =>
    Effect.gen(function* () {
      yield* seller(general)
      const client = yield* ComputeClient
      const [provider] = yield* passing(client.discoverProviders())
      assert.isDefined(provider)
      assert.strictEqual((yield* buy({ provider })).cost, general + TestMarket.fee)
      const error = yield* Effect.flip(buy({ provider, model: "gift" }))
      assert.deepInclude(error, { _tag: "InvoiceRejected", reason: "above_price" })
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("and the budget has to allow it before anybody is asked", () =>
    Effect.gen(function* () {
      const { requests } = yield* seller(ofLarge)
      const error = yield* Effect.flip(buy({ model: "large" }))
      assert.strictEqual(error._tag, "BudgetExhausted")
      assert.strictEqual(requests.length, 0)
    }).pipe(Effect.provide(TestMarket.market({ limits: { daily: sats(20) } })))
  )
})
