/** Database files that are gone when the test is over. */
import { Sqlite } from "@farthing/sqlite"
import { Effect } from "effect"
import { Reactivity } from "effect/reactivity"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

export const directory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "sqlite-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true }))
)

export const file = Effect.map(directory, (path) => join(path, "test.db"))

/** A connection of its own, as another process has it. */
export const open = (filename: string, options?: Omit<Sqlite.Options, "filename">) =>
  Sqlite.make({ filename, ...options }).pipe(Effect.provide(Reactivity.layer))
