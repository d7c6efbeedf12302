/** Filters (NIP-01): what a subscription asks a relay for. */
import { Schema, type Result } from "effect"
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

const count = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))

const Filter = Schema.StructWithRest(
  Schema.Struct({
    ids: Schema.optionalKey(Schema.Array(Schema.String)),
    authors: Schema.optionalKey(Schema.Array(Schema.String)),
    kinds: Schema.optionalKey(Schema.Array(Schema.Int)),
    since: Schema.optionalKey(count),
    until: Schema.optionalKey(count),
    limit: Schema.optionalKey(count)
  }),
  [Schema.Record(Schema.TemplateLiteral(["#", Schema.String]), Schema.Array(Schema.String))]
)

/** A filter as a client sent it. Fields of other NIPs are left out, wrong types are refused. */
export const decode: (input: unknown) => Result.Result<Filter, Schema.SchemaError> =
  Schema.decodeUnknownResult(Filter)

/** Whether a relay should send the event for this filter; `limit` plays no part. */
export const matches = (filter: Filter, event: NostrEvent): boolean =>
  (filter.since === undefined || event.created_at >= filter.since) &&
  (filter.until === undefined || event.created_at <= filter.until) &&
  isWanted(filter.kinds, event.kind) &&
  isWanted(filter.authors, event.pubkey) &&
  isWanted(filter.ids, event.id) &&
  hasWantedTags(filter, event)

/** Whether a subscription with these filters wants the event. */
export const anyMatches = (filters: ReadonlyArray<Filter>, event: NostrEvent): boolean =>
  filters.some((filter) => matches(filter, event))

const isWanted = <A>(wanted: ReadonlyArray<A> | undefined, value: A): boolean =>
  wanted === undefined || wanted.includes(value)

const hasWantedTags = (filter: Filter, event: NostrEvent): boolean => {
  for (const key in filter)
    if (key.startsWith("#") && !hasWantedTag(event, key.slice(1), filter[key as `#${string}`]))
      return false
  return true
}

const hasWantedTag = (
  event: NostrEvent,
  name: string,
  wanted: ReadonlyArray<string> | undefined
): boolean =>
  wanted === undefined ||
  event.tags.some((tag) => tag[0] === name && tag[1] !== undefined && wanted.includes(tag[1]))
