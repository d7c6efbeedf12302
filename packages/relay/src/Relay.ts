/**
 * The Nostr relays of one identity, as if they were one: publish, subscribe, query.
 *
 * Every event that comes out of it was verified (id and signature), matches the filters that
 * asked for it, and comes once, whatever the number of relays that sent it.
 */
import type { Filter, NostrEvent } from "@farthing/protocol"
import type { Duration, Stream } from "effect"
import { Context, Effect, Schema } from "effect"

/** What one relay said of an event. */
export type Outcome =
  | { readonly _tag: "Accepted"; readonly url: string; readonly message: string }
  | { readonly _tag: "Rejected"; readonly url: string; readonly message: string }
  | { readonly _tag: "Unreachable"; readonly url: string; readonly message: string }

export interface PublishReport {
  readonly event: NostrEvent.NostrEvent
  /** What was known when the quorum was reached; the others may still be under way. */
  readonly outcomes: ReadonlyArray<Outcome>
}

export interface PublishOptions {
  /** How many relays have to accept; default: the quorum of the layer. */
  readonly quorum?: number
  readonly timeout?: Duration.Input
}

export interface SubscribeOptions {
  /** Runs once, when every reachable relay has sent what it had stored. */
  readonly onStored?: Effect.Effect<void>
}

export interface Shape {
  readonly urls: ReadonlyArray<string>

  /** Succeeds as soon as a quorum of relays has accepted the event. */
  readonly publish: (
    event: NostrEvent.NostrEvent,
    options?: PublishOptions
  ) => Effect.Effect<PublishReport, RelayError>

  /**
   * Stored events and then live ones, until the stream's scope closes. A relay that goes away
   * is dialled again; nothing is lost or repeated over it.
   */
  readonly subscribe: (
    filters: ReadonlyArray<Filter.Filter>,
    options?: SubscribeOptions
  ) => Stream.Stream<NostrEvent.NostrEvent, RelayError>

  /** The stored events, newest first, once every reachable relay said that it sent them all. */
  readonly query: (
    filters: ReadonlyArray<Filter.Filter>,
    options?: { readonly timeout?: Duration.Input }
  ) => Effect.Effect<ReadonlyArray<NostrEvent.NostrEvent>, RelayError>
}

export class Relay extends Context.Service<Relay, Shape>()("@farthing/relay/Relay") {}

/** No relay could be reached in time. */
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
  bytes: Schema.Int,
  limit: Schema.Int
}) {}

export class RelayError extends Schema.TaggedError<RelayError>()("RelayError", {
  reason: Schema.Union([Unreachable, QuorumMissed, Refused, TooLarge])
}) {}
