/** Several servers behind one provider, and a price for each model, over a real relay. */
import { assert, layer } from "@effect/vitest"
import type { ComputeClient } from "@farthing/compute"
import { Msat } from "@farthing/protocol"
import { ComputeProvider } from "@farthing/provider"
import { Context, Effect, Layer, Schedule } from "effect"
import { Market } from "farthing"
import * as Backend from "../apps/worker/test/support/Backend.ts"
import * as Books from "./src/Books.ts"
import * as People from "./src/People.ts"
import * as Stage from "./src/Stage.ts"

const budget = Msat.make(100_000)

/** A server that says whose it is, whatever it is asked. */
const server = Effect.fnUntraced(function* (
  rest: string,
  models: ReadonlyArray<string>,
  port?: number
) {
  const backend = yield* Backend.make({ models, rest, ...(port === undefined ? {} : { port }) })
  yield* backend.finish
  return backend
})

/** Sells what two servers have, as it is configured. */
const shopOver = Effect.fnUntraced(function* (
  place: Stage.Place,
  first: Backend.Backend,
  second: Backend.Backend
) {
  const owner = yield* People.person(place, {
    name: "seller",
    environment: {
      FARTHING_PROVIDER_BACKEND_URL: first.url,
      FARTHING_PROVIDER_FALLBACK_URLS: second.url,
      FARTHING_PROVIDER_PRICE_MSATS: "5000",
      FARTHING_PROVIDER_MODEL_PRICES: "large=40000,gift=0",
      FARTHING_PROVIDER_CAPACITY: "5"
    }
  })
  const seller = Market.seller().pipe(Layer.provide(Market.configuredBackend()))
  const provider = Context.get(yield* People.live(owner, seller), ComputeProvider.ComputeProvider)
  yield* provider.online
  const untilCapacity = (jobs: number) =>
    Effect.repeat(provider.readiness, {
      until: ({ capacity }) => capacity === jobs,
      schedule: Schedule.spaced("20 millis")
    })
  return { untilCapacity }
})

const shopping = (client: ComputeClient.Shape) => ({
  buy: Effect.fnUntraced(function* (model?: string) {
    const wish = { prompt: "Who are you?", budget }
    const receipt = yield* client.requestInference(model === undefined ? wish : { ...wish, model })
    const bought: readonly [text: string, msats: number] = [receipt.text, receipt.amount]
    return bought
  }),
  announced: Effect.map(client.discoverProviders(), ([provider]) => provider?.announcement),
  untilSold: (...models: ReadonlyArray<string>) =>
    Effect.repeat(client.discoverProviders(), {
      until: ([provider]) => provider?.models.join() === models.join(),
      schedule: Schedule.spaced("20 millis")
    })
})

const ofSmall = ["tiny", "small"]

layer(Stage.layer, { excludeTestServices: true })("a provider with two servers", (it) => {
  it.effect("does each job where its model is, at its model's price", () =>
    Effect.gen(function* () {
      const place = yield* Stage.place()
      const small = yield* server("in the village.", ofSmall)
      const large = yield* server("in the city.", ["small", "large"])
      const { untilCapacity } = yield* shopOver(place, small, large)
      const customer = yield* People.customer(place)
      const { announced, buy } = shopping(customer.client)
      yield* untilCapacity(5)
      assert.deepStrictEqual(yield* buy(), ["Once in the village.", 5_000])
      assert.deepStrictEqual(yield* buy("small"), ["Once in the village.", 5_000])
      assert.deepStrictEqual(yield* buy("large"), ["Once in the city.", 40_000])
      const offer = yield* announced
      assert.deepStrictEqual(offer?.models, ["tiny", "small", "large"])
      assert.deepStrictEqual(offer?.modelPrices, { large: Msat.make(40_000) })

      // What the first one could do too is done by the second, and nothing is paid twice.
      yield* small.close
      assert.deepStrictEqual(yield* buy("small"), ["Once in the city.", 5_000])
      const { findings, gone } = yield* Books.of(customer)
      assert.deepStrictEqual(findings, [])
      assert.strictEqual(gone, 3 * 5_000 + 40_000 + 4 * Stage.fee)
    })
  )

  it.effect("sells what is well, and as many jobs at once", () =>
    Effect.gen(function* () {
      const place = yield* Stage.place()
      const small = yield* server("in the village.", ofSmall)
      const large = yield* server("in the city.", ["small", "large"])
      const { untilCapacity } = yield* shopOver(place, small, large)
      const customer = yield* People.customer(place)
      const { buy, untilSold } = shopping(customer.client)
      yield* untilCapacity(5)

      // Who fails a job is looked at there and then.
      yield* small.close
      yield* buy("small")
      const { backends } = yield* untilCapacity(3)
      assert.deepStrictEqual(
        backends.map(({ isHealthy, name }) => [name, isHealthy]),
        [
          [small.url, false],
          [large.url, true]
        ]
      )
      yield* untilSold("small", "large")
      const refused = yield* Effect.flip(buy("tiny"))
      assert.strictEqual(refused._tag, "NoProviderWithinBudget")

      yield* server("in the village.", ofSmall, Number(new URL(small.url).port))
      yield* untilCapacity(5)
      yield* untilSold("tiny", "small", "large")
      assert.deepStrictEqual(yield* buy("tiny"), ["Once in the village.", 5_000])
    })
  )
})
