/** The database file itself: who may read it, and why it could not be opened. */
import * as Effect from "effect/Effect"
import * as SqlError from "effect/sql/SqlError"
import { accessSync, chmodSync, closeSync, constants, openSync, statSync } from "node:fs"
import { dirname } from "node:path"

/** A database without a file: it lives and dies with its connection. */
export const isInMemory = (filename: string): boolean => filename === ":memory:"

/**
 * Makes sure that the file exists and that its owner alone may read and write it. SQLite gives
 * `-wal` and `-shm` the mode of the database.
 */
export const claim = (filename: string): Effect.Effect<void, SqlError.SqlError> =>
  isInMemory(filename)
    ? Effect.void
    : Effect.try({
        try: () => {
          accessSync(dirname(filename), constants.W_OK)
          createIfMissing(filename)
          restrictToOwner(filename)
        },
        catch: (cause) =>
          new SqlError.SqlError({
            reason: new SqlError.ConnectionError({
              cause,
              operation: "open",
              message: `Cannot use the database ${filename}: ${explain(cause, dirname(filename))}`
            })
          })
      })

/**
 * A file that exists is not opened here: closing any descriptor of it would drop the locks that
 * another connection of this process holds (POSIX advisory locks).
 */
const createIfMissing = (filename: string): void => {
  try {
    closeSync(openSync(filename, "wx", 0o600))
  } catch (cause) {
    if (codeOf(cause) !== "EEXIST") throw cause
  }
}

const restrictToOwner = (filename: string): void => {
  if (process.platform !== "win32" && (statSync(filename).mode & 0o077) !== 0) {
    chmodSync(filename, 0o600)
  }
}

const explain = (cause: unknown, directory: string): string => {
  switch (codeOf(cause)) {
    case "ENOENT":
      return `the directory ${directory} does not exist`
    case "ENOTDIR":
      return `${directory} is not a directory`
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return `the directory ${directory} or the file is not writable for this user`
    default:
      return String(cause)
  }
}

const codeOf = (cause: unknown): unknown =>
  typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined
