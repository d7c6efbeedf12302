/** What the processes of `Processes.test.ts` run: `node program.ts <file> <task>`. */
import * as Sqlite from "@farthing/sqlite/Sqlite"
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"
import { writeSync } from "node:fs"

const [filename = "", task] = process.argv.slice(2)

const migrated = Sqlite.migrate("counter_migrations", {
  "0001_counter": Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    yield* sql`CREATE TABLE counter (name TEXT PRIMARY KEY, n INTEGER NOT NULL) STRICT`
  }),
  "0002_first": Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    yield* sql`INSERT INTO counter VALUES ('all', 0)`
  })
})

const increment = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const [row] = yield* sql<{ n: number }>`SELECT n FROM counter WHERE name = 'all'`
  yield* sql`UPDATE counter SET n = ${(row?.n ?? 0) + 1} WHERE name = 'all'`
})

const program = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* migrated
  if (task === "count") return yield* Effect.repeat(sql.withTransaction(increment), { times: 9 })
  yield* sql.withTransaction(increment)
  return yield* sql.withTransaction(
    Effect.gen(function* () {
      yield* increment
      writeSync(1, "inside\n")
      return yield* Effect.never
    })
  )
})

const alive = setInterval(() => {}, 1_000)
await Effect.runPromise(program.pipe(Effect.provide(Sqlite.layer({ filename }))))
clearInterval(alive)
