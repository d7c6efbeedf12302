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

interface Entry<Owner> {
  readonly owner: Owner
  readonly id: string
  readonly filter: Filter.Filter
  readonly keys: ReadonlyArray<string>
}

export const make = <Owner>(): Subscriptions<Owner> => {
  const buckets = new Map<string, Set<Entry<Owner>>>()
  const byOwner = new Map<Owner, Map<string, ReadonlyArray<Entry<Owner>>>>()

  const crowd = (keys: ReadonlyArray<string>): number =>
    keys.reduce((sum, key) => sum + (buckets.get(key)?.size ?? 0), 0)

  const emptiestKeys = (filter: Filter.Filter): ReadonlyArray<string> => {
    let best = ["all"]
    let fewest = Number.POSITIVE_INFINITY
    for (const keys of keysByField(filter)) {
      const size = crowd(keys)
      if (size < fewest) [best, fewest] = [keys, size]
    }
    return best
  }

  const insert = (entry: Entry<Owner>): void => {
    for (const key of entry.keys) {
      const bucket = buckets.get(key)
      if (bucket === undefined) buckets.set(key, new Set([entry]))
      else bucket.add(entry)
    }
  }

  const remove = (entry: Entry<Owner>): void => {
    for (const key of entry.keys) {
      const bucket = buckets.get(key)
      bucket?.delete(entry)
      if (bucket?.size === 0) buckets.delete(key)
    }
  }

  const close = (owner: Owner, id: string): void => {
    const owned = byOwner.get(owner)
    owned?.get(id)?.forEach(remove)
    owned?.delete(id)
    if (owned?.size === 0) byOwner.delete(owner)
  }

  return {
    close,
    open: (owner, id, filters) => {
      close(owner, id)
      const entries = filters.map((filter) => ({ owner, id, filter, keys: emptiestKeys(filter) }))
      entries.forEach(insert)
      const owned = byOwner.get(owner)
      if (owned === undefined) byOwner.set(owner, new Map([[id, entries]]))
      else owned.set(id, entries)
    },
    closeAll: (owner) => {
      for (const entries of byOwner.get(owner)?.values() ?? []) entries.forEach(remove)
      byOwner.delete(owner)
    },
    has: (owner, id) => byOwner.get(owner)?.has(id) ?? false,
    count: (owner) => byOwner.get(owner)?.size ?? 0,
    forEachMatching: (event, f) => {
      const told = new Map<Owner, Set<string>>()
      for (const key of keysOf(event)) {
        for (const { filter, id, owner } of buckets.get(key) ?? []) {
          const ids = told.get(owner)
          if (ids?.has(id) === true || !Filter.matches(filter, event)) continue
          if (ids === undefined) told.set(owner, new Set([id]))
          else ids.add(id)
          f(owner, id)
        }
      }
    }
  }
}

/** For each field of the filter that can lead to it: the buckets that it would lie in. */
const keysByField = (filter: Filter.Filter): ReadonlyArray<Array<string>> => {
  const fields: Array<Array<string>> = []
  const add = (prefix: string, values: ReadonlyArray<string | number> | undefined) => {
    if (values !== undefined) fields.push([...new Set(values)].map((value) => prefix + value))
  }
  add("id:", filter.ids)
  for (const key in filter) if (key.startsWith("#")) add(`${key}:`, filter[key as `#${string}`])
  add("author:", filter.authors)
  add("kind:", filter.kinds)
  return fields
}

const keysOf = (event: NostrEvent.NostrEvent): ReadonlySet<string> => {
  const keys = new Set(["all", `id:${event.id}`, `author:${event.pubkey}`, `kind:${event.kind}`])
  for (const [name, value] of event.tags) {
    if (name?.length === 1 && value !== undefined) keys.add(`#${name}:${value}`)
  }
  return keys
}
