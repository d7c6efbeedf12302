/**
 * Listings in the order of their prices. Most of them stand in one sorted list; what came since
 * stands in a short one beside it and what went is marked, until it is worth to merge them: a
 * change costs a short search, and a walk goes no further than it has to.
 */
import type { Listing } from "./Listing.ts"

export interface PriceIndex {
  readonly add: (listing: Listing) => void
  readonly remove: (listing: Listing) => void
  /**
   * Visits, the cheapest first, those that cost no more than `most` and then those whose price is
   * not known; equal ones in the order of their keys. Ends where the visitor answers `false`.
   */
  readonly walk: (most: number, visit: (listing: Listing) => boolean) => void
}

/** So many changes are kept beside the sorted list. */
const mostChanges = 512

/** A listing and what it costs in this index. */
interface Offer {
  readonly listing: Listing
  readonly price: number
}

/** `priceOf` says infinity where a price is not known. */
export const make = (
  listings: ReadonlyArray<Listing>,
  priceOf: (listing: Listing) => number
): PriceIndex => {
  const toOffer = (listing: Listing): Offer => ({ listing, price: priceOf(listing) })

  let sorted: ReadonlyArray<Offer> = listings.map(toOffer).toSorted(compare)
  let recent: Array<Offer> = []
  let gone = new Set<Listing>()

  const eachInOrder = (
    [i, endOfSorted]: readonly [number, number],
    [j, endOfRecent]: readonly [number, number],
    visit: (offer: Offer) => boolean
  ): boolean => {
    while (i < endOfSorted || j < endOfRecent) {
      const takesSorted =
        j >= endOfRecent || (i < endOfSorted && compare(sorted[i]!, recent[j]!) <= 0)
      const next = takesSorted ? sorted[i++]! : recent[j++]!
      if (!gone.has(next.listing) && !visit(next)) return false
    }
    return true
  }

  const merge = (): void => {
    const merged: Array<Offer> = []
    eachInOrder([0, sorted.length], [0, recent.length], (offer) => merged.push(offer) > 0)
    sorted = merged
    recent = []
    gone = new Set()
  }

  return {
    add: (listing) => {
      const offer = toOffer(listing)
      const place = placeIn(recent, (one) => compare(one, offer) <= 0)
      recent.splice(place, 0, offer)
      if (recent.length > mostChanges) merge()
    },
    remove: (listing) => {
      gone.add(listing)
      if (gone.size > mostChanges) merge()
    },
    walk: (most, visit) => {
      const isWithin = ({ price }: Offer): boolean => price <= most
      const see = ({ listing }: Offer): boolean => visit(listing)
      const goesOn = eachInOrder(
        [0, placeIn(sorted, isWithin)],
        [0, placeIn(recent, isWithin)],
        see
      )
      if (goesOn && most !== Number.POSITIVE_INFINITY)
        eachInOrder(
          [placeIn(sorted, isKnown), sorted.length],
          [placeIn(recent, isKnown), recent.length],
          see
        )
    }
  }
}

const compare = (a: Offer, b: Offer): number => {
  if (a.price !== b.price) return a.price < b.price ? -1 : 1
  const [one, other] = [a.listing.pubkey, b.listing.pubkey]
  return one < other ? -1 : one > other ? 1 : 0
}

const isKnown = ({ price }: Offer): boolean => price !== Number.POSITIVE_INFINITY

/** Where a list goes on with what is greater. */
const placeIn = (list: ReadonlyArray<Offer>, isBefore: (one: Offer) => boolean): number => {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (isBefore(list[middle]!)) low = middle + 1
    else high = middle
  }
  return low
}
