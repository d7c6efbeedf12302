/**
 * The provider's announcement: NIP-89 handler information, kind 31990. Strict in what it
 * emits, tolerant in what it reads.
 */
import { Option, Result, Schema } from "effect"
import type * as Key from "./Key.ts"
import type * as Msat from "./Msat.ts"
import type * as Network from "./Network.ts"
import type * as NostrEvent from "./NostrEvent.ts"
import type * as Settlement from "./Settlement.ts"

export const kind = 31_990

/** What a provider says of itself. */
export interface Announcement {
  /** The `d` tag; empty where a provider gives none. */
  readonly identifier: string
  readonly name: string
  readonly about: string
  readonly picture: Option.Option<string>
  readonly lud16: Option.Option<string>
  /** The kind-40 channel in which it takes jobs. */
  readonly channel: NostrEvent.EventId
  readonly relays: ReadonlyArray<string>
  readonly network: Option.Option<Network.Network>
  /** Per request; none is unknown, never free. */
  readonly price: Option.Option<Msat.Msat>
  readonly models: ReadonlyArray<string>
  readonly kinds: ReadonlyArray<number>
  readonly capabilities: ReadonlyArray<string>
  readonly settlements: ReadonlyArray<Settlement.Settlement>
  /** Whether its answers carry a `p` tag with the customer, so that a filter can ask for them. */
  readonly tagsAnswers: boolean
  readonly online: boolean
  /** Unix seconds (NIP-40). */
  readonly expiresAt: Option.Option<number>
}

/** An announcement and the event that carried it. */
export interface Announced extends Announcement {
  readonly provider: Key.PublicKey
  readonly event: NostrEvent.NostrEvent
}

/** Why an event is not taken as an announcement. */
export class NotAnAnnouncement extends Schema.TaggedError<NotAnAnnouncement>()(
  "NotAnAnnouncement",
  { message: Schema.String }
) {}

export declare const toTemplate: (
  announcement: Announcement,
  createdAt: number
) => NostrEvent.Template

/** Reads a verified event; `now` is in unix seconds and judges age and expiration. */
export declare const fromEvent: (
  event: NostrEvent.NostrEvent,
  now: number
) => Result.Result<Announced, NotAnAnnouncement>

/** Of several announcements, the newest per provider and identifier (ties: the lower id). */
export declare const newest: (announced: Iterable<Announced>) => ReadonlyArray<Announced>
