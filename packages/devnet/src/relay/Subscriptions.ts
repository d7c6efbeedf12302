/**
 * The open subscriptions of all connections, found by what they ask for: a new event is compared
 * with the subscriptions that could want it, not with every one.
 *
 * Each filter lies in the buckets of one of its fields, the one whose buckets hold the fewest
 * filters when it comes: customers that all watch one channel, each for answers to itself, are
 * told apart by themselves and not by the channel.
 */
import type { NostrEvent } from "@farthing/protocol"
import { Filter } from "@farthing/protocol"

export interface Subscriptions<Owner> {
  /** Replaces the owner's subscription of the same id. */
  readonly open: (owner: Owner, id: string, filters: ReadonlyArray<Filter.Filter>) => void
  readonly close: (owner: Owner, id: string) => void
  readonly closeAll: (owner: Owner) => void
  readonly has: (owner: Owner, id: string) => boolean
  readonly count: (owner: Owner) => number
  /** Calls once for each subscription that wants the event. */
  readonly forEachMatching: (
    event: NostrEvent.NostrEvent,
    f: (owner: Owner, id: string) => void
  ) => void
}

interface Subscription<Owner> {
  readonly owner: Owner
  readonly id: string
  readonly entries: Array<Entry<Owner>>
  /** The number of the last event that it was told of, so that it hears of none twice. */
  told: number
}

interface Entry<Owner> {
  readonly subscription: Subscription<Owner>
  readonly filter: Filter.Filter
  readonly place: Place
}

/** Where a filter lies: under these values of a field. A tag's field is its letter. */
interface Place {
  readonly field: string
  readonly values: ReadonlyArray<Value>
}

type Value = string | number

export const make = <Owner>(): Subscriptions<Owner> => {
  const index = new Map<string, Map<Value, Set<Entry<Owner>>>>()
  const byOwner = new Map<Owner, Map<string, Subscription<Owner>>>()
  let events = 0

  const crowd = ({ field, values }: Place): number => {
    const buckets = index.get(field)
    if (buckets === undefined) return 0
    return values.reduce<number>((sum, value) => sum + (buckets.get(value)?.size ?? 0), 0)
  }

  const emptiestPlace = (filter: Filter.Filter): Place => {
    let best = everywhere
    let fewest = Number.POSITIVE_INFINITY
    for (const place of placesOf(filter)) {
      const size = crowd(place)
      if (size < fewest) [best, fewest] = [place, size]
    }
    return best
  }

  const insert = (entry: Entry<Owner>): void => {
    const { field, values } = entry.place
    const buckets = index.get(field) ?? new Map<Value, Set<Entry<Owner>>>()
    index.set(field, buckets)
    for (const value of values) {
      const bucket = buckets.get(value)
      if (bucket === undefined) buckets.set(value, new Set([entry]))
      else bucket.add(entry)
    }
  }

  const remove = (entry: Entry<Owner>): void => {
    const { field, values } = entry.place
    const buckets = index.get(field)
    for (const value of values) {
      const bucket = buckets?.get(value)
      bucket?.delete(entry)
      if (bucket?.size === 0) buckets?.delete(value)
    }
    if (buckets?.size === 0) index.delete(field)
  }

  const close = (owner: Owner, id: string): void => {
    const owned = byOwner.get(owner)
    owned?.get(id)?.entries.forEach(remove)
    owned?.delete(id)
    if (owned?.size === 0) byOwner.delete(owner)
  }

  const open = (owner: Owner, id: string, filters: ReadonlyArray<Filter.Filter>): void => {
    close(owner, id)
    const subscription: Subscription<Owner> = { owner, id, entries: [], told: 0 }
    for (const filter of filters) {
      const entry = { subscription, filter, place: emptiestPlace(filter) }
      insert(entry)
      subscription.entries.push(entry)
    }
    const owned = byOwner.get(owner)
    if (owned === undefined) byOwner.set(owner, new Map([[id, subscription]]))
    else owned.set(id, subscription)
  }

  return {
    close,
    open,
    closeAll: (owner) => {
      for (const { entries } of byOwner.get(owner)?.values() ?? []) entries.forEach(remove)
      byOwner.delete(owner)
    },
    has: (owner, id) => byOwner.get(owner)?.has(id) ?? false,
    count: (owner) => byOwner.get(owner)?.size ?? 0,
    forEachMatching: (event, f) => {
      const number = ++events
      const tell = (field: string, value: Value): void => {
        const bucket = index.get(field)?.get(value)
        if (bucket === undefined) return
        for (const { filter, subscription } of bucket) {
          if (subscription.told === number || !Filter.matches(filter, event)) continue
          subscription.told = number
          f(subscription.owner, subscription.id)
        }
      }
      tell("all", "")
      tell("ids", event.id)
      tell("authors", event.pubkey)
      tell("kinds", event.kind)
      for (const [name, value] of event.tags) {
        if (name?.length === 1 && value !== undefined) tell(name, value)
      }
    }
  }
}

/** Where a filter lies that names nothing. */
const everywhere: Place = { field: "all", values: [""] }

/** For each field of the filter that can lead to it: where it would lie. */
const placesOf = (filter: Filter.Filter): ReadonlyArray<Place> => {
  const places: Array<Place> = []
  const add = (field: string, values: ReadonlyArray<Value> | undefined) => {
    if (values !== undefined) places.push({ field, values: [...new Set(values)] })
  }
  add("ids", filter.ids)
  for (const key in filter) if (key.startsWith("#")) add(key.slice(1), filter[key as `#${string}`])
  add("authors", filter.authors)
  add("kinds", filter.kinds)
  return places
}
