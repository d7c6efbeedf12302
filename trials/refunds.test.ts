import { assert, layer } from "@effect/vitest"
import { Msat } from "@farthing/protocol"
import { Backends, InferenceBackend } from "@farthing/provider"
import { Deferred, Effect, Layer, Schedule, Stream } from "effect"
import * as Books from "./src/Books.ts"
import * as People from "./src/People.ts"
import * as Stage from "./src/Stage.ts"

const price = Msat.make(5_000)
const budget = Msat.make(100_000)

const backend = (
  infer: InferenceBackend.Shape["infer"]
): Layer.Layer<InferenceBackend.InferenceBackend> =>
  Layer.succeed(InferenceBackend.InferenceBackend)({
    name: "scripted",
    models: Effect.succeed(["scripted"]),
    infer
  })

const refused = new InferenceBackend.InferenceError({ reason: "refused", message: "out of order" })

const says = (...texts: ReadonlyArray<string>) =>
  Stream.fromIterable(texts.map((text): InferenceBackend.Part => ({ _tag: "Text", text })))

const finish: InferenceBackend.Part = {
  _tag: "Finish",
  reason: "stop",
  tokensIn: undefined,
  tokensOut: undefined
}

layer(Stage.layer, { excludeTestServices: true })("a provider whose backend fails", (it) => {
  it.effect("gives the money back, and its customer takes it", () =>
    Effect.gen(function* () {
      const place = yield* Stage.place()
      const seller = yield* People.seller(place, {
        offer: { priceMsats: price },
        backend: backend(() => Stream.fail(refused))
      })
      const customer = yield* People.customer(place)
      const outcome = yield* Effect.result(
        customer.client.requestInference({ prompt: "Hello", budget })
      )
      assert.strictEqual(outcome._tag, "Failure")
      const { owed, refunded } = yield* Effect.repeat(seller.provider.status, {
        until: ({ refunded }) => refunded === 1,
        schedule: Schedule.spaced("50 millis")
      })
      assert.deepStrictEqual([owed, refunded], [0, 1])
      // The customer bears the fee of its payment, and the fee reserve of the refund.
      const { findings, gone } = yield* Books.of(customer)
      assert.deepStrictEqual({ findings, gone }, { findings: [], gone: 1_000 + Stage.fee })
    })
  )

  it.effect("in the middle of a stream has another begin anew, and the text is whole", () =>
    Effect.gen(function* () {
      const place = yield* Stage.place()
      const heard = yield* Deferred.make<void>()
      const breaksOff = backend(() =>
        Stream.concat(
          says("Par"),
          Stream.fromEffect(Effect.andThen(Deferred.await(heard), Effect.fail(refused)))
        )
      )
      const whole = backend(() => Stream.concat(says("Lon", "don"), Stream.succeed(finish)))
      yield* People.seller(place, {
        offer: { priceMsats: price },
        backend: Backends.layer(breaksOff, whole)
      })
      const customer = yield* People.customer(place)
      const told = yield* customer.client.streamInference({ prompt: "Hello", budget }).pipe(
        Stream.tap((event) =>
          event._tag === "Chunk" ? Deferred.succeed(heard, undefined) : Effect.void
        ),
        Stream.runCollect
      )
      const done = told.at(-1)
      assert.strictEqual(done?._tag === "Done" && done.receipt.text, "London")
    })
  )
})
