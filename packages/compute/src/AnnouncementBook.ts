/**
 * What providers announce now: the newest word of each, bounded in number. Plain and in memory.
 */
import type { Key, NostrEvent } from "@farthing/protocol"
import { AgentMessage, Announcement, Network } from "@farthing/protocol"
import { Option, Result } from "effect"
import * as Provider from "./Provider.ts"

export interface Options {
  readonly network: Network.Network
  /** The most offers that are remembered; as many again of those who are proven. */
  readonly capacity: number
  /** For whom there is room when strangers have filled the book. */
  readonly proven: ReadonlySet<Key.PublicKey>
}

/** Seconds after which an announcement that names no end is no longer believed. */
const silentLifetime = 7 * 24 * 3600

/** Seconds by which the newest announcement may lie ahead of our clock. */
const aheadAllowed = 5 * 60

/** Seconds of silence of the whole market that are remarkable: an announcement's usual life. */
const behindAllowed = 30 * 60

/** The most that strangers' announcements may weigh together, in characters. */
const mostWeight = 32 * 1024 * 1024

/** A full book looks for dead offers at most this often, in seconds. */
const pruneInterval = 10

export interface AnnouncementBook {
  /** Reads a verified event; the offer, if it was news. `now` is in unix seconds. */
  readonly add: (event: NostrEvent.NostrEvent, now: number) => Option.Option<Provider.Provider>
  /** Everybody who sells now. */
  readonly open: (now: number) => ReadonlyArray<Provider.Provider>
  readonly hasOpen: (now: number) => boolean
  /** Why nobody may seem to sell: how far the market's newest word is from our clock. */
  readonly clockHint: (now: number) => Option.Option<string>
}

export const make = ({ capacity, network, proven }: Options): AnnouncementBook => {
  const offers = new Map<string, Provider.Provider>()
  let weight = 0
  let newestWord = 0
  let lastPruned = 0
  let snapshot: { readonly until: number; readonly open: ReadonlyArray<Provider.Provider> } = {
    until: 0,
    open: []
  }

  const drop = (key: string): void => {
    const offer = offers.get(key)
    if (offer === undefined) return
    offers.delete(key)
    weight -= weightOf(offer)
    snapshot = { until: 0, open: [] }
  }

  const hasRoom = (offer: Provider.Provider): boolean =>
    proven.has(offer.pubkey)
      ? offers.size < 2 * capacity
      : offers.size < capacity && weight + weightOf(offer) <= mostWeight

  const makeRoom = (offer: Provider.Provider, now: number): boolean => {
    if (hasRoom(offer)) return true
    if (now < lastPruned + pruneInterval) return false
    lastPruned = now
    for (const [key, { announcement }] of offers) if (!isOpen(announcement, now)) drop(key)
    return hasRoom(offer)
  }

  const add: AnnouncementBook["add"] = (event, now) => {
    newestWord = Math.max(newestWord, event.created_at)
    const announcement = Announcement.fromEvent(event, now)
    if (Result.isFailure(announcement) || !concernsUs(announcement.success, network))
      return Option.none()
    const key = `${event.pubkey}:${announcement.success.identifier}`
    const known = offers.get(key)
    if (known !== undefined && !isNewer(event, known.announcement.event)) return Option.none()
    drop(key)
    const offer = Provider.fromAnnouncement(announcement.success)
    if (!makeRoom(offer, now)) return Option.none()
    offers.set(key, offer)
    weight += weightOf(offer)
    snapshot = { until: 0, open: [] }
    return Option.some(offer)
  }

  const open: AnnouncementBook["open"] = (now) => {
    if (now < snapshot.until) return snapshot.open
    const found: Array<Provider.Provider> = []
    let until = Number.POSITIVE_INFINITY
    for (const offer of offers.values()) {
      if (!isOpen(offer.announcement, now)) continue
      found.push(offer)
      until = Math.min(until, endOf(offer.announcement))
    }
    snapshot = { until, open: found }
    return found
  }

  return {
    add,
    open,
    hasOpen: (now) => {
      for (const offer of offers.values()) if (isOpen(offer.announcement, now)) return true
      return false
    },
    clockHint: (now) => clockHint(newestWord, now)
  }
}

/** In characters, roughly: what an announcement costs to remember. */
const weightOf = ({ announcement: { event } }: Provider.Provider): number =>
  event.tags.reduce(
    (sum, tag) => tag.reduce((sum, item) => sum + item.length, sum),
    event.content.length
  )

const concernsUs = (announcement: Announcement.Announced, network: Network.Network): boolean =>
  Option.getOrElse(announcement.network, () => network) === network &&
  (announcement.kinds.length === 0 || announcement.kinds.includes(AgentMessage.textGeneration))

/** NIP-01: of two with the same date, the one with the lower id counts. */
const isNewer = (event: NostrEvent.NostrEvent, than: NostrEvent.NostrEvent): boolean =>
  event.created_at === than.created_at ? event.id < than.id : event.created_at > than.created_at

const endOf = (announcement: Announcement.Announced): number =>
  Option.getOrElse(announcement.expiresAt, () => announcement.event.created_at + silentLifetime)

const isOpen = (announcement: Announcement.Announced, now: number): boolean =>
  announcement.online && endOf(announcement) > now

/** Whether a word is dated so far ahead that our clock, or its author's, must be off. */
export const isAhead = (createdAt: number, now: number): boolean => createdAt > now + aheadAllowed

const clockHint = (newestWord: number, now: number): Option.Option<string> => {
  if (isAhead(newestWord, now))
    return Option.some(
      `the newest announcement is dated ${newestWord - now} s ahead: this machine's clock may be slow`
    )
  if (newestWord > 0 && newestWord < now - behindAllowed)
    return Option.some(
      `the newest announcement is ${now - newestWord} s old: everybody left, or this machine's clock is fast`
    )
  return Option.none()
}
