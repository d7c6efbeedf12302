/**
 * How often a database was committed, read off its write-ahead log: a fact about the file, whoever
 * writes it and however. Each commit ends with a frame that says how large the database is then;
 * all other frames say 0 (SQLite's "WAL file format", section 4).
 */
import { Effect } from "effect"
import type { Scope } from "effect"
import { readFileSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"

const headerBytes = 32
const frameHeaderBytes = 24

interface Log {
  /** Another one when the log is begun anew; what is left of an earlier log does not carry it. */
  readonly salt: string
  readonly commits: number
}

const inLog = (log: Buffer): Log => {
  const salt = log.subarray(16, 24)
  const frameBytes = frameHeaderBytes + (log.length < headerBytes ? 0 : log.readUInt32BE(8))
  let commits = 0
  for (let at = headerBytes; at + frameBytes <= log.length; at += frameBytes) {
    if (!log.subarray(at + 8, at + 16).equals(salt)) break
    if (log.readUInt32BE(at + 4) !== 0) commits++
  }
  return { salt: salt.toString("hex"), commits }
}

/** Counts from now on, until the scope closes. */
export const watch = (filename: string): Effect.Effect<() => number, never, Scope.Scope> =>
  Effect.map(snapshot(filename), () => {
    const read = (): Log => inLog(readFileSync(`${filename}-wal`))
    const before = read()
    return () => {
      const { commits, salt } = read()
      return salt === before.salt ? commits - before.commits : commits
    }
  })

/** As long as somebody reads an older state, the log is not begun anew more than once. */
const snapshot = (filename: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const reader = new DatabaseSync(filename, { readOnly: true })
      reader.exec("BEGIN")
      reader.prepare("SELECT COUNT(*) FROM sqlite_master").get()
      return reader
    }),
    (reader) => Effect.sync(() => reader.close())
  )
