/**
 * Which trace a request belongs to: W3C Trace Context (`traceparent`, version 00), as a tag of the
 * request's event. Two sides that both wish it see a purchase as one trace.
 */
import { Option } from "effect"
import type * as NostrEvent from "./NostrEvent.ts"

export interface TraceContext {
  /** 32 hex digits. */
  readonly traceId: string
  /** 16 hex digits: the span in which the request was made. */
  readonly spanId: string
  /** Whether that span is recorded. */
  readonly sampled: boolean
}

const tagName = "traceparent"

export const toTag = ({ sampled, spanId, traceId }: TraceContext): ReadonlyArray<string> => [
  tagName,
  `00-${traceId}-${spanId}-${sampled ? "01" : "00"}`
]

/** What an event says; none where it says nothing, something else, or several things. */
export const fromEvent = (event: {
  readonly tags: NostrEvent.Tags
}): Option.Option<TraceContext> => {
  const tags = event.tags.filter(([name]) => name === tagName)
  const [, traceId, spanId, flags] = pattern.exec(tags[0]?.[1] ?? "") ?? []
  if (tags.length !== 1 || traceId === undefined || spanId === undefined || flags === undefined)
    return Option.none()
  // Bit 0 is `sampled`; the others have no meaning in version 00.
  return Option.some({ traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 })
}

/** An id of zeros is none. */
const pattern = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/
