/** Filters (NIP-01): what a subscription asks a relay for. */
import type { NostrEvent } from "./NostrEvent.ts"

/** `#x` keys hold the wanted values of the single-letter tag `x`. */
export interface Filter {
  readonly ids?: ReadonlyArray<string>
  readonly authors?: ReadonlyArray<string>
  readonly kinds?: ReadonlyArray<number>
  readonly since?: number
  readonly until?: number
  readonly limit?: number
  readonly [tag: `#${string}`]: ReadonlyArray<string> | undefined
}

const fieldMatches = <A>(wanted: ReadonlyArray<A> | undefined, value: A): boolean =>
  wanted === undefined || wanted.includes(value)

/** Whether a relay should send the event for this filter; `limit` plays no part. */
export const matches = (filter: Filter, event: NostrEvent): boolean =>
  fieldMatches(filter.ids, event.id) &&
  fieldMatches(filter.authors, event.pubkey) &&
  fieldMatches(filter.kinds, event.kind) &&
  (filter.since === undefined || event.created_at >= filter.since) &&
  (filter.until === undefined || event.created_at <= filter.until) &&
  tagFiltersMatch(filter, event)

export const anyMatches = (filters: ReadonlyArray<Filter>, event: NostrEvent): boolean =>
  filters.some((filter) => matches(filter, event))

const tagFiltersMatch = (filter: Filter, event: NostrEvent): boolean => {
  for (const key in filter) {
    if (key.charCodeAt(0) !== 35) continue
    const wanted = filter[key as `#${string}`]
    const name = key.slice(1)
    if (wanted === undefined) continue
    if (
      !event.tags.some((tag) => tag[0] === name && tag[1] !== undefined && wanted.includes(tag[1]))
    )
      return false
  }
  return true
}
