/** One purchase is one trace over both of its sides, where both wish it. */
import { assert, layer } from "@effect/vitest"
import { ComputeClient } from "@farthing/compute"
import { Msat } from "@farthing/protocol"
import { ComputeProvider, EmbeddedBackend } from "@farthing/provider"
import { Context, Effect, Exit, Layer, Scope } from "effect"
import { Market } from "farthing"
import * as Collector from "./secrets/Collector.ts"
import * as People from "./src/People.ts"
import * as Spans from "./src/Spans.ts"
import * as Stage from "./src/Stage.ts"

const offer = { priceMsats: Msat.make(5_000), modelPrices: {} }
const prompt = "The harbour is old. Ships come and go. Summarise in one sentence."
const budget = Msat.make(100_000)

/** Sells and buys once, both watched by the same collector, and tells what was collected. */
const watched = Effect.fnUntraced(function* (wishes: {
  readonly customer?: boolean
  readonly provider?: boolean
}) {
  const collector = yield* Collector.make
  const place = yield* Stage.place()
  const lives = yield* Scope.make()
  const someone = (name: string, wishes: boolean | undefined) =>
    People.person(place, {
      name,
      environment: {
        FARTHING_TELEMETRY_OTLP_URL: collector.url,
        ...(wishes === undefined ? {} : { FARTHING_TELEMETRY_TRACE_CONTEXT: String(wishes) })
      }
    })
  const receipt = yield* Effect.gen(function* () {
    const seller = yield* People.live(
      yield* someone("seller", wishes.provider),
      Market.seller(offer).pipe(Layer.provide(EmbeddedBackend.layer))
    )
    const provider = Context.get(seller, ComputeProvider.ComputeProvider)
    yield* provider.online
    const context = yield* People.live(yield* someone("customer", wishes.customer), Market.customer)
    return yield* Context.get(context, ComputeClient.ComputeClient)
      .requestInference({ prompt, budget })
      .pipe(Effect.provideContext(context))
  }).pipe(Scope.provide(lives), Effect.ensuring(Scope.close(lives, Exit.void)))
  const received = yield* collector.received
  return { receipt, spans: Spans.of(received), received }
})

const ofCustomer = [
  "discover",
  "select",
  "reserve",
  "request",
  "quote",
  "check",
  "pay",
  "deliver"
].map((stage) => `ComputeClient.${stage}`)
const ofProvider = ["request", "quote", "job", "infer", "deliver"].map(
  (stage) => `ComputeProvider.${stage}`
)

layer(Stage.layer, { excludeTestServices: true })("a purchase under watch", (it) => {
  it.effect("is one trace over both sides, where both wish it", () =>
    Effect.gen(function* () {
      const { receipt, received, spans } = yield* watched({ customer: true, provider: true })
      const purchase = Spans.one(spans, "ComputeClient.requestInference")
      const trace = spans.filter(({ traceId }) => traceId === purchase.traceId)
      const names = trace.map(({ name }) => name)
      assert.includeMembers(names, [...ofCustomer, ...ofProvider])
      // The provider's part hangs below the customer's request, and its work below that.
      const parentOf = (name: string) => Spans.parentOf(spans, Spans.one(trace, name))?.name
      assert.strictEqual(parentOf("ComputeProvider.request"), "ComputeClient.request")
      assert.strictEqual(parentOf("ComputeProvider.quote"), "ComputeProvider.request")
      assert.strictEqual(parentOf("ComputeProvider.job"), "ComputeProvider.request")
      assert.strictEqual(parentOf("ComputeProvider.infer"), "ComputeProvider.job")
      assert.strictEqual(parentOf("ComputeProvider.deliver"), "ComputeProvider.job")
      for (const span of trace) assert.isTrue(span.end >= span.start, span.name)
      // What was asked and answered is nobody's business, and neither is what was paid with.
      const told = Buffer.concat(received.map(({ bytes }) => bytes)).toString()
      for (const secret of ["harbour", receipt.text.slice(0, 20), receipt.preimage])
        assert.notInclude(told, secret)
    })
  )

  it.effect("is a trace on each side, where one of them does not, or nobody said so", () =>
    Effect.gen(function* () {
      for (const wishes of [
        { customer: true, provider: false },
        { customer: false, provider: true },
        {},
        { customer: true }
      ]) {
        const { spans } = yield* watched(wishes)
        const purchase = Spans.one(spans, "ComputeClient.requestInference")
        const request = Spans.one(spans, "ComputeProvider.request")
        assert.notStrictEqual(request.traceId, purchase.traceId)
        assert.isUndefined(Spans.parentOf(spans, request))
        const job = Spans.one(spans, "ComputeProvider.job")
        assert.strictEqual(Spans.parentOf(spans, job), request)
      }
    })
  )
})
