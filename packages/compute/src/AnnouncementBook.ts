/**
 * What providers announce now: the newest word of each offer, bounded in number and weight, found
 * by its provider and in the order of its price. Plain and in memory; `AnnouncementTable` keeps
 * it.
 */
import type { Key } from "@farthing/protocol"
import { Announcement } from "@farthing/protocol"
import { Option } from "effect"
import { isNewer, type Listing } from "./Listing.ts"
import * as PriceIndex from "./PriceIndex.ts"

export interface Options {
  /** The most offers of strangers that are remembered; as many again of those who are proven. */
  readonly capacity: number
  /** For whom there is room when strangers have filled the book. */
  readonly proven: ReadonlySet<Key.PublicKey>
}

/** The most that the announcements of either may weigh together, in characters. */
export const mostWeight = 128 * 1024 * 1024

/** The most offers of one provider. */
const mostOfOne = 64

/** So many models are found by price; one more is looked for among all, the first time. */
const mostModels = 32

/** `now` is in unix seconds. */
export interface AnnouncementBook {
  /** Whether it is the newest word of its offer, and there was room for it. */
  readonly add: (listing: Listing, now: number) => boolean
  /** Forgets it, if it still stands. */
  readonly drop: (listing: Listing) => void
  /** Whether the event with this id stands in the book. */
  readonly knows: (id: string) => boolean
  /** How many offers are open. */
  readonly count: (now: number) => number
  /** Every word that stands, also of those who say that they are away. */
  readonly words: (now: number) => ReadonlyArray<Listing>
  /** Every open offer. */
  readonly all: (now: number) => ReadonlyArray<Listing>
  /** The open offers of one provider. */
  readonly of: (pubkey: Key.PublicKey, now: number) => ReadonlyArray<Listing>
  /**
   * Visits open offers, of a model if one is named: the cheapest first, up to a price, and then
   * those whose price is not known. Ends where the visitor answers `false`.
   */
  readonly walk: (
    range: { readonly model: string | undefined; readonly most: number; readonly now: number },
    visit: (listing: Listing) => boolean
  ) => void
}

export const make = ({ capacity, proven }: Options): AnnouncementBook => {
  const byProvider = new Map<Key.PublicKey, ReadonlyArray<Listing>>()
  const byEnd = new Map<number, Set<Listing>>()
  const ids = new Set<string>()
  /** Made when they are first asked for. */
  const byPrice = new Map<string | undefined, PriceIndex.PriceIndex>()
  /** Of both kinds: how many there are, and what they weigh. */
  const strangers = { count: 0, weight: 0 }
  const trusted = { count: 0, weight: 0 }
  let open = 0
  let endedUntil = 0

  const offersOf = (pubkey: Key.PublicKey): ReadonlyArray<Listing> => byProvider.get(pubkey) ?? []

  const indexesOf = function* (listing: Listing): Iterable<PriceIndex.PriceIndex> {
    if (listing.online) for (const [model, index] of byPrice) if (sells(listing, model)) yield index
  }

  const drop = (listing: Listing): void => {
    if (!ids.delete(listing.id)) return
    const others = offersOf(listing.pubkey).filter((one) => one !== listing)
    if (others.length === 0) byProvider.delete(listing.pubkey)
    else byProvider.set(listing.pubkey, others)
    const ending = byEnd.get(listing.endsAt)
    ending?.delete(listing)
    if (ending?.size === 0) byEnd.delete(listing.endsAt)
    for (const index of indexesOf(listing)) index.remove(listing)
    const share = shareOf(listing)
    share.count--
    share.weight -= listing.weight
    if (listing.online) open--
  }

  const insert = (listing: Listing): void => {
    ids.add(listing.id)
    byProvider.set(listing.pubkey, [...offersOf(listing.pubkey), listing])
    const ending = byEnd.get(listing.endsAt)
    if (ending === undefined) byEnd.set(listing.endsAt, new Set([listing]))
    else ending.add(listing)
    for (const index of indexesOf(listing)) index.add(listing)
    const share = shareOf(listing)
    share.count++
    share.weight += listing.weight
    if (listing.online) open++
  }

  /** Forgets what has ended since the last time. */
  const prune = (now: number): void => {
    if (now <= endedUntil) return
    const dropAll = (second: number): void => byEnd.get(second)?.forEach(drop)
    if (now - endedUntil < byEnd.size)
      for (let second = endedUntil + 1; second <= now; second++) dropAll(second)
    else for (const second of byEnd.keys()) if (second <= now) dropAll(second)
    endedUntil = now
  }

  const shareOf = ({ pubkey }: Listing) => (proven.has(pubkey) ? trusted : strangers)

  const hasRoomFor = (listing: Listing): boolean => {
    const { count, weight } = shareOf(listing)
    return count < capacity && weight + listing.weight <= mostWeight
  }

  const add: AnnouncementBook["add"] = (listing, now) => {
    prune(now)
    if (listing.endsAt <= now) return false
    const offers = offersOf(listing.pubkey)
    const known = offers.find(({ identifier }) => identifier === listing.identifier)
    if (known === undefined ? offers.length >= mostOfOne : !isNewer(listing, known)) return false
    if (known !== undefined) drop(known)
    if (!hasRoomFor(listing)) return false
    insert(listing)
    return true
  }

  const indexOf = (model: string | undefined): PriceIndex.PriceIndex => {
    const known = byPrice.get(model)
    if (known !== undefined) return known
    const [oldest] = [...byPrice.keys()].filter((one) => one !== undefined)
    if (byPrice.size > mostModels) byPrice.delete(oldest)
    const offers = openOnes().filter((listing) => sells(listing, model))
    const index = PriceIndex.make(offers, (listing) => priceFor(listing, model))
    byPrice.set(model, index)
    return index
  }

  const openOnes = (): ReadonlyArray<Listing> =>
    [...byProvider.values()].flatMap((offers) => offers.filter(({ online }) => online))

  return {
    add,
    drop,
    knows: (id) => ids.has(id),
    count: (now) => {
      prune(now)
      return open
    },
    words: (now) => {
      prune(now)
      return [...byProvider.values()].flat()
    },
    all: (now) => {
      prune(now)
      return openOnes()
    },
    of: (pubkey, now) => {
      prune(now)
      return offersOf(pubkey).filter(({ online }) => online)
    },
    walk: ({ model, most, now }, visit) => {
      prune(now)
      indexOf(model).walk(most, visit)
    }
  }
}

const sells = (listing: Listing, model: string | undefined): boolean =>
  model === undefined || listing.models.includes(model)

const priceFor = (listing: Listing, model: string | undefined): number =>
  Option.getOrElse(Announcement.priceOf(listing, model), (): number => Number.POSITIVE_INFINITY)
