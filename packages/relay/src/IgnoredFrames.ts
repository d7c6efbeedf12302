/** Counts what relays send and we do not take. */
import type { Context } from "effect"
import { Metric } from "effect"

export type Reason =
  /** No message of a relay. */
  | "garbage"
  /** Larger than we take. */
  | "size"
  /** Of a subscription that is not, or no longer, ours. */
  | "subscription"
  /** Not an event. */
  | "event"
  /** An event that we did not ask for. */
  | "filter"
  /** An event whose id or signature is wrong. */
  | "forged"

/** Frames that were ignored, by `reason`. */
export const ignoredFrames = Metric.counter("farthing_relay_frames_ignored_total", {
  description: "Frames from relays that were ignored",
  incremental: true
})

export type Count = (reason: Reason) => void

export const counter = (context: Context.Context<never>): Count => {
  const of = (reason: Reason) => Metric.withAttributes(ignoredFrames, { reason })
  const metrics: Record<Reason, ReturnType<typeof of>> = {
    garbage: of("garbage"),
    size: of("size"),
    subscription: of("subscription"),
    event: of("event"),
    filter: of("filter"),
    forged: of("forged")
  }
  return (reason) => metrics[reason].updateUnsafe(1, context)
}
