/** Durable writes as one writes them by hand: raw `node:sqlite`, one commit for all that wait. */
import { DatabaseSync } from "node:sqlite"

export interface Disk {
  /** Resolves once the row is on the disk. */
  readonly write: (key: string, value: string) => Promise<void>
  readonly close: () => void
}

export const open = (filename: string): Disk => {
  const database = new DatabaseSync(filename)
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")
  database.exec(
    "CREATE TABLE IF NOT EXISTS step (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT"
  )
  const insert = database.prepare(
    "INSERT INTO step VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
  )
  let waiting: Array<{ key: string; value: string; done: () => void }> = []

  const commit = (): void => {
    if (!database.isOpen) return
    const batch = waiting
    waiting = []
    database.exec("BEGIN IMMEDIATE")
    for (const { key, value } of batch) insert.run(key, value)
    database.exec("COMMIT")
    for (const { done } of batch) done()
  }

  return {
    write: (key, value) =>
      new Promise((done) => {
        if (waiting.push({ key, value, done }) === 1) setImmediate(commit)
      }),
    close: () => database.close()
  }
}
