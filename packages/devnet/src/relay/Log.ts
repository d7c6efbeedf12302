/**
 * The log that SQLite writes to (WAL), as the disk has it.
 *
 * A commit hands its pages to the operating system; what survives the loss of power is what was
 * flushed after it. SQLite would wait for each flush, and the whole relay with it. So the log is
 * flushed beside the work: one flush at a time, and one for all who came while it lasted.
 *
 * A flush that fails is the last one. The system may have dropped what it could not write and not
 * say so again; and SQLite reads a log only up to its first gap, so that nothing after it stays.
 */
import { close, fdatasync, openSync } from "node:fs"

export interface Log {
  /** Calls when all that is committed by now is on disk, or with what went wrong. */
  readonly flush: (done: Done) => void
  readonly close: () => void
}

type Done = (error: Error | null) => void

/** Calls when all that was written to the file is on disk. */
export type Sync = (file: number, done: Done) => void

/** The log of a database whose connection is open. */
export const open = (filename: string, sync: Sync = fdatasync): Log => {
  const file = openSync(`${filename}-wal`, "r+")
  let waiting: Array<Done> = []
  let isFlushing = false
  let isClosed = false
  let failure: Error | null = null

  const flushAll = (): void => {
    const all = waiting
    waiting = []
    isFlushing = true
    sync(file, (error) => {
      isFlushing = false
      failure ??= error
      if (isClosed) return close(file)
      for (const done of all) done(failure)
      if (waiting.length > 0) flushAll()
    })
  }

  return {
    flush: (done) => {
      if (failure !== null) return done(failure)
      waiting.push(done)
      if (!isFlushing) flushAll()
    },
    close: () => {
      isClosed = true
      if (!isFlushing) close(file)
    }
  }
}

/** A database in memory is as durable as it will be. */
export const none: Log = { flush: (done) => done(null), close: () => {} }
