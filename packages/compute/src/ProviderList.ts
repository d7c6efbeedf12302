/**
 * The market as a list to look at: what is remembered of it, filtered and in an order, those who
 * sell now before those who did.
 */
import type { Treasury } from "@farthing/budget"
import type { Key, Msat, Network, NostrEvent, Settlement } from "@farthing/protocol"
import { Announcement } from "@farthing/protocol"
import type { Duration } from "effect"
import { Effect, Option, Result } from "effect"
import { SqlClient } from "effect/sql"
import * as AnnouncementTable from "./AnnouncementTable.ts"
import * as Provider from "./Provider.ts"
import * as Selection from "./Selection.ts"

/** What those who are alike in it come after; then by price. */
export type Sort = "price" | "latency" | "reliability" | "name" | "seen"

export interface Query {
  /** How long the relays have to say what has changed; without it nobody is asked. */
  readonly within?: Duration.Input | undefined
  readonly model?: string | undefined
  /** The most that it may cost; a price that is not known is above it. */
  readonly maxPrice?: Msat.Msat | undefined
  readonly settlement?: Settlement.Settlement | undefined
  /** Only those who sell now; without it also those who did, unless a relay says who sells. */
  readonly online?: boolean | undefined
  readonly sort?: Sort | undefined
  readonly limit?: number | undefined
}

/** A provider as it is remembered. */
export interface Entry {
  /** At the price of the model that was asked for. */
  readonly provider: Provider.Provider
  /** Whether it sells now. */
  readonly online: boolean
  /** Unix seconds at which its announcement came to us. */
  readonly heardAt: number
}

export interface ProviderList {
  readonly entries: ReadonlyArray<Entry>
  /** How many there are, without the limit. */
  readonly total: number
  /** Unix seconds at which a relay had last told us all that it had. */
  readonly refreshedAt: Option.Option<number>
}

export type Records = ReadonlyMap<Key.PublicKey, Provider.Record>

const defaultLimit = 100

export const make = Effect.fnUntraced(function* (network: Network.Network) {
  const sql = yield* SqlClient.SqlClient
  const { storedAt } = yield* AnnouncementTable.make(network)

  const rowsOf = (query: Query, records: Records, now: number) => {
    const { conditions, values } = conditionsOf(query, network, now)
    const { model, sort = "price" } = query
    const price = model === undefined ? "price" : ownPrice
    const given = model === undefined ? [] : [model, model]
    const measures = JSON.stringify(measuresOf(sort, records))
    return sql.unsafe<Row>(
      `WITH measured AS MATERIALIZED (SELECT key AS author, value AS measure FROM json_each(?)),
       found AS (
         SELECT seq, online = 1 AND ends_at > ? AS open, ${price} AS asked, measure
         FROM compute_announcement LEFT JOIN measured USING (author)
         WHERE ${conditions.join(" AND ")}
         ORDER BY open DESC, ${orders[sort]} asked IS NULL, asked, author, identifier LIMIT ?)
       SELECT event, heard_at, open FROM found CROSS JOIN compute_announcement USING (seq)
       ORDER BY open DESC, ${orders[sort]} asked IS NULL, asked, author, identifier`,
      [measures, now, ...given, ...values, query.limit ?? defaultLimit]
    )
  }

  const totalOf = (query: Query, now: number) => {
    const { conditions, values } = conditionsOf(query, network, now)
    return sql.unsafe<{ total: number }>(
      `SELECT count(*) AS total FROM compute_announcement WHERE ${conditions.join(" AND ")}`,
      values
    )
  }

  return Effect.fnUntraced(function* (
    query: Query,
    records: Records,
    now: number
  ): Effect.fn.Return<ProviderList, Treasury.LedgerUnavailable> {
    const rows = yield* AnnouncementTable.unavailable(rowsOf(query, records, now))
    const [counted] = yield* AnnouncementTable.unavailable(totalOf(query, now))
    const times = [...(yield* storedAt).values()]
    return {
      entries: rows.flatMap((row) => entryOf(row, query, records)),
      total: counted?.total ?? 0,
      refreshedAt: times.length === 0 ? Option.none() : Option.some(Math.max(...times))
    }
  })
})

interface Row {
  readonly event: string
  readonly heard_at: number
  readonly open: number
}

/** What the model costs: its own price, which may be unknown, or the general one. */
const ownPrice = `CASE WHEN EXISTS (SELECT 1 FROM json_each(model_prices) WHERE key = ?)
  THEN (SELECT value FROM json_each(model_prices) WHERE key = ?) ELSE price END`

/** Each ends in a comma, because what is alike goes by price. */
const orders: Readonly<Record<Sort, string>> = {
  price: "",
  latency: "measure IS NULL, measure,",
  reliability: "coalesce(measure, 0.5),",
  name: "name COLLATE NOCASE,",
  seen: "heard_at DESC,"
}

const conditionsOf = (query: Query, network: Network.Network, now: number) => {
  const { maxPrice, model, online, settlement } = query
  const conditions = ["network = ?"]
  const values: Array<string | number> = [network]
  const want = (condition: string, ...its: ReadonlyArray<string | number>): void => {
    conditions.push(condition)
    values.push(...its)
  }
  // What is quoted and escaped as JSON can be looked for in JSON.
  if (model !== undefined) want("instr(models, ?) > 0", JSON.stringify(model))
  if (settlement !== undefined) want("instr(settlements, ?) > 0", beginningOf(settlement))
  if (maxPrice !== undefined && model === undefined) want("price <= ?", maxPrice)
  if (maxPrice !== undefined && model !== undefined)
    want(`${ownPrice} <= ?`, model, model, maxPrice)
  if (online === true) want("online = 1 AND ends_at > ?", now)
  return { conditions, values }
}

/** On whatever rail: `"escrow"` and `"escrow:spark"` begin alike. */
const beginningOf = (settlement: Settlement.Settlement): string => `"${settlement}`

/** What our own record says of each provider in it; smaller is better. */
const measuresOf = (sort: Sort, records: Records): Readonly<Record<string, number>> =>
  Object.fromEntries(
    Array.from(records).flatMap(([pubkey, record]) => {
      if (sort === "reliability") return [[pubkey, Selection.riskOf(record)] as const]
      return sort === "latency" && record.medianMillis !== undefined
        ? [[pubkey, record.medianMillis] as const]
        : []
    })
  )

const entryOf = (row: Row, { model }: Query, records: Records): ReadonlyArray<Entry> =>
  AnnouncementTable.parse(row.event).flatMap((event) =>
    Option.toArray(readAt(event, row.heard_at)).map((announced) => {
      const known = Provider.withRecord(
        Provider.fromAnnouncement(announced),
        records.get(announced.provider)
      )
      return {
        provider: model === undefined ? known : Provider.forModel(known, model),
        online: row.open === 1,
        heardAt: row.heard_at
      }
    })
  )

/** As it was understood when it came, whatever has ended since. */
const readAt = (event: NostrEvent.NostrEvent, heardAt: number) =>
  Result.getSuccess(Announcement.fromEvent(event, heardAt))
