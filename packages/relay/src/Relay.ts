/**
 * The Nostr relays of one identity, as if they were one: publish, subscribe, query.
 *
 * Every event that comes out of it was verified (id and signature), matches the filters that
 * asked for it, and comes once, whatever the number of relays that sent it.
 */
import type { Filter, NostrEvent } from "@farthing/protocol"
import type { Duration, Effect, Option, Scope, Stream } from "effect"
import { Context, Layer } from "effect"
import type { RelayError } from "./RelayError.ts"
import * as RelayMemory from "./RelayMemory.ts"
import * as RelayPool from "./RelayPool.ts"
import type * as Signer from "./Signer.ts"

export { QuorumMissed, Refused, RelayError, TooLarge, Unreachable } from "./RelayError.ts"

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
  /** How long a relay has for its OK, reconnections included; default: that of the layer. */
  readonly timeout?: Duration.Input
}

export interface SubscribeOptions {
  /**
   * Runs once, when every reachable relay has sent what it had stored and the stream has passed
   * it on. A relay that cannot be reached, or stays silent for the `storedTimeout`, is not waited
   * for; but as long as none at all can be reached, it does not run. The stream goes on when it
   * is done.
   */
  readonly onStored?: Effect.Effect<void>
  /** The same for each relay that has sent all, as soon as the stream has passed it on. */
  readonly onRelayStored?: (url: string) => Effect.Effect<void>
  /** Unix seconds: a relay is not asked for what is older, beyond what the filters say. */
  readonly since?: (url: string) => number | undefined
  /** Events that are known already: they are neither verified nor passed on again. */
  readonly isKnown?: (id: string) => boolean
}

export interface QueryOptions {
  /**
   * For how long a relay may be silent before it is given up; default: the `storedTimeout` of
   * the layer. The whole query takes at most ten times as long.
   */
  readonly timeout?: Duration.Input
}

export interface Shape {
  readonly urls: ReadonlyArray<string>

  /** Those of the relays with which a connection stands now; they are dialled when first needed. */
  readonly connected: Effect.Effect<ReadonlyArray<string>>

  /**
   * The size in bytes (as JSON) of an event that every relay takes: 48,000, or less where a
   * relay states a smaller limit (NIP-11). Waits for what they state, at most 2 seconds and once.
   */
  readonly maxEventBytes: Effect.Effect<number>

  /**
   * Succeeds as soon as a quorum of relays has accepted the event. A relay that does not say so is
   * asked for the event, and gets it again if it has not got it.
   */
  readonly publish: (
    event: NostrEvent.NostrEvent,
    options?: PublishOptions
  ) => Effect.Effect<PublishReport, RelayError>

  /**
   * Stored events and then live ones, until the stream's scope closes. A relay that goes away
   * is dialled again, one that ends the subscription is asked again; nothing is lost or repeated
   * over it. A relay that sends few stored events at a time is read backwards, to the last one;
   * after an absence, to an hour before it.
   *
   * A consumer that does not keep up costs a bounded buffer: when it is full the relays are told
   * to stop (CLOSE), and asked again once it is drained. Ephemeral events, which relays do not
   * keep, can be lost then.
   */
  readonly subscribe: (
    filters: ReadonlyArray<Filter.Filter>,
    options?: SubscribeOptions
  ) => Stream.Stream<NostrEvent.NostrEvent, RelayError>

  /**
   * The stored events, newest first, once every reachable relay said that it sent them all, page
   * after page where it sends few at a time. Where a relay has more events of one second than it
   * ever sends, and the filter cannot be divided, the rest of that second is missing (and logged).
   */
  readonly query: (
    filters: ReadonlyArray<Filter.Filter>,
    options?: QueryOptions
  ) => Effect.Effect<ReadonlyArray<NostrEvent.NostrEvent>, RelayError>

  /**
   * The ids of what one of the relays has for a filter and is not held here (NIP-77); none where
   * the relay does not know how to say it, is not connected, or has very much that is missing.
   */
  readonly difference: (
    url: string,
    filter: Filter.Filter,
    held: ReadonlyArray<Pick<NostrEvent.NostrEvent, "created_at" | "id">>
  ) => Effect.Effect<Option.Option<ReadonlyArray<NostrEvent.EventId>>>
}

export class Relay extends Context.Service<Relay, Shape>()("@farthing/relay/Relay") {}

export interface Options {
  /** `ws://` or `wss://`; dialled when first needed, one connection each. */
  readonly urls: ReadonlyArray<string>
  /** How many relays have to accept an event; default 1. */
  readonly quorum?: number
  /** Answers relays that insist on knowing who asks (NIP-42). */
  readonly signer?: Signer.Shape
  /** How long a relay has to take the connection; default 15 seconds. */
  readonly connectTimeout?: Duration.Input
  /** How long a relay has for its OK, reconnections included; default 10 seconds. */
  readonly publishTimeout?: Duration.Input
  /** For how long a relay may be silent before its EOSE; default 5 seconds. */
  readonly storedTimeout?: Duration.Input
  /** A relay that shows no sign of life for three of these is dead; default 5 seconds. */
  readonly heartbeat?: Duration.Input
  /** Frames above this size are ignored; default 512 KiB. */
  readonly maxFrameBytes?: number
  /** How many events wait for a slow consumer before the relays are stopped; default 4,096. */
  readonly bufferSize?: number
  /** Decides whether an event is genuine; default `NostrEvent.verify`. */
  readonly verify?: (event: NostrEvent.NostrEvent) => boolean
}

/** The relays, until the scope closes. */
export const make: (options: Options) => Effect.Effect<Shape, never, Scope.Scope> = RelayPool.make

export const layer = (options: Options): Layer.Layer<Relay> => Layer.effect(Relay, make(options))

/** One relay in memory, with the semantics of the real one: for tests. */
export const layerMemory: Layer.Layer<Relay> = Layer.effect(Relay, RelayMemory.make)
