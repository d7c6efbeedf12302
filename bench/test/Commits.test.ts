import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as Commits from "../src/Commits.ts"

const database = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped({ prefix: "farthing-bench-" })
  const filename = join(folder, "test.db")
  const sql = yield* Effect.acquireRelease(
    Effect.sync(() => new DatabaseSync(filename)),
    (sql) => Effect.sync(() => sql.close())
  )
  sql.exec("PRAGMA journal_mode = WAL; CREATE TABLE note (text TEXT)")
  return { filename, sql }
})

const note = "INSERT INTO note VALUES (hex(randomblob(3000)))"

describe("Commits are counted in the file", () => {
  it.effect("one for each transaction, however much it writes", () =>
    Effect.gen(function* () {
      const { filename, sql } = yield* database
      const count = yield* Commits.watch(filename)
      assert.strictEqual(count(), 0)
      sql.exec(note)
      assert.strictEqual(count(), 1)
      sql.exec(`BEGIN; ${`${note};`.repeat(20)} COMMIT`)
      assert.strictEqual(count(), 2)
      sql.exec(`BEGIN; ${note}; ROLLBACK`)
      assert.strictEqual(count(), 2)
      sql.prepare("SELECT COUNT(*) FROM note").get()
      assert.strictEqual(count(), 2)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
  )

  it.effect("even where the log is begun anew, or would be", () =>
    Effect.gen(function* () {
      const { filename, sql } = yield* database
      sql.exec("PRAGMA wal_checkpoint(FULL)")
      const count = yield* Commits.watch(filename)
      for (let index = 0; index < 400; index++) sql.exec(note)
      assert.strictEqual(count(), 400)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
  )
})
