/** What can go wrong between us and the relays. */
import { Schema } from "effect"

/** No relay could be reached, or answered, in time. */
export class Unreachable extends Schema.TaggedError<Unreachable>()("Unreachable", {
  urls: Schema.Array(Schema.String),
  message: Schema.String
}) {}

/** Relays were reached, but fewer than the quorum accepted the event. */
export class QuorumMissed extends Schema.TaggedError<QuorumMissed>()("QuorumMissed", {
  accepted: Schema.Int,
  quorum: Schema.Int,
  message: Schema.String
}) {}

/** Every relay refused the subscription (CLOSED). */
export class Refused extends Schema.TaggedError<Refused>()("Refused", {
  message: Schema.String
}) {}

/** The event is larger than any relay takes (NIP-11 `max_message_length`). */
export class TooLarge extends Schema.TaggedError<TooLarge>()("TooLarge", {
  /** Size of the frame that carries the event. */
  bytes: Schema.Int,
  /** The largest frame that any of the relays takes. */
  limit: Schema.Int
}) {}

export class RelayError extends Schema.TaggedError<RelayError>()("RelayError", {
  reason: Schema.Union([Unreachable, QuorumMissed, Refused, TooLarge])
}) {
  override get message(): string {
    return this.reason._tag === "TooLarge"
      ? `The event takes ${this.reason.bytes} bytes, the relays at most ${this.reason.limit}`
      : this.reason.message
  }
}
