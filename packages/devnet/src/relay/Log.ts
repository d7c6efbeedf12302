/**
 * The log that SQLite writes to (WAL), as the disk has it.
 *
 * A commit hands its pages to the operating system; what survives the loss of power is what was
 * flushed after it. SQLite would wait for each flush, and the whole relay with it. So the log is
 * flushed beside the work: one flush at a time, and one for all who came while it lasted.
 */
import { close, fdatasync, openSync } from "node:fs"

export interface Log {
  /** Calls when all that is committed by now is on disk, or with what went wrong. */
  readonly flush: (done: Done) => void
  readonly close: () => void
}

type Done = (error: Error | null) => void

/** The log of a database whose connection is open. */
export const open = (filename: string): Log => {
  const file = openSync(`${filename}-wal`, "r+")
  let waiting: Array<Done> = []
  let isFlushing = false
  let isClosed = false

  const flushAll = (): void => {
    const all = waiting
    waiting = []
    isFlushing = true
    fdatasync(file, (error) => {
      isFlushing = false
      if (isClosed) return close(file)
      for (const done of all) done(error)
      if (waiting.length > 0) flushAll()
    })
  }

  return {
    flush: (done) => {
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
