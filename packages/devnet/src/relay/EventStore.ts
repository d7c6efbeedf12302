/**
 * The events that the relay keeps, in SQLite: regular ones for good, replaceable ones until a
 * newer one comes (NIP-01), all of them until they expire (NIP-40) or their author deletes them
 * (NIP-09).
 */
import type { Filter } from "@farthing/protocol"
import { NostrEvent } from "@farthing/protocol"
import { Sqlite } from "@farthing/sqlite"
import type { SqlError } from "effect/sql"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import * as StoredQuery from "./StoredQuery.ts"

export type Outcome = "Stored" | "Duplicate" | "Replaced" | "Deleted"

/** An event as the relay sends it. */
export interface StoredEvent {
  readonly id: string
  readonly created_at: number
  readonly json: string
}

export interface EventStore {
  /** Stores them all in one transaction: once it succeeds they are on disk. */
  readonly store: (
    events: ReadonlyArray<NostrEvent.NostrEvent>
  ) => Effect.Effect<ReadonlyArray<Outcome>, SqlError.SqlError>

  /** What any of the filters wants, each within its limit, once, newest first, then lower id. */
  readonly query: (
    filters: ReadonlyArray<Filter.Filter>,
    options: { readonly now: number; readonly maxLimit: number; readonly defaultLimit: number }
  ) => Effect.Effect<ReadonlyArray<StoredEvent>, SqlError.SqlError>

  /** Forgets what has expired. */
  readonly purge: (now: number) => Effect.Effect<void, SqlError.SqlError>
}

const migrations: Sqlite.Migrations = {
  "0001_event": Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    yield* sql`CREATE TABLE event (
      id TEXT NOT NULL UNIQUE,
      pubkey TEXT NOT NULL,
      created_at INTEGER NOT NULL,
      kind INTEGER NOT NULL,
      address TEXT UNIQUE,
      expires_at INTEGER,
      json TEXT NOT NULL
    ) STRICT`
    yield* sql`CREATE INDEX event_by_time ON event (created_at DESC, id)`
    yield* sql`CREATE INDEX event_by_kind ON event (kind, created_at DESC, id)`
    yield* sql`CREATE INDEX event_by_author ON event (pubkey, created_at DESC, id)`
    yield* sql`CREATE INDEX event_by_author_and_kind ON event (pubkey, kind, created_at DESC, id)`
    yield* sql`CREATE INDEX event_by_expiry ON event (expires_at) WHERE expires_at IS NOT NULL`
    yield* sql`CREATE TABLE tag (
      name TEXT NOT NULL,
      value TEXT NOT NULL,
      created_at INTEGER NOT NULL,
      id TEXT NOT NULL,
      PRIMARY KEY (name, value, created_at DESC, id)
    ) STRICT, WITHOUT ROWID`
  })
}

export const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* Sqlite.migrate("relay_migrations", migrations)

  /** Whether its author has deleted it before it came, by id or by address. */
  const isDeleted = (event: NostrEvent.NostrEvent) =>
    Effect.map(
      sql`SELECT 1 FROM tag CROSS JOIN event ON event.id = tag.id
        WHERE tag.name = 'e' AND tag.value = ${event.id}
          AND event.kind = 5 AND event.pubkey = ${event.pubkey}
        UNION ALL
        SELECT 1 FROM tag CROSS JOIN event ON event.id = tag.id
        WHERE tag.name = 'a' AND tag.value = ${addressOf(event) ?? ""}
          AND tag.created_at >= ${event.created_at}
          AND event.kind = 5 AND event.pubkey = ${event.pubkey}
        LIMIT 1`,
      (rows) => rows.length > 0
    )

  const exists = (id: string) =>
    Effect.map(sql`SELECT 1 FROM event WHERE id = ${id}`, (rows) => rows.length > 0)

  const remove = (id: string) =>
    Effect.andThen(
      sql`DELETE FROM tag WHERE (name, value, created_at, id) IN (
        SELECT item.value ->> 0, item.value ->> 1, event.created_at, event.id
        FROM event, json_each(event.json, '$.tags') AS item
        WHERE event.id = ${id} AND length(item.value ->> 0) = 1 AND item.value ->> 1 IS NOT NULL)`,
      sql`DELETE FROM event WHERE id = ${id}`
    )

  /** Of two replaceable events the newer one stays, of two of one second the lower id. */
  const replace = Effect.fnUntraced(function* (event: NostrEvent.NostrEvent, address: string) {
    const [current] = yield* sql<{
      id: string
      created_at: number
    }>`SELECT id, created_at FROM event WHERE address = ${address}`
    if (current === undefined) return true
    const isNewer =
      event.created_at > current.created_at ||
      (event.created_at === current.created_at && event.id < current.id)
    if (isNewer) yield* remove(current.id)
    return isNewer
  })

  /** NIP-09: a deletion takes its author's events, never another deletion. */
  const applyDeletion = Effect.fnUntraced(function* (deletion: NostrEvent.NostrEvent) {
    const ids = NostrEvent.tagValues(deletion, "e")
    const addresses = NostrEvent.tagValues(deletion, "a")
    const targets = yield* sql<{ id: string }>`SELECT id FROM event
      WHERE pubkey = ${deletion.pubkey} AND kind <> 5 AND (
        id IN (SELECT value FROM json_each(${JSON.stringify(ids)})) OR (
          address IN (SELECT value FROM json_each(${JSON.stringify(addresses)}))
          AND created_at <= ${deletion.created_at}))`
    yield* Effect.forEach(targets, ({ id }) => remove(id), { discard: true })
  })

  const insert = Effect.fnUntraced(function* (event: NostrEvent.NostrEvent, address?: string) {
    yield* sql`INSERT INTO event (id, pubkey, created_at, kind, address, expires_at, json)
      VALUES (${event.id}, ${event.pubkey}, ${event.created_at}, ${event.kind},
        ${address ?? null}, ${NostrEvent.expirationOf(event) ?? null}, ${JSON.stringify(event)})`
    const tags = event.tags.filter(([name, value]) => name?.length === 1 && value !== undefined)
    if (tags.length > 0)
      yield* sql`INSERT OR IGNORE INTO tag
        SELECT value ->> 0, value ->> 1, ${event.created_at}, ${event.id}
        FROM json_each(${JSON.stringify(tags)})`
  })

  const storeOne = Effect.fnUntraced(function* (event: NostrEvent.NostrEvent) {
    if (yield* exists(event.id)) return "Duplicate"
    if (yield* isDeleted(event)) return "Deleted"
    const address = addressOf(event)
    if (address !== undefined && !(yield* replace(event, address))) return "Replaced"
    yield* insert(event, address)
    if (event.kind === 5) yield* applyDeletion(event)
    return "Stored"
  })

  const store: EventStore = {
    store: (events) => sql.withTransaction(Effect.forEach(events, storeOne)),
    query: Effect.fnUntraced(function* (filters, options) {
      const found = new Map<string, StoredEvent>()
      for (const filter of filters) {
        for (const event of yield* StoredQuery.run(sql, filter, options)) found.set(event.id, event)
      }
      return [...found.values()].toSorted(StoredQuery.newestFirst)
    }),
    purge: (now) =>
      sql<{ id: string }>`SELECT id FROM event WHERE expires_at <= ${now}`.pipe(
        Effect.flatMap(Effect.forEach(({ id }) => remove(id), { discard: true })),
        sql.withTransaction
      )
  }
  return store
})

/** What a newer event takes the place of (NIP-01); nothing for regular events. */
const addressOf = (event: NostrEvent.NostrEvent): string | undefined =>
  NostrEvent.isAddressable(event.kind)
    ? `${event.kind}:${event.pubkey}:${NostrEvent.tagValue(event, "d") ?? ""}`
    : NostrEvent.isReplaceable(event.kind)
      ? `${event.kind}:${event.pubkey}:`
      : undefined
