/**
 * The events that the relay keeps, in SQLite: regular ones for good, replaceable ones until a
 * newer one comes (NIP-01), all of them until they expire (NIP-40) or their author deletes them
 * (NIP-09).
 */
import type { Filter } from "@farthing/protocol"
import { Hex, NostrEvent } from "@farthing/protocol"
import { Sqlite } from "@farthing/sqlite"
import type { SqlError } from "effect/sql"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import * as StoredQuery from "./StoredQuery.ts"
import type { StoredEvent } from "./StoredQuery.ts"

export type Outcome = "Stored" | "Duplicate" | "Replaced" | "Deleted"

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
      seq INTEGER PRIMARY KEY,
      id BLOB NOT NULL UNIQUE,
      pubkey BLOB NOT NULL,
      created_at INTEGER NOT NULL,
      kind INTEGER NOT NULL,
      address TEXT,
      expires_at INTEGER,
      json TEXT NOT NULL
    ) STRICT`
    yield* sql`CREATE INDEX event_by_time ON event (created_at)`
    yield* sql`CREATE INDEX event_by_kind ON event (kind, created_at)`
    yield* sql`CREATE INDEX event_by_author ON event (pubkey, created_at)`
    yield* sql`CREATE INDEX event_by_author_and_kind ON event (pubkey, kind, created_at)`
    yield* sql`CREATE UNIQUE INDEX event_by_address ON event (address) WHERE address IS NOT NULL`
    yield* sql`CREATE INDEX event_by_expiry ON event (expires_at) WHERE expires_at IS NOT NULL`
    yield* sql`CREATE TABLE tag (
      name TEXT NOT NULL,
      value TEXT NOT NULL,
      created_at INTEGER NOT NULL,
      seq INTEGER NOT NULL,
      PRIMARY KEY (name, value, created_at, seq)
    ) STRICT, WITHOUT ROWID`
  })
}

export const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* Sqlite.migrate("relay_migrations", migrations)
  // Events come at random places of the indexes: 64 MiB of pages in memory, checkpoints seldom.
  yield* sql`PRAGMA cache_size = -65536`
  yield* sql`PRAGMA wal_autocheckpoint = 10000`

  /** The deletions of an event by its author, by id or by address, that came before it. */
  const deletionsOf = (event: NostrEvent.NostrEvent) => sql`
    SELECT 1 FROM tag CROSS JOIN event ON event.seq = tag.seq
      WHERE tag.name = 'e' AND tag.value = ${event.id}
        AND event.kind = 5 AND event.pubkey = ${Hex.toBytes(event.pubkey)}
    UNION ALL
    SELECT 1 FROM tag CROSS JOIN event ON event.seq = tag.seq
      WHERE tag.name = 'a' AND tag.value = ${NostrEvent.addressOf(event) ?? ""}
        AND tag.created_at >= ${event.created_at}
        AND event.kind = 5 AND event.pubkey = ${Hex.toBytes(event.pubkey)}`

  const remove = (seq: number) =>
    Effect.andThen(
      sql`DELETE FROM tag WHERE (name, value, created_at, seq) IN (
        SELECT item.value ->> 0, item.value ->> 1, event.created_at, event.seq
        FROM event, json_each(event.json, '$.tags') AS item
        WHERE event.seq = ${seq} AND length(item.value ->> 0) = 1 AND item.value ->> 1 IS NOT NULL)`,
      sql`DELETE FROM event WHERE seq = ${seq}`
    )

  /**
   * Makes room for a replaceable event: of two the newer one stays, of two of one second the one
   * with the lower id. Says why there is no room.
   */
  const replace = Effect.fnUntraced(function* (event: NostrEvent.NostrEvent, address: string) {
    const [current] = yield* sql<{ seq: number; id: string; created_at: number }>`
      SELECT seq, lower(hex(id)) AS id, created_at FROM event WHERE address = ${address}`
    if (current === undefined) return undefined
    if (event.id === current.id) return "Duplicate"
    if ((yield* deletionsOf(event)).length > 0) return "Deleted"
    const isNewer =
      event.created_at > current.created_at ||
      (event.created_at === current.created_at && event.id < current.id)
    if (!isNewer) return "Replaced"
    yield* remove(current.seq)
    return undefined
  })

  /** NIP-09: a deletion takes its author's events, never another deletion. */
  const applyDeletion = Effect.fnUntraced(function* (deletion: NostrEvent.NostrEvent) {
    const ids = NostrEvent.tagValues(deletion, "e")
    const addresses = NostrEvent.tagValues(deletion, "a")
    const targets = yield* sql<{ seq: number }>`SELECT seq FROM event
      WHERE pubkey = ${Hex.toBytes(deletion.pubkey)} AND kind <> 5 AND (
        id IN (SELECT unhex(value) FROM json_each(${JSON.stringify(ids)})) OR (
          address IN (SELECT value FROM json_each(${JSON.stringify(addresses)}))
          AND created_at <= ${deletion.created_at}))`
    yield* Effect.forEach(targets, ({ seq }) => remove(seq), { discard: true })
  })

  /** The number of the new row; nothing if the event is there already, or was deleted. */
  const insert = (event: NostrEvent.NostrEvent, address: string | undefined) =>
    Effect.map(
      sql<{ seq: number }>`
        INSERT INTO event (id, pubkey, created_at, kind, address, expires_at, json)
        SELECT ${Hex.toBytes(event.id)}, ${Hex.toBytes(event.pubkey)}, ${event.created_at},
          ${event.kind}, ${address ?? null}, ${NostrEvent.expirationOf(event) ?? null},
          ${JSON.stringify(event)}
        WHERE NOT EXISTS (${deletionsOf(event)})
        ON CONFLICT (id) DO NOTHING RETURNING seq`,
      ([row]) => row?.seq
    )

  const insertTags = (event: NostrEvent.NostrEvent, seq: number) => {
    const tags = event.tags.filter(([name, value]) => name?.length === 1 && value !== undefined)
    return tags.length === 0
      ? Effect.void
      : sql`INSERT OR IGNORE INTO tag
          SELECT value ->> 0, value ->> 1, ${event.created_at}, ${seq}
          FROM json_each(${JSON.stringify(tags)})`
  }

  const storeOne = Effect.fnUntraced(function* (event: NostrEvent.NostrEvent) {
    const address = NostrEvent.addressOf(event)
    const refusal = address === undefined ? undefined : yield* replace(event, address)
    if (refusal !== undefined) return refusal
    const seq = yield* insert(event, address)
    if (seq === undefined) return (yield* deletionsOf(event)).length > 0 ? "Deleted" : "Duplicate"
    yield* insertTags(event, seq)
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
      return [...found.values()].toSorted(NostrEvent.newestFirst)
    }),
    purge: (now) =>
      sql<{ seq: number }>`SELECT seq FROM event WHERE expires_at <= ${now}`.pipe(
        Effect.flatMap(Effect.forEach(({ seq }) => remove(seq), { discard: true })),
        sql.withTransaction
      )
  }
  return store
})
