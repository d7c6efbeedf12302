/**
 * The file of the relay's events. The relay alone uses it, on one thread and for every event that
 * passes; so it does without a client: plain statements of `node:sqlite`, prepared once.
 */
import * as DatabaseFile from "@farthing/sqlite/DatabaseFile"
import type { Scope } from "effect"
import { Effect, Schema } from "effect"
import { DatabaseSync } from "node:sqlite"
import * as Log from "./Log.ts"

export interface Options {
  /** Path of the file, or `:memory:`. The parent directory has to exist. */
  readonly filename: string
  /** How its log comes to be on disk; default: `fdatasync`. */
  readonly sync?: Log.Sync
}

export interface EventFile {
  readonly db: DatabaseSync
  /** What is committed is durable once this is flushed. */
  readonly log: Log.Log
}

/** The file cannot be used: its directory, its rights, or what stands in it. */
export class StoreError extends Schema.TaggedError<StoreError>()("StoreError", {
  filename: Schema.String,
  message: Schema.String
}) {}

/** Creates what is not there, with mode 0600. */
export const open = ({
  filename,
  sync
}: Options): Effect.Effect<EventFile, StoreError, Scope.Scope> => {
  const failed = (cause: unknown) =>
    new StoreError({ filename, message: cause instanceof Error ? cause.message : String(cause) })
  const attempt = <A>(body: () => A) => Effect.try({ try: body, catch: failed })
  return Effect.gen(function* () {
    yield* Effect.mapError(DatabaseFile.claim(filename), failed)
    const db = yield* Effect.acquireRelease(
      attempt(() => new DatabaseSync(filename, { timeout: patience })),
      (db) => Effect.sync(() => db.close())
    )
    yield* attempt(() => prepare(db))
    const log = yield* Effect.acquireRelease(
      attempt(() => (DatabaseFile.isInMemory(filename) ? Log.none : Log.open(filename, sync))),
      (log) => Effect.sync(log.close)
    )
    return { db, log }
  })
}

/** Milliseconds that the whole relay waits for whoever else has the file: nobody should. */
const patience = 1_000

/** Raised when tables change: a file of another version is refused, not misread. */
const version = 2

/** Every index ends in the order of NIP-01, so that a limit reads no row too many. */
const tables = `
  CREATE TABLE event (
    seq INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    pubkey BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    address TEXT,
    expires_at INTEGER,
    json TEXT NOT NULL
  ) STRICT;
  CREATE INDEX event_by_time ON event (created_at DESC, id);
  CREATE INDEX event_by_kind ON event (kind, created_at DESC, id);
  CREATE INDEX event_by_author ON event (pubkey, created_at DESC, id);
  CREATE INDEX event_by_author_and_kind ON event (pubkey, kind, created_at DESC, id);
  CREATE UNIQUE INDEX event_by_address ON event (address) WHERE address IS NOT NULL;
  CREATE INDEX event_by_expiry ON event (expires_at) WHERE expires_at IS NOT NULL;
  CREATE TABLE tag (
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    id BLOB NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (name, value, created_at DESC, id)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE deletion (
    pubkey BLOB NOT NULL,
    target TEXT NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (pubkey, target)
  ) STRICT, WITHOUT ROWID;
  PRAGMA user_version = ${version};`

/** `NORMAL`: SQLite flushes where it has to for the file to stay whole, and `Log` the rest. */
const prepare = (db: DatabaseSync): void => {
  db.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    PRAGMA cache_size = -65536;
    PRAGMA wal_autocheckpoint = 10000;`)
  const found = db.prepare("PRAGMA user_version").get()?.["user_version"]
  const isEmpty = db.prepare("SELECT 1 FROM sqlite_schema").get() === undefined
  if (isEmpty) db.exec(`BEGIN IMMEDIATE; ${tables} COMMIT;`)
  else if (found !== version) throw new Error("The file is of another version of the relay")
}
