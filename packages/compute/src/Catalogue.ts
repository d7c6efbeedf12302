/**
 * The market's announcements in both places: what is chosen by in memory, the signed events in the
 * database. Memory knows first; the database follows in batches, when nobody waits for it.
 */
import type { Key, Network, NostrEvent } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import * as Recent from "@farthing/relay/Recent"
import { Array as Arr, Effect, Option } from "effect"
import * as AnnouncementBook from "./AnnouncementBook.ts"
import * as AnnouncementTable from "./AnnouncementTable.ts"
import * as Listing from "./Listing.ts"
import * as Provider from "./Provider.ts"

export interface Options {
  readonly network: Network.Network
  readonly capacity: number
  readonly proven: ReadonlyArray<Key.PublicKey>
}

export type Catalogue = Effect.Success<ReturnType<typeof open>>

/** So many providers that were chosen last are read once and not again. */
const mostChosen = 256

/** So many are written in one transaction: others wait for it no longer than for a few rows. */
const mostInTransaction = 512

/** So many are read from the database at once. */
const mostAtOnce = 512

/** So many rows are written, or as many characters, before room is made for others. */
const rowsBetweenEvictions = 10_000
const weightBetweenEvictions = 16 * 1024 * 1024

/** Opens with what is stored. */
export const open = Effect.fnUntraced(function* (
  table: AnnouncementTable.AnnouncementTable,
  { capacity, network, proven }: Options
) {
  const book = AnnouncementBook.make({ capacity, proven: new Set(proven) })
  const unwritten = new Map<string, AnnouncementTable.Heard>()
  const chosen = Recent.make<string, Provider.Provider>(mostChosen)
  let newestWord = 0
  let rowsWritten = 0
  let weightWritten = 0

  const start = yield* UnixTime.now
  yield* table.load(start, (listings) => {
    for (const listing of listings) book.add(listing, start)
  })

  /** Takes verified events; `onNews` is told of each that is the newest word of its offer. */
  const hear = (
    events: ReadonlyArray<NostrEvent.NostrEvent>,
    now: number,
    onNews: (provider: () => Provider.Provider) => void
  ): void => {
    for (const event of events) {
      newestWord = Math.max(newestWord, event.created_at)
      if (book.knows(event.id)) continue
      const read = Listing.read(event, network, now)
      if (Option.isNone(read)) continue
      const announced = read.value
      const listing = Listing.fromAnnounced(announced)
      if (!book.add(listing, now)) continue
      unwritten.set(listing.id, {
        listing,
        name: announced.name,
        event: JSON.stringify(event),
        heardAt: now
      })
      onNews(() => Provider.fromAnnouncement(announced))
    }
  }

  const makeRoom = Effect.gen(function* () {
    if (rowsWritten < rowsBetweenEvictions && weightWritten < weightBetweenEvictions) return
    rowsWritten = 0
    weightWritten = 0
    yield* table.evict(yield* UnixTime.now, { capacity, proven })
  })

  /** Writes what is not written yet, some at a time, and lets others have their turn between. */
  const write = Effect.gen(function* () {
    while (unwritten.size > 0) {
      const batch = Arr.fromIterable(take(unwritten.values(), mostInTransaction))
      // What was replaced before it was written need not be.
      const standing = batch.filter(({ listing }) => book.knows(listing.id))
      yield* table.keep(standing)
      for (const { listing } of batch) unwritten.delete(listing.id)
      rowsWritten += standing.length
      weightWritten += standing.reduce((sum, { listing }) => sum + listing.weight, 0)
      yield* makeRoom
      yield* Effect.yieldNow
    }
  })

  const inMemory = (listing: Listing.Listing, now: number): Provider.Provider | undefined => {
    const before = chosen.get(listing.id)
    if (before !== undefined) return before
    const heard = unwritten.get(listing.id)
    return heard === undefined
      ? undefined
      : AnnouncementTable.parse(heard.event).map((event) => providerOf(event, now))[0]
  }

  const providerOf = (event: NostrEvent.NostrEvent, now: number): Provider.Provider | undefined =>
    Option.getOrUndefined(
      Option.map(Listing.read(event, network, now), (announced) =>
        Provider.fromAnnouncement(announced)
      )
    )

  /**
   * The providers of some listings, in their order. A listing that the database does not confirm,
   * because another process knows better, is forgotten and left out.
   */
  const providersOf = Effect.fnUntraced(function* (listings: ReadonlyArray<Listing.Listing>) {
    const now = yield* UnixTime.now
    const found = new Map<string, Provider.Provider>()
    for (const listing of listings) {
      const provider = inMemory(listing, now)
      if (provider !== undefined) found.set(listing.id, provider)
    }
    const missing = listings.filter(({ id }) => !found.has(id))
    for (const some of Arr.chunksOf(missing, mostAtOnce)) {
      const events = yield* table.eventsOf(some)
      for (const event of events) {
        const provider = providerOf(event, now)
        if (provider !== undefined) found.set(event.id, provider)
      }
      for (const listing of some) if (!found.has(listing.id)) book.drop(listing)
      hear(events, now, () => {})
      yield* Effect.yieldNow
    }
    return listings.flatMap(({ id }) => Option.toArray(Option.fromUndefinedOr(found.get(id))))
  })

  /** The same for those few that are chosen again and again. */
  const chosenOf = Effect.fnUntraced(function* (listings: ReadonlyArray<Listing.Listing>) {
    const providers = yield* providersOf(listings)
    for (const provider of providers) chosen.set(provider.announcement.event.id, provider)
    return providers
  })

  return { book, hear, write, providersOf, chosenOf, newestWord: () => newestWord }
})

const take = function* <A>(items: Iterable<A>, most: number): Iterable<A> {
  let left = most
  for (const item of items) {
    if (left-- <= 0) return
    yield item
  }
}
