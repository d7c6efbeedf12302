/**
 * Filters as SQL. The most telling field of a filter leads (see `Lead`), and the others are checked
 * on the way, so that a small limit reads few rows however many are stored.
 */
import type { Filter } from "@farthing/protocol"
import { Hex, NostrEvent } from "@farthing/protocol"
import type { DatabaseSync, StatementSync } from "node:sqlite"
import * as Lead from "./Lead.ts"

/** An event as the relay sends it. */
export interface StoredEvent {
  readonly id: string
  readonly created_at: number
  readonly json: string
}

export interface Options {
  /** The unix second that it is. */
  readonly now: number
  readonly maxLimit: number
  readonly defaultLimit: number
}

export interface StoredQuery {
  /** What any of the filters wants, each within its limit, once, newest first, then lower id. */
  readonly query: (
    filters: ReadonlyArray<Filter.Filter>,
    options: Options
  ) => ReadonlyArray<StoredEvent>
  /** How many events any of the filters wants, whatever their limits. */
  readonly count: (filters: ReadonlyArray<Filter.Filter>, now: number) => number
}

/** One statement, and the values with which it is asked for each branch of its lead. */
interface Plan {
  readonly statement: StatementSync
  readonly branches: ReadonlyArray<ReadonlyArray<Lead.Value>>
  readonly since: number
  /** What comes after `since`, but for the limit. */
  readonly others: ReadonlyArray<Lead.Value>
}

/** Filters of many shapes come; each shape is one statement. */
const maxStatements = 500

const unlimited = -1

export const make = (db: DatabaseSync): StoredQuery => {
  const statements = new Map<string, StatementSync>()

  const prepare = (text: string): StatementSync => {
    const known = statements.get(text)
    if (known !== undefined) return known
    if (statements.size >= maxStatements) statements.clear()
    const statement = db.prepare(text)
    statements.set(text, statement)
    return statement
  }

  const planOf = (filter: Filter.Filter, now: number, columns: string): Plan => {
    const lead = Lead.of(filter, prepare)
    const { texts, values } = conditionsOf(filter, lead)
    const where = [
      ...Lead.lookUp(lead),
      `${lead.table}.created_at BETWEEN ? AND ?`,
      "(event.expires_at IS NULL OR event.expires_at > ?)",
      ...texts
    ]
    const { since = 0, until = Number.MAX_SAFE_INTEGER } = filter
    return {
      statement: prepare(`SELECT ${columns} FROM ${Lead.source(lead)}
        WHERE ${where.join(" AND ")}
        ORDER BY ${lead.table}.created_at DESC, ${lead.table}.id LIMIT ?`),
      branches: lead.branches,
      since,
      others: [until, now, ...values]
    }
  }

  /** Once there is enough, only what is newer than the oldest of it can still come in. */
  const newest = (filter: Filter.Filter, now: number, limit: number) => {
    const { branches, others, statement, ...plan } = planOf(filter, now, eventColumns)
    let { since } = plan
    let found: ReadonlyArray<StoredEvent> = []
    for (const branch of branches) {
      const rows = statement.all(...branch, since, ...others, limit)
      found = merge(found, rows as ReadonlyArray<object> as ReadonlyArray<StoredEvent>).slice(
        0,
        limit
      )
      const oldest = found[limit - 1]
      if (oldest !== undefined) since = oldest.created_at
    }
    return found
  }

  return {
    query: (filters, { defaultLimit, maxLimit, now }) =>
      filters
        .map((filter) => newest(filter, now, Math.min(filter.limit ?? defaultLimit, maxLimit)))
        .reduce(merge, []),
    count: (filters, now) => {
      const found = new Set<unknown>()
      for (const filter of filters) {
        const { branches, others, since, statement } = planOf(filter, now, "event.seq")
        for (const branch of branches)
          for (const { seq } of statement.all(...branch, since, ...others, unlimited))
            found.add(seq)
      }
      return found.size
    }
  }
}

const eventColumns = "lower(hex(event.id)) AS id, event.created_at, event.json"

/** Both in one, in their order. */
const merge = (
  some: ReadonlyArray<StoredEvent>,
  others: ReadonlyArray<StoredEvent>
): ReadonlyArray<StoredEvent> => {
  if (some.length === 0) return others
  if (others.length === 0) return some
  const byId = new Map([...some, ...others].map((event) => [event.id, event]))
  return [...byId.values()].toSorted(NostrEvent.newestFirst)
}

/** What the lead leaves open. */
const conditionsOf = (filter: Filter.Filter, lead: Lead.Lead) => {
  const texts: Array<string> = []
  const values: Array<Lead.Value> = []
  const add = (text: string, ...given: ReadonlyArray<Lead.Value>) => {
    texts.push(text)
    values.push(...given)
  }
  const among = (field: string, column: string, wanted: ReadonlyArray<Lead.Value> | undefined) => {
    if (wanted !== undefined && !lead.answers.includes(field))
      add(
        `${column} IN (SELECT ${Lead.stored(column, "value")} FROM json_each(?))`,
        JSON.stringify(wanted)
      )
  }
  among("ids", "event.id", filter.ids?.filter(isKey))
  among("authors", "event.pubkey", filter.authors?.filter(isKey))
  among("kinds", "event.kind", filter.kinds)
  for (const [name, wanted] of Lead.tagsOf(filter)) {
    if (!lead.answers.includes(name))
      add(
        `EXISTS (SELECT 1 FROM tag AS other
          WHERE other.name = ? AND other.value IN (SELECT value FROM json_each(?))
            AND other.created_at = event.created_at AND other.id = event.id)`,
        name,
        JSON.stringify(wanted)
      )
  }
  return { texts, values }
}

const isKey = Hex.isOfBytes(32)
