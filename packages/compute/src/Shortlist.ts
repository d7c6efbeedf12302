/**
 * Who may be the best for a wish, found without looking at all: those we have a record with, and
 * of all others, whom only their price tells apart, the cheapest.
 */
import type { Key, Settlement } from "@farthing/protocol"
import { Announcement } from "@farthing/protocol"
import type { AnnouncementBook } from "./AnnouncementBook.ts"
import type { Listing } from "./Listing.ts"
import * as Provider from "./Provider.ts"
import * as Selection from "./Selection.ts"

/** What is known of providers by their own record with us. */
export type Records = ReadonlyMap<Key.PublicKey, Provider.Record>

export interface Wanted extends Selection.Wish {
  /** Who takes none of these is left out. */
  readonly settlement: ReadonlyArray<Settlement.Way>
}

/** A listing as the policies see it. */
export interface Candidate extends Selection.Candidate {
  readonly listing: Listing
}

/** The best for the wish, best first; each provider once. For the policies that have a name. */
export const rank = (
  book: AnnouncementBook,
  records: Records,
  wish: Wanted,
  policy: Selection.Policy
): ReadonlyArray<Candidate> => Selection.rankBy(candidates(book, records, wish), wish, policy)

/** Whoever a policy could put among the first. */
const candidates = (
  book: AnnouncementBook,
  records: Records,
  wish: Wanted
): ReadonlyArray<Candidate> => {
  const { limit = Number.POSITIVE_INFINITY, now, selection } = wish
  const { model, only, order = [] } = selection
  const isWanted = Selection.isEligibleFor(wish)
  const found: Array<Candidate> = []

  /** Whether it is one of those that are wanted. */
  const consider = (listing: Listing): boolean => {
    if (!takesOneOf(wish.settlement, listing.ways)) return false
    const candidate = toCandidate(listing, records, model)
    if (!isWanted(candidate)) return false
    found.push(candidate)
    return true
  }

  const named = new Set([...(only ?? records.keys()), ...order])
  for (const pubkey of named) book.of(pubkey, now).forEach(consider)
  if (only !== undefined) return found
  const strangers = new Set<Key.PublicKey>()
  book.walk({ model, most: Selection.mostOf(wish), now }, (listing) => {
    if (!named.has(listing.pubkey) && !strangers.has(listing.pubkey) && consider(listing))
      strangers.add(listing.pubkey)
    return strangers.size < limit
  })
  return found
}

/** Everybody who takes what we offer: to say why nobody fits, all are looked at. */
export const able = (
  book: AnnouncementBook,
  records: Records,
  { now, selection, settlement }: Wanted
): ReadonlyArray<Candidate> =>
  book
    .all(now)
    .filter((listing) => takesOneOf(settlement, listing.ways))
    .map((listing) => toCandidate(listing, records, selection.model))

const toCandidate = (listing: Listing, records: Records, model: string | undefined): Candidate => ({
  listing,
  pubkey: listing.pubkey,
  models: listing.models,
  price: Announcement.priceOf(listing, model),
  record: records.get(listing.pubkey) ?? Provider.noRecord
})

export const takesOneOf = (
  wanted: ReadonlyArray<Settlement.Way>,
  offered: ReadonlyArray<Settlement.Way>
): boolean => offered.some((way) => wanted.includes(way))
