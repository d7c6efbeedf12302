/**
 * What is kept in memory of an announcement: enough to choose by. The event itself, with its
 * signature, lies in the database.
 */
import type { Key, NostrEvent, Settlement } from "@farthing/protocol"
import { AgentMessage, Announcement, Network } from "@farthing/protocol"
import { Option, Result } from "effect"

export interface Listing extends Pick<
  Announcement.Announced,
  "identifier" | "models" | "modelPrices" | "online" | "price" | "unpriced"
> {
  readonly ways: ReadonlyArray<Settlement.Way>
  readonly pubkey: Key.PublicKey
  readonly id: NostrEvent.EventId
  /** Unix seconds, as its author dates it. */
  readonly createdAt: number
  /** Unix seconds from which it is no longer believed. */
  readonly endsAt: number
  /** In characters, roughly: what the announcement costs to remember. */
  readonly weight: number
}

/** Seconds after which an announcement that names no end is no longer believed. */
const silentLifetime = 7 * 24 * 3600

/** What a tag costs beside its characters. */
const tagWeight = 32

/** Reads a verified event that sells inference on this network; `now` in unix seconds. */
export const read = (
  event: NostrEvent.NostrEvent,
  network: Network.Network,
  now: number
): Option.Option<Announcement.Announced> =>
  Option.filter(
    Result.getSuccess(Announcement.fromEvent(event, now)),
    (announced) =>
      Option.getOrElse(announced.network, () => network) === network &&
      (announced.kinds.length === 0 || announced.kinds.includes(AgentMessage.textGeneration))
  )

export const fromAnnounced = (announced: Announcement.Announced): Listing => ({
  pubkey: announced.provider,
  identifier: announced.identifier,
  id: announced.event.id,
  createdAt: announced.event.created_at,
  endsAt: Option.getOrElse(announced.expiresAt, () => announced.event.created_at + silentLifetime),
  online: announced.online,
  price: announced.price,
  models: announced.models,
  modelPrices: announced.modelPrices,
  unpriced: announced.unpriced,
  ways: Announcement.waysOf(announced),
  weight: weightOf(announced.event)
})

const weightOf = (event: NostrEvent.NostrEvent): number =>
  event.tags.reduce(
    (sum, tag) => tag.reduce((sum, item) => sum + item.length, sum + tagWeight),
    event.content.length
  )

/** NIP-01: of two with the same date, the one with the lower id counts. */
export const isNewer = (
  word: Pick<Listing, "createdAt" | "id">,
  than: Pick<Listing, "createdAt" | "id">
): boolean =>
  word.createdAt === than.createdAt ? word.id < than.id : word.createdAt > than.createdAt
