/**
 * What belongs together in a provider's traces: all that is done for one request, and the purchase
 * that it is made for where the customer tells of it. What goes on without a request is not
 * traced, and where nobody keeps spans, nothing is.
 */
import { type NostrEvent, TraceContext } from "@farthing/protocol"
import { Effect, Option, References, Tracer } from "effect"

type Around = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

export interface Tracing {
  /** Around what becomes of a request when it comes. */
  readonly request: (event: NostrEvent.NostrEvent) => Around
  /** The span we are in is that of the request to which its later work belongs. */
  readonly keep: (request: NostrEvent.EventId) => Effect.Effect<void>
  /** Around the work for a request that was paid, whichever fiber does it. */
  readonly job: (request: NostrEvent.EventId) => Around
  /** Around a part of either. */
  readonly stage: (name: string) => Around
  /** What the span we are in should say; no secrets and nobody's text. */
  readonly note: (key: string, value: string | number) => Effect.Effect<void>
  /** Around what goes on without a request. */
  readonly untraced: Around
}

/** Of more requests than these the oldest are forgotten: their work is a trace of its own. */
const mostKept = 10_000

export const make = Effect.fnUntraced(function* (options: {
  /** Whether customers' word is taken for the trace that a request belongs to. */
  readonly traceContext: boolean
}) {
  const hasTracer = (yield* Effect.context()).mapUnsafe.has(Tracer.Tracer.key)
  if (!hasTracer || !(yield* References.TracerEnabled)) return none
  const kept = new Map<NostrEvent.EventId, Tracer.ExternalSpan>()

  const traced =
    (name: string, from: Pick<Tracer.SpanOptions, "attributes" | "kind" | "parent">): Around =>
    (effect) =>
      effect.pipe(
        Effect.withSpan(name, { ...from, root: from.parent === undefined }, unnamed),
        Effect.provideService(References.TracerEnabled, true)
      )

  return {
    request: (event) =>
      traced("ComputeProvider.request", {
        kind: "consumer",
        attributes: { request: event.id },
        parent: options.traceContext ? Option.getOrUndefined(customersSpan(event)) : undefined
      }),
    keep: (request) =>
      Effect.map(Effect.option(Effect.currentSpan), (current) => {
        if (Option.isNone(current)) return
        const { sampled, spanId, traceId } = current.value
        kept.set(request, Tracer.externalSpan({ sampled, spanId, traceId }))
        const [oldest] = kept.keys()
        if (kept.size > mostKept && oldest !== undefined) kept.delete(oldest)
      }),
    job: (request) => (effect) =>
      Effect.suspend(() =>
        traced("ComputeProvider.job", { attributes: { request }, parent: kept.get(request) })(
          effect
        )
      ),
    stage: (name) => Effect.withSpan(`ComputeProvider.${name}`, undefined, unnamed),
    note: Effect.annotateCurrentSpan,
    untraced: Effect.provideService(References.TracerEnabled, false)
  } satisfies Tracing
})

/** A name is enough to find it; where in the code it was begun costs more than the span. */
const unnamed = { captureStackTrace: false } as const

/** One that the customer does not record would keep ours from being recorded. */
const customersSpan = (event: NostrEvent.NostrEvent): Option.Option<Tracer.ExternalSpan> =>
  TraceContext.fromEvent(event).pipe(
    Option.filter(({ sampled }) => sampled),
    Option.map(Tracer.externalSpan)
  )

const asItIs: Around = (effect) => effect

const none: Tracing = {
  request: () => asItIs,
  keep: () => Effect.void,
  job: () => asItIs,
  stage: () => asItIs,
  note: () => Effect.void,
  untraced: asItIs
}
