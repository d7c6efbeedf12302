/**
 * Deletion requests (NIP-09): what an author takes back, by id or by address, is removed and stays
 * refused; an address up to the date of the request. A deletion request itself is never deleted.
 */
import { Hex, NostrEvent } from "@farthing/protocol"
import type { DatabaseSync } from "node:sqlite"

export const kind = 5

export interface Deletions {
  /** Whether the author has deleted the event, before it came or after. */
  readonly cover: (event: NostrEvent.NostrEvent, address: string | undefined) => boolean
  /** Deletes what the request names, as far as it is its author's. */
  readonly apply: (request: NostrEvent.NostrEvent) => void
}

export const make = (db: DatabaseSync, remove: (seq: number) => void): Deletions => {
  const find = db.prepare(
    "SELECT 1 FROM deletion WHERE pubkey = ? AND target IN (?, ?) AND until >= ? LIMIT 1"
  )
  const remember = db.prepare(`INSERT INTO deletion (pubkey, target, until) VALUES (?, ?, ?)
    ON CONFLICT DO UPDATE SET until = max(until, excluded.until)`)
  const byId = db.prepare(
    `SELECT seq FROM event WHERE id = unhex(?) AND pubkey = ? AND kind <> ${kind}`
  )
  const byAddress = db.prepare(
    "SELECT seq FROM event WHERE address = ? AND pubkey = ? AND created_at <= ?"
  )
  /** Few authors delete: the others' events need no look into the table. */
  const authors = new Set(
    db
      .prepare("SELECT DISTINCT lower(hex(pubkey)) AS pubkey FROM deletion")
      .all()
      .map(({ pubkey }) => String(pubkey))
  )
  return {
    cover: (event, address) =>
      event.kind !== kind &&
      authors.has(event.pubkey) &&
      find.get(Hex.toBytes(event.pubkey), event.id, address ?? "", event.created_at) !== undefined,
    apply: (request) => {
      const author = Hex.toBytes(request.pubkey)
      authors.add(request.pubkey)
      for (const id of NostrEvent.tagValues(request, "e")) {
        remember.run(author, id, Number.MAX_SAFE_INTEGER)
        for (const { seq } of byId.all(id, author)) remove(Number(seq))
      }
      for (const address of NostrEvent.tagValues(request, "a")) {
        remember.run(author, address, request.created_at)
        for (const { seq } of byAddress.all(address, author, request.created_at))
          remove(Number(seq))
      }
    }
  }
}
