/** One market a folder: two of them on the same books would both be its bank. */
import { Effect, Schema } from "effect"
import type { Scope } from "effect"
import { closeSync, existsSync, openSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"

/** Holds the folder until the scope closes; a process that dies lets go of it. */
export const make = (folder: string): Effect.Effect<void, MarketRunning, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.try({
      try: () => lock(join(folder, "market.lock")),
      catch: (cause) => new MarketRunning({ folder, cause: String(cause) })
    }),
    (database) => Effect.sync(() => database.close())
  )

/** The lock is that of a transaction which never ends. */
const lock = (filename: string): DatabaseSync => {
  createIfMissing(filename)
  const database = new DatabaseSync(filename, { timeout: 0 })
  try {
    database.exec("BEGIN EXCLUSIVE")
    return database
  } catch (cause) {
    database.close()
    throw cause
  }
}

/** For its owner alone: whoever else could open it could hold it. */
const createIfMissing = (filename: string): void => {
  if (!existsSync(filename)) closeSync(openSync(filename, "a", 0o600))
}

/** The folder is another market's, or cannot be written. */
export class MarketRunning extends Schema.TaggedError<MarketRunning>()("MarketRunning", {
  folder: Schema.String,
  cause: Schema.String
}) {
  override get message(): string {
    return `The folder ${this.folder} cannot be claimed (${this.cause}): a market runs from it already, or it is not writable.`
  }
}
