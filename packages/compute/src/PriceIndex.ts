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

/** `priceOf` says infinity where a price is not known. */
export const make = (
  listings: Iterable<Listing>,
  priceOf: (listing: Listing) => number
): PriceIndex => {
  const compare = (a: Listing, b: Listing): number => {
    const x = priceOf(a)
    const y = priceOf(b)
    if (x !== y) return x < y ? -1 : 1
    return a.pubkey < b.pubkey ? -1 : a.pubkey > b.pubkey ? 1 : 0
  }

  let sorted = Array.from(listings).toSorted(compare)
  let recent: Array<Listing> = []
  let gone = new Set<Listing>()

  const merge = (): void => {
    const merged: Array<Listing> = []
    eachInOrder([0, sorted.length], [0, recent.length], (listing) => {
      merged.push(listing)
      return true
    })
    sorted = merged
    recent = []
    gone = new Set()
  }

  const eachInOrder = (
    [i, endOfSorted]: readonly [number, number],
    [j, endOfRecent]: readonly [number, number],
    visit: (listing: Listing) => boolean
  ): boolean => {
    while (i < endOfSorted || j < endOfRecent) {
      const takesSorted =
        j >= endOfRecent || (i < endOfSorted && compare(sorted[i]!, recent[j]!) <= 0)
      const next = takesSorted ? sorted[i++]! : recent[j++]!
      if (!gone.has(next) && !visit(next)) return false
    }
    return true
  }

  return {
    add: (listing) => {
      recent.splice(
        placeIn(recent, (one) => compare(one, listing) <= 0),
        0,
        listing
      )
      if (recent.length > mostChanges) merge()
    },
    remove: (listing) => {
      gone.add(listing)
      if (gone.size > mostChanges) merge()
    },
    walk: (most, visit) => {
      const isWithin = (one: Listing): boolean => priceOf(one) <= most
      const isKnown = (one: Listing): boolean => priceOf(one) !== Number.POSITIVE_INFINITY
      const goesOn = eachInOrder(
        [0, placeIn(sorted, isWithin)],
        [0, placeIn(recent, isWithin)],
        visit
      )
      if (goesOn && most !== Number.POSITIVE_INFINITY)
        eachInOrder(
          [placeIn(sorted, isKnown), sorted.length],
          [placeIn(recent, isKnown), recent.length],
          visit
        )
    }
  }
}

/** Where the list goes on with what is greater. */
const placeIn = (list: ReadonlyArray<Listing>, isBefore: (one: Listing) => boolean): number => {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (isBefore(list[middle]!)) low = middle + 1
    else high = middle
  }
  return low
}
