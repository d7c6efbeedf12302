/**
 * One filter as SQL. The most telling field of the filter leads: for each of its values an index
 * gives the events newest first, so that a small limit reads few rows however many are stored.
 * The other fields are checked on the way.
 */
import type { Filter } from "@farthing/protocol"
import { NostrEvent } from "@farthing/protocol"
import { Effect } from "effect"
import type { SqlClient, SqlError } from "effect/sql"

/** An event as the relay sends it. */
export interface StoredEvent {
  readonly id: string
  readonly created_at: number
  readonly json: string
}

interface Options {
  readonly now: number
  readonly maxLimit: number
  readonly defaultLimit: number
}

type Value = string | number

/** An index to start from, and what it is asked: each branch is one look-up. */
interface Lead {
  readonly table: "event" | "tag"
  readonly index?: string
  readonly columns: ReadonlyArray<string>
  readonly branches: ReadonlyArray<ReadonlyArray<Value>>
  /** The fields of the filter that the branches answer. */
  readonly answers: ReadonlyArray<string>
}

interface Condition {
  readonly text: string
  readonly values: ReadonlyArray<Value>
}

/** More look-ups than this cost more than sorting what an index finds unordered. */
const maxBranches = 256

/** How many rows of each lead are counted to find the most telling one. */
const sample = 500

export const run = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient,
  filter: Filter.Filter,
  options: Options
): Effect.fn.Return<ReadonlyArray<StoredEvent>, SqlError.SqlError> {
  const limit = Math.min(filter.limit ?? options.defaultLimit, options.maxLimit)
  if (limit === 0 || wantsNothing(filter)) return []
  const lead = yield* mostTelling(sql, leadsOf(filter))
  const conditions = conditionsOf(filter, lead, options.now)
  const text = `SELECT lower(hex(event.id)) AS id, event.created_at, event.json FROM ${sourceOf(lead)}
    WHERE ${[...lookUp(lead), ...conditions.map((condition) => condition.text)].join(" AND ")}
    ORDER BY ${lead.table}.created_at DESC, event.id LIMIT ?`
  const values = conditions.flatMap((condition) => condition.values)
  const found = yield* Effect.forEach(lead.branches, (branch) =>
    sql.unsafe<StoredEvent>(text, [...branch, ...values, limit])
  )
  const [only, ...others] = found
  return only !== undefined && others.length === 0
    ? only
    : [...new Map(found.flat().map((event) => [event.id, event])).values()]
        .toSorted(NostrEvent.newestFirst)
        .slice(0, limit)
})

const wantsNothing = (filter: Filter.Filter): boolean =>
  Object.values(filter).some((value) => Array.isArray(value) && value.length === 0)

const tagFields = (
  filter: Filter.Filter
): ReadonlyArray<readonly [string, ReadonlyArray<string>]> =>
  Object.keys(filter)
    .filter((key): key is `#${string}` => key.startsWith("#"))
    .map((key) => [key, filter[key] ?? []])

const leadsOf = (filter: Filter.Filter): readonly [Lead, ...ReadonlyArray<Lead>] => {
  const { authors, ids, kinds } = filter
  if (ids !== undefined) return [{ table: "event", columns: [], branches: [[]], answers: [] }]
  const leads: Array<Lead> = tagFields(filter).map(([key, values]) => ({
    table: "tag",
    columns: ["tag.name", "tag.value"],
    branches: values.map((value) => [key.slice(1), value]),
    answers: [key]
  }))
  if (authors !== undefined && kinds !== undefined)
    leads.push({
      table: "event",
      index: "event_by_author_and_kind",
      columns: ["event.pubkey", "event.kind"],
      branches: authors.flatMap((author) => kinds.map((kind) => [author, kind])),
      answers: ["authors", "kinds"]
    })
  else if (authors !== undefined)
    leads.push({
      table: "event",
      index: "event_by_author",
      columns: ["event.pubkey"],
      branches: authors.map((author) => [author]),
      answers: ["authors"]
    })
  else if (kinds !== undefined)
    leads.push({
      table: "event",
      index: "event_by_kind",
      columns: ["event.kind"],
      branches: kinds.map((kind) => [kind]),
      answers: ["kinds"]
    })
  const [first, ...others] = leads.filter((lead) => lead.branches.length <= maxBranches)
  return first === undefined ? [unordered(leads)] : [first, ...others]
}

/** Nothing is asked, or so many values that SQLite finds the way by itself. */
const unordered = (leads: ReadonlyArray<Lead>): Lead => ({
  table: "event",
  ...(leads.length === 0 ? { index: "event_by_time" } : {}),
  columns: [],
  branches: [[]],
  answers: []
})

const sourceOf = (lead: Lead): string =>
  lead.table === "tag"
    ? "tag CROSS JOIN event ON event.seq = tag.seq"
    : lead.index === undefined
      ? "event"
      : `event INDEXED BY ${lead.index}`

const lookUp = (lead: Lead): ReadonlyArray<string> =>
  lead.columns.map((column) => `${column} = ${stored(column, "?")}`)

/** Ids and keys are stored as bytes. */
const stored = (column: string, value: string): string =>
  column === "event.id" || column === "event.pubkey" ? `unhex(${value})` : value

const conditionsOf = (filter: Filter.Filter, lead: Lead, now: number): ReadonlyArray<Condition> => {
  const conditions: Array<Condition> = [
    { text: "(event.expires_at IS NULL OR event.expires_at > ?)", values: [now] }
  ]
  const among = (field: "ids" | "authors" | "kinds", column: string) => {
    const wanted = filter[field]
    if (wanted !== undefined && !lead.answers.includes(field))
      conditions.push({
        text: `${column} IN (SELECT ${stored(column, "value")} FROM json_each(?))`,
        values: [JSON.stringify(wanted)]
      })
  }
  among("ids", "event.id")
  among("authors", "event.pubkey")
  among("kinds", "event.kind")
  for (const [key, wanted] of tagFields(filter)) {
    if (!lead.answers.includes(key))
      conditions.push({
        text: `EXISTS (SELECT 1 FROM tag AS other
          WHERE other.name = ? AND other.value IN (SELECT value FROM json_each(?))
            AND other.created_at = event.created_at AND other.seq = event.seq)`,
        values: [key.slice(1), JSON.stringify(wanted)]
      })
  }
  if (filter.since !== undefined)
    conditions.push({ text: `${lead.table}.created_at >= ?`, values: [filter.since] })
  if (filter.until !== undefined)
    conditions.push({ text: `${lead.table}.created_at <= ?`, values: [filter.until] })
  return conditions
}

/** The lead with the fewest rows; they are counted only where there is a choice. */
const mostTelling = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient,
  leads: readonly [Lead, ...ReadonlyArray<Lead>]
) {
  let [best] = leads
  if (leads.length === 1) return best
  let fewest = Number.POSITIVE_INFINITY
  for (const lead of leads) {
    const count = yield* countOf(sql, lead, fewest)
    if (count < fewest) [best, fewest] = [lead, count]
  }
  return best
})

/** How many rows the lead would visit, as far as it matters. */
const countOf = Effect.fnUntraced(function* (sql: SqlClient.SqlClient, lead: Lead, enough: number) {
  const text = `SELECT count(*) AS count FROM (
    SELECT 1 FROM ${lead.table} WHERE ${lookUp(lead).join(" AND ")} LIMIT ${sample})`
  let count = 0
  for (const branch of lead.branches) {
    if (count >= enough) break
    const [row] = yield* sql.unsafe<{ count: number }>(text, branch)
    count += row?.count ?? 0
  }
  return count
})
