/**
 * The announcements in the home's database, so that a market opens on what was known when it was
 * closed: of each offer the newest event as it was signed, beside it what is chosen by. How far
 * each relay has told us of them stands here too.
 */
import { Treasury } from "@farthing/budget"
import type { Network } from "@farthing/protocol"
import { Key, Msat, NostrEvent, Settlement } from "@farthing/protocol"
import { Sqlite } from "@farthing/sqlite"
import { Array as Arr, Effect, Option, Result, Schema } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import type { Listing } from "./Listing.ts"
import { mostWeight } from "./AnnouncementBook.ts"

const tables = [
  `CREATE TABLE compute_announcement (
     seq INTEGER PRIMARY KEY,
     network TEXT NOT NULL,
     author TEXT NOT NULL,
     identifier TEXT NOT NULL,
     id TEXT NOT NULL,
     created_at BIGINT NOT NULL,
     heard_at BIGINT NOT NULL,
     ends_at BIGINT NOT NULL,
     online BIGINT NOT NULL,
     name TEXT NOT NULL,
     price BIGINT,
     models TEXT NOT NULL,
     model_prices TEXT NOT NULL,
     settlements TEXT NOT NULL,
     weight BIGINT NOT NULL,
     event TEXT NOT NULL,
     UNIQUE (network, author, identifier)
   )`,
  `CREATE INDEX compute_announcement_by_end ON compute_announcement (network, ends_at, weight)`,
  `CREATE INDEX compute_announcement_by_price ON compute_announcement (network, price)`,
  `CREATE INDEX compute_announcement_by_id ON compute_announcement (id)`,
  `CREATE TABLE compute_announcement_relay (
     network TEXT NOT NULL,
     url TEXT NOT NULL,
     stored_at BIGINT NOT NULL,
     PRIMARY KEY (network, url)
   )`
]

export const migrate = Sqlite.migrate("compute_announcement_migrations", {
  "1_announcements": Sqlite.run(tables)
})

/** An announcement that is to be kept. */
export interface Heard {
  readonly listing: Listing
  readonly name: string
  /** The event as JSON. */
  readonly event: string
  /** Unix seconds. */
  readonly heardAt: number
}

const columns = [
  "network",
  "author",
  "identifier",
  "id",
  "created_at",
  "heard_at",
  "ends_at",
  "online",
  "name",
  "price",
  "models",
  "model_prices",
  "settlements",
  "weight",
  "event"
] as const

const replaced = columns.slice(3).map((column) => `${column} = excluded.${column}`)

/** For so many rows; an older word never takes the place of a newer one (NIP-01). */
const upsert = (rows: number): string => `
  INSERT INTO compute_announcement (${columns.join(", ")})
  VALUES ${Array.from({ length: rows }, () => `(${columns.map(() => "?").join(", ")})`).join(", ")}
  ON CONFLICT (network, author, identifier) DO UPDATE SET ${replaced.join(", ")}
  WHERE excluded.created_at > compute_announcement.created_at
    OR (excluded.created_at = compute_announcement.created_at
      AND excluded.id <= compute_announcement.id)`

/** Rows of one statement: powers of two, so that a few prepared statements serve every number. */
const mostAtOnce = 128

const upserts = new Map(
  [1, 2, 4, 8, 16, 32, 64, mostAtOnce].map((rows) => [rows, upsert(rows)] as const)
)

const byNumber = (a: number, b: number): number => a - b

/** Rows that are read at once while the market opens; others have their turn between. */
const page = 2_048

export type AnnouncementTable = Effect.Success<ReturnType<typeof make>>

export const make = Effect.fnUntraced(function* (network: Network.Network) {
  const sql = yield* SqlClient.SqlClient
  yield* migrate

  const valuesOf = ({ event, heardAt, listing, name }: Heard) => [
    network,
    listing.pubkey,
    listing.identifier,
    listing.id,
    listing.createdAt,
    heardAt,
    listing.endsAt,
    listing.online ? 1 : 0,
    name,
    Option.getOrNull(listing.price),
    JSON.stringify(listing.models),
    JSON.stringify(ownPricesOf(listing)),
    JSON.stringify(listing.ways),
    listing.weight,
    event
  ]

  /** Keeps them all in one transaction. */
  const keep = (heard: ReadonlyArray<Heard>) =>
    Effect.forEach(
      powersOfTwo(heard),
      (some) => sql.unsafe(upserts.get(some.length)!, some.flatMap(valuesOf)),
      { discard: true }
    ).pipe(sql.withTransaction, unavailable)

  /** Passes on, some at a time, everything that has not ended yet. */
  const load = Effect.fnUntraced(function* (
    now: number,
    pass: (listings: ReadonlyArray<Listing>) => void
  ) {
    const share = sharing()
    const living = yield* sql<{ seq: number }>`
      SELECT seq FROM compute_announcement WHERE network = ${network} AND ends_at > ${now}`
    for (const some of Arr.chunksOf(Arr.map(living, ({ seq }) => seq).toSorted(byNumber), page)) {
      const rows = yield* sql.unsafe<LoadedRow>(
        `SELECT author, identifier, compute_announcement.id, created_at, ends_at, online, price, models,
           model_prices, settlements, weight
         FROM json_each(?) AS wanted CROSS JOIN compute_announcement ON seq = wanted.value`,
        [JSON.stringify(some)]
      )
      pass(rows.map((row) => toListing(row, share)))
      yield* Effect.yieldNow
    }
  }, unavailable)

  /** The events that are kept of these offers, in any order. */
  const eventsOf = (offers: ReadonlyArray<Pick<Listing, "pubkey" | "identifier">>) =>
    sql
      .unsafe<{ event: string }>(
        `SELECT event FROM json_each(?) AS wanted CROSS JOIN compute_announcement
         ON author = wanted.value ->> 0 AND identifier = wanted.value ->> 1
         WHERE network = ?`,
        [JSON.stringify(offers.map(({ identifier, pubkey }) => [pubkey, identifier])), network]
      )
      .pipe(
        Effect.map((rows) => rows.flatMap(({ event }) => parse(event))),
        unavailable
      )

  /** Makes room: what ended first goes first, of strangers before that of the proven. */
  const evict = Effect.fnUntraced(function* (
    now: number,
    bounds: { readonly capacity: number; readonly proven: Iterable<Key.PublicKey> }
  ) {
    const [held] = yield* sql<{ rows: number; weight: number }>`
      SELECT count(*) AS rows, coalesce(sum(weight), 0) AS weight
      FROM compute_announcement WHERE network = ${network}`
    let tooMany = (held?.rows ?? 0) - bounds.capacity
    let tooHeavy = (held?.weight ?? 0) - mostWeight
    const proven = JSON.stringify([...bounds.proven])
    while (tooMany > 0 || tooHeavy > 0) {
      const gone = yield* sql<{ weight: number }>`
        DELETE FROM compute_announcement WHERE seq IN (
          SELECT seq FROM compute_announcement
          WHERE network = ${network} AND ends_at <= ${now}
            AND author NOT IN (SELECT value FROM json_each(${proven}))
          ORDER BY ends_at LIMIT ${mostAtOnce}) RETURNING weight`
      if (gone.length === 0) return
      tooMany -= gone.length
      tooHeavy -= gone.reduce((sum, { weight }) => sum + weight, 0)
      yield* Effect.yieldNow
    }
  }, unavailable)

  /** When each relay had last told us all that it had; unix seconds of this machine's clock. */
  const storedAt: Effect.Effect<ReadonlyMap<string, number>, Treasury.LedgerUnavailable> = sql<{
    url: string
    stored_at: number
  }>`SELECT url, stored_at FROM compute_announcement_relay WHERE network = ${network}`.pipe(
    Effect.map((rows) => new Map(rows.map(({ stored_at, url }) => [url, stored_at]))),
    unavailable
  )

  const stored = (url: string, at: number) =>
    sql`INSERT INTO compute_announcement_relay (network, url, stored_at)
      VALUES (${network}, ${url}, ${at})
      ON CONFLICT (network, url) DO UPDATE SET stored_at = excluded.stored_at`.pipe(unavailable)

  /** Which of these events are not kept. */
  const unknownOf = Effect.fnUntraced(function* (ids: ReadonlyArray<NostrEvent.EventId>) {
    const kept = yield* sql.unsafe<{ id: string }>(
      `SELECT compute_announcement.id FROM json_each(?) AS wanted
       CROSS JOIN compute_announcement ON compute_announcement.id = wanted.value`,
      [JSON.stringify(ids)]
    )
    const known = new Set(kept.map(({ id }) => id))
    return ids.filter((id) => !known.has(id))
  }, unavailable)

  return { keep, load, eventsOf, evict, storedAt, stored, unknownOf }
})

/** What a database says that cannot be used. */
export const unavailable = <A, R>(
  effect: Effect.Effect<A, SqlError.SqlError, R>
): Effect.Effect<A, Treasury.LedgerUnavailable, R> =>
  Effect.mapError(
    effect,
    (error) => new Treasury.LedgerUnavailable({ message: `The announcements: ${error.message}` })
  )

/** The rows in groups, each as large as a power of two. */
const powersOfTwo = <A>(rows: ReadonlyArray<A>): ReadonlyArray<ReadonlyArray<A>> => {
  const groups: Array<ReadonlyArray<A>> = []
  for (let taken = 0, size = mostAtOnce; taken < rows.length;) {
    if (rows.length - taken < size) size /= 2
    else groups.push(rows.slice(taken, (taken += size)))
  }
  return groups
}

interface LoadedRow {
  readonly author: Key.PublicKey
  readonly identifier: string
  readonly id: NostrEvent.EventId
  readonly created_at: number
  readonly ends_at: number
  readonly online: number
  readonly price: Msat.Msat | null
  readonly models: string
  readonly model_prices: string
  readonly settlements: string
  readonly weight: number
}

const Models = Schema.fromJsonString(Schema.Array(Schema.String))

/** What models cost that have a price of their own; `null` where it could not be understood. */
const OwnPrices = Schema.fromJsonString(Schema.Record(Schema.String, Schema.NullOr(Msat.Msat)))

const Ways = Schema.fromJsonString(Schema.Array(Settlement.Way))

const ownPricesOf = ({ modelPrices, unpriced }: Listing): typeof OwnPrices.Type => ({
  ...modelPrices,
  ...Object.fromEntries(unpriced.map((model) => [model, null]))
})

/** Many providers sell the same: what reads alike is one thing in memory. */
const sharing = () => {
  const models = remembering(Schema.decodeSync(Models))
  const ways = remembering(Schema.decodeSync(Ways))
  const prices = remembering((text) => {
    const own = Object.entries(Schema.decodeSync(OwnPrices)(text))
    return {
      modelPrices: Object.fromEntries(
        own.flatMap(([model, price]) => (price === null ? [] : [[model, price] as const]))
      ),
      unpriced: own.flatMap(([model, price]) => (price === null ? [model] : []))
    }
  })
  return { models, prices, ways }
}

const mostRemembered = 4_096

const remembering = <A>(read: (text: string) => A): ((text: string) => A) => {
  const known = new Map<string, A>()
  return (text) => {
    const before = known.get(text)
    if (before !== undefined) return before
    if (known.size >= mostRemembered) known.clear()
    const value = read(text)
    known.set(text, value)
    return value
  }
}

const toListing = (row: LoadedRow, share: ReturnType<typeof sharing>): Listing => ({
  pubkey: row.author,
  identifier: row.identifier,
  id: row.id,
  createdAt: row.created_at,
  endsAt: row.ends_at,
  online: row.online === 1,
  price: Option.fromNullOr(row.price),
  models: share.models(row.models),
  ...share.prices(row.model_prices),
  ways: share.ways(row.settlements),
  weight: row.weight
})

/** An event that was verified before it was kept. */
export const parse = (text: string): ReadonlyArray<NostrEvent.NostrEvent> =>
  Option.toArray(
    Option.flatMap(Result.getSuccess(Result.try((): unknown => JSON.parse(text))), (json) =>
      Result.getSuccess(NostrEvent.decode(json))
    )
  )
