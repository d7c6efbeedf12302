/**
 * Where the search for a filter starts: the field for whose values an index gives the fewest
 * events, each value in the order of NIP-01.
 */
import type { Filter } from "@farthing/protocol"
import { Hex } from "@farthing/protocol"
import type { StatementSync } from "node:sqlite"

/** An index, and what it is asked: each branch is one look-up. */
export interface Lead {
  readonly table: "event" | "tag"
  readonly index?: string
  readonly columns: ReadonlyArray<string>
  readonly branches: ReadonlyArray<ReadonlyArray<Value>>
  /** The fields of the filter that the branches answer. */
  readonly answers: ReadonlyArray<string>
}

export type Value = string | number

/** More look-ups than this cost more than sorting what an index finds unordered. */
const maxBranches = 256

/** How many rows of each lead are counted to find the most telling one. */
const sample = 500

/** `prepare` is used where there is a choice. */
export const of = (filter: Filter.Filter, prepare: (text: string) => StatementSync): Lead => {
  const leads = leadsOf(filter)
  const usable = leads.filter((lead) => lead.branches.length <= maxBranches)
  let best = usable[0] ?? unordered(leads)
  if (usable.length < 2) return best
  let fewest = Number.POSITIVE_INFINITY
  for (const lead of usable) {
    const count = countOf(lead, prepare, fewest)
    if (count < fewest) [best, fewest] = [lead, count]
  }
  return best
}

/** What is selected from. */
export const source = (lead: Lead): string =>
  lead.table === "tag"
    ? "tag CROSS JOIN event ON event.seq = tag.seq"
    : lead.index === undefined
      ? "event"
      : `event INDEXED BY ${lead.index}`

/** The condition for the values of a branch. */
export const lookUp = (lead: Lead): ReadonlyArray<string> =>
  lead.columns.map((column) => `${column} = ${stored(column, "?")}`)

/** Ids and keys are stored as bytes. */
export const stored = (column: string, value: string): string =>
  column === "event.id" || column === "event.pubkey" ? `unhex(${value})` : value

/** The letters that a filter asks for, with the wanted values. */
export const tagsOf = (
  filter: Filter.Filter
): ReadonlyArray<readonly [name: string, values: ReadonlyArray<string>]> => {
  const tags: Array<readonly [string, ReadonlyArray<string>]> = []
  for (const key in filter)
    if (key.startsWith("#")) tags.push([key.slice(1), filter[key as `#${string}`] ?? []])
  return tags
}

const isKey = Hex.isOfBytes(32)

const leadsOf = (filter: Filter.Filter): ReadonlyArray<Lead> => {
  const { ids, kinds } = filter
  const authors = filter.authors?.filter(isKey)
  if (ids !== undefined)
    return [
      {
        table: "event",
        columns: ["event.id"],
        branches: ids.filter(isKey).map((id) => [id]),
        answers: ["ids"]
      }
    ]
  const leads: Array<Lead> = tagsOf(filter).map(([name, values]) => ({
    table: "tag",
    columns: ["tag.name", "tag.value"],
    branches: values.map((value) => [name, value]),
    answers: [name]
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
  return leads
}

/** Nothing is asked, or so many values that SQLite finds the way by itself. */
const unordered = (leads: ReadonlyArray<Lead>): Lead => ({
  table: "event",
  ...(leads.length === 0 ? { index: "event_by_time" } : {}),
  columns: [],
  branches: [[]],
  answers: []
})

/** How many rows the lead would visit, as far as it matters. */
const countOf = (lead: Lead, prepare: (text: string) => StatementSync, enough: number): number => {
  const statement = prepare(`SELECT count(*) AS count FROM (
    SELECT 1 FROM ${lead.table} WHERE ${lookUp(lead).join(" AND ")} LIMIT ${sample})`)
  let count = 0
  for (const branch of lead.branches) {
    if (count >= enough) break
    count += Number(statement.get(...branch)?.["count"])
  }
  return count
}
