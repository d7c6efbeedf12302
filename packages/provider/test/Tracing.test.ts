import { assert, describe, it } from "@effect/vitest"
import { NostrEvent, TraceContext } from "@farthing/protocol"
import * as Tracing from "@farthing/provider/Tracing"
import { Effect, Option, References, Tracer } from "effect"

const ours = NostrEvent.EventId.make("1".repeat(64))
const customers = { traceId: "a".repeat(32), spanId: "b".repeat(16), sampled: true }

const request = (
  tags: NostrEvent.Tags = [],
  id: NostrEvent.EventId = ours
): NostrEvent.NostrEvent => ({
  id,
  pubkey: NostrEvent.NostrEvent.fields.pubkey.make("3".repeat(64)),
  sig: NostrEvent.Signature.make("2".repeat(128)),
  kind: 42,
  created_at: 1_800_000_000,
  tags,
  content: ""
})

/** Traces with a tracer that keeps every span. */
const traced = Effect.fnUntraced(function* <A>(
  use: (tracing: Tracing.Tracing) => Effect.Effect<A>,
  traceContext = true
) {
  const spans: Array<Tracer.NativeSpan> = []
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      spans.push(span)
      return span
    }
  })
  yield* Effect.provideService(
    Effect.flatMap(Tracing.make({ traceContext }), use),
    Tracer.Tracer,
    tracer
  )
  return spans.map(({ name, parent, traceId }) => ({
    name,
    traceId,
    parent: Option.getOrUndefined(parent)?.spanId
  }))
})

const parentOf = (tags: NostrEvent.Tags, traceContext?: boolean) =>
  Effect.map(
    traced((tracing) => tracing.request(request(tags))(Effect.void), traceContext),
    ([span]) => span?.parent
  )

describe("The trace of a request", () => {
  it.effect("is the customer's, where both wish it", () =>
    Effect.gen(function* () {
      const tags = [TraceContext.toTag(customers)]
      assert.strictEqual(yield* parentOf(tags), customers.spanId)
      assert.isUndefined(yield* parentOf(tags, false))
    })
  )

  it.effect("is ours, where the customer's word is worth nothing", () =>
    Effect.gen(function* () {
      const unrecorded = TraceContext.toTag({ ...customers, sampled: false })
      for (const tags of [
        [],
        [unrecorded],
        [["traceparent", "; drop table spans"]],
        [TraceContext.toTag(customers), unrecorded]
      ])
        assert.isUndefined(yield* parentOf(tags))
    })
  )

  it.effect("holds all that is done for it, in whichever fiber", () =>
    Effect.gen(function* () {
      const [received, quote, job, infer] = yield* traced((tracing) =>
        tracing
          .request(request([TraceContext.toTag(customers)]))(
            Effect.andThen(tracing.keep(ours), tracing.stage("quote")(Effect.void))
          )
          .pipe(
            Effect.andThen(tracing.job(ours)(tracing.stage("infer")(Effect.void))),
            tracing.untraced
          )
      )
      assert.deepStrictEqual(
        [received, quote, job, infer].map((span) => [span?.name, span?.traceId]),
        ["request", "quote", "job", "infer"].map((name) => [
          `ComputeProvider.${name}`,
          customers.traceId
        ])
      )
      assert.strictEqual(job?.parent, quote?.parent)
    })
  )

  it.effect("is forgotten for newer ones: then the work is a trace of its own", () =>
    Effect.gen(function* () {
      const another = (index: number) =>
        NostrEvent.EventId.make(index.toString(16).padStart(64, "0"))
      const spans = yield* traced((tracing) =>
        Effect.gen(function* () {
          for (let index = 0; index <= 10_000; index++) {
            const id = another(index)
            yield* tracing.request(request([], id))(tracing.keep(id))
          }
          yield* tracing.job(another(0))(Effect.void)
          yield* tracing.job(another(1))(Effect.void)
        })
      )
      const [forgotten, kept] = spans.slice(-2)
      assert.isUndefined(forgotten?.parent)
      assert.strictEqual(kept?.traceId, spans[1]?.traceId)
    })
  )

  it.effect("is of nobody, where nobody keeps spans", () =>
    Effect.gen(function* () {
      const tracing = yield* Tracing.make({ traceContext: true })
      const span = yield* tracing.job(ours)(Effect.option(Effect.currentSpan))
      assert.isTrue(Option.isNone(span))
      const off = yield* traced((tracing) => tracing.request(request())(Effect.void)).pipe(
        Effect.provideService(References.TracerEnabled, false)
      )
      assert.deepStrictEqual(off, [])
    })
  )

  it.effect("holds nothing of what goes on without a request", () =>
    Effect.gen(function* () {
      const spans = yield* traced((tracing) =>
        tracing.untraced(Effect.withSpan(Effect.void, "looking around"))
      )
      assert.deepStrictEqual(spans, [])
    })
  )
})
