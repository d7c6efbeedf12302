/** The spans that an OTLP collector was sent, as JSON. */
import { Schema } from "effect"
import { assert } from "@effect/vitest"

export interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string | undefined
  readonly name: string
  /** Unix nanoseconds. */
  readonly start: bigint
  readonly end: bigint
}

const Sent = Schema.fromJsonString(
  Schema.Struct({
    resourceSpans: Schema.Array(
      Schema.Struct({
        scopeSpans: Schema.Array(
          Schema.Struct({
            spans: Schema.Array(
              Schema.Struct({
                traceId: Schema.String,
                spanId: Schema.String,
                parentSpanId: Schema.optionalKey(Schema.UndefinedOr(Schema.String)),
                name: Schema.String,
                startTimeUnixNano: Schema.String,
                endTimeUnixNano: Schema.String
              })
            )
          })
        )
      })
    )
  })
)
const read = Schema.decodeUnknownSync(Sent)

export const of = (
  received: ReadonlyArray<{ readonly where: string; readonly bytes: Uint8Array }>
): ReadonlyArray<Span> =>
  received
    .filter(({ where }) => where === "/v1/traces")
    .flatMap(({ bytes }) => read(Buffer.from(bytes).toString()).resourceSpans)
    .flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))
    .map(({ endTimeUnixNano, startTimeUnixNano, ...span }) => ({
      ...span,
      start: BigInt(startTimeUnixNano),
      end: BigInt(endTimeUnixNano)
    }))

/** The only span of this name. */
export const one = (spans: ReadonlyArray<Span>, name: string): Span => {
  const [span, ...others] = spans.filter((span) => span.name === name)
  assert.isDefined(span, name)
  assert.lengthOf(others, 0, name)
  return span
}

/** The span below which another one hangs, if it was sent. */
export const parentOf = (spans: ReadonlyArray<Span>, child: Span): Span | undefined =>
  spans.find(({ spanId, traceId }) => spanId === child.parentSpanId && traceId === child.traceId)
