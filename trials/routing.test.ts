/** Several backends behind one provider, and a price for each model, over a real relay. */
import { assert, layer } from "@effect/vitest"
import { Msat } from "@farthing/protocol"
import { Backends, InferenceBackend } from "@farthing/provider"
import { Effect, Layer, Stream } from "effect"
import * as Books from "./src/Books.ts"
import * as People from "./src/People.ts"
import * as Stage from "./src/Stage.ts"

const budget = Msat.make(100_000)
const priceMsats = Msat.make(5_000)
const modelPrices = { large: Msat.make(40_000), gift: Msat.zero }

/** Says its own name, whatever it is asked, as long as it is not away. */
const backend = (name: string, models: ReadonlyArray<string>) => {
  let isAway = false
  const away = new InferenceBackend.InferenceError({ reason: "unreachable", message: "away" })
  const says: ReadonlyArray<InferenceBackend.Part> = [
    { _tag: "Text", text: name },
    { _tag: "Finish", reason: "stop", tokensIn: 1, tokensOut: 1 }
  ]
  return {
    goesAway: () => {
      isAway = true
    },
    layer: Layer.succeed(InferenceBackend.InferenceBackend)({
      name,
      models: Effect.suspend(() => (isAway ? Effect.fail(away) : Effect.succeed(models))),
      infer: () => Stream.suspend(() => (isAway ? Stream.fail(away) : Stream.fromIterable(says)))
    })
  }
}

layer(Stage.layer, { excludeTestServices: true })("a provider with two backends", (it) => {
  it.effect("does each job where its model is, at its model's price", () =>
    Effect.gen(function* () {
      const place = yield* Stage.place()
      const small = backend("small server", ["tiny", "small"])
      const large = backend("large server", ["small", "large"])
      yield* People.seller(place, {
        offer: { priceMsats, modelPrices },
        backend: Backends.layer(small.layer, large.layer)
      })
      const customer = yield* People.customer(place)
      const buy = (model?: string) =>
        customer.client.requestInference({
          prompt: "Who are you?",
          budget,
          ...(model === undefined ? {} : { model })
        })
      const bought = (receipt: { readonly text: string; readonly amount: number }) =>
        [receipt.text, receipt.amount] as const
      assert.deepStrictEqual(
        [bought(yield* buy()), bought(yield* buy("small")), bought(yield* buy("large"))],
        [
          ["small server", 5_000],
          ["small server", 5_000],
          ["large server", 40_000]
        ]
      )
      const [provider] = yield* customer.client.discoverProviders()
      assert.deepStrictEqual(provider?.announcement.modelPrices, { large: modelPrices.large })

      // What the first one could do too is done by the second, and nothing is paid twice.
      small.goesAway()
      assert.deepStrictEqual(bought(yield* buy("small")), ["large server", 5_000])
      const { findings, gone } = yield* Books.of(customer)
      assert.deepStrictEqual(findings, [])
      assert.strictEqual(gone, 3 * 5_000 + 40_000 + 4 * Stage.fee)
    })
  )
})
