/**
 * The events that the relay keeps, in SQLite: regular ones for good, replaceable ones until a
 * newer one comes (NIP-01), all of them until they expire (NIP-40) or their author deletes them
 * (NIP-09). What fails throws.
 */
import type { Filter } from "@farthing/protocol"
import { Hex, NostrEvent } from "@farthing/protocol"
import { Effect } from "effect"
import * as Deletions from "./Deletions.ts"
import * as EventFile from "./EventFile.ts"
import type { StoredEvent } from "./StoredQuery.ts"
import * as StoredQuery from "./StoredQuery.ts"
import * as Transactions from "./Transactions.ts"

export type Outcome = "Stored" | "Duplicate" | "Replaced" | "Deleted"

export interface EventStore {
  /** Takes in an event; `json` is its text. It is found from now on; it stays with `commit`. */
  readonly put: (event: NostrEvent.NostrEvent, json: string) => Outcome

  /**
   * Ends what was put since the last time, and calls when it is on disk; with an error where it
   * may not be.
   */
  readonly commit: (done: (error: unknown) => void) => void

  /** What any of the filters wants, each within its limit, once, newest first, then lower id. */
  readonly query: (
    filters: ReadonlyArray<Filter.Filter>,
    options: StoredQuery.Options
  ) => ReadonlyArray<StoredEvent>

  /** How many events any of the filters wants, whatever their limits. */
  readonly count: (filters: ReadonlyArray<Filter.Filter>, now: number) => number

  /** Forgets what has expired. */
  readonly purge: (now: number) => void
}

/** The store in its file, until the scope closes. */
export const open = (options: EventFile.Options) => Effect.map(EventFile.open(options), make)

const make = ({ db, log }: EventFile.EventFile): EventStore => {
  const insertEvent = db.prepare(`
    INSERT INTO event (id, pubkey, created_at, kind, address, expires_at, json)
      VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`)
  const insertTag = db.prepare(`
    INSERT OR IGNORE INTO tag (name, value, created_at, id, seq) VALUES (?, ?, ?, ?, ?)`)
  const byAddress = db.prepare(`
    SELECT seq, lower(hex(id)) AS id, created_at FROM event WHERE address = ?`)
  const byExpiry = db.prepare("SELECT seq FROM event WHERE expires_at <= ?")
  const jsonOf = db.prepare("SELECT json FROM event WHERE seq = ?")
  const removeEvent = db.prepare("DELETE FROM event WHERE seq = ?")
  const removeTag = db.prepare(`
    DELETE FROM tag WHERE name = ? AND value = ? AND created_at = ? AND id = ?`)

  const remove = (seq: number): void => {
    const event: NostrEvent.NostrEvent = JSON.parse(String(jsonOf.get(seq)?.["json"]))
    const id = Hex.toBytes(event.id)
    for (const [name, value] of indexedTags(event)) removeTag.run(name, value, event.created_at, id)
    removeEvent.run(seq)
  }

  /**
   * Makes room for a replaceable event: of two the newer one stays, of two of one second the one
   * with the lower id. Says why there is no room.
   */
  const replace = (event: NostrEvent.NostrEvent, address: string): Outcome | undefined => {
    const current = byAddress.get(address) as
      | { readonly seq: number; readonly id: string; readonly created_at: number }
      | undefined
    if (current === undefined) return undefined
    if (event.id === current.id) return "Duplicate"
    if (NostrEvent.newestFirst(event, current) > 0) return "Replaced"
    remove(current.seq)
    return undefined
  }

  const insert = (
    event: NostrEvent.NostrEvent,
    address: string | undefined,
    json: string
  ): Outcome => {
    const id = Hex.toBytes(event.id)
    const { changes, lastInsertRowid } = insertEvent.run(
      id,
      Hex.toBytes(event.pubkey),
      event.created_at,
      event.kind,
      address ?? null,
      NostrEvent.expirationOf(event) ?? null,
      json
    )
    if (changes === 0) return "Duplicate"
    for (const [name, value] of indexedTags(event))
      insertTag.run(name, value, event.created_at, id, lastInsertRowid)
    return "Stored"
  }

  const deletions = Deletions.make(db, remove)
  const transactions = Transactions.make(db)
  const stored = StoredQuery.make(db)

  return {
    put: (event, json) =>
      transactions.within(() => {
        const address = NostrEvent.addressOf(event)
        if (deletions.cover(event, address)) return "Deleted"
        const refusal = address === undefined ? undefined : replace(event, address)
        if (refusal !== undefined) return refusal
        const outcome = insert(event, address, json)
        if (outcome === "Stored" && event.kind === Deletions.kind) deletions.apply(event)
        return outcome
      }),
    commit: (done) => {
      try {
        if (!transactions.commit()) return done(null)
      } catch (cause) {
        return done(cause)
      }
      return log.flush(done)
    },
    query: stored.query,
    count: stored.count,
    purge: (now) => {
      transactions.within(() => {
        for (const { seq } of byExpiry.all(now)) remove(Number(seq))
      })
      transactions.commit()
    }
  }
}

/** NIP-01: tags of a single letter can be asked for, by their first value. */
const indexedTags = ({ tags }: NostrEvent.NostrEvent): ReadonlyArray<readonly [string, string]> => {
  const indexed: Array<readonly [string, string]> = []
  for (const [name, value] of tags)
    if (name !== undefined && value !== undefined && /^[a-zA-Z]$/.test(name))
      indexed.push([name, value])
  return indexed
}
