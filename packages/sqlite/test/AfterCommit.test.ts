import { Sqlite } from "@farthing/sqlite"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { SqlClient } from "effect/sql"

/** What was said, in its order. */
const telling = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE item (name TEXT PRIMARY KEY) STRICT`
  const said: Array<string> = []
  const say = (word: string) => Effect.sync(() => void said.push(word))
  const later = (word: string) => sql.afterCommit(say(word))
  return { sql, said, say, later }
})

const Database = Sqlite.layer({ filename: ":memory:" })

describe("what should follow a commit", () => {
  it.effect("comes after it, in its order, also from inside of savepoints", () =>
    Effect.gen(function* () {
      const { later, said, say, sql } = yield* telling
      yield* later("a").pipe(
        Effect.andThen(sql.withTransaction(later("b"))),
        Effect.andThen(later("c")),
        Effect.andThen(say("done")),
        sql.withTransaction
      )
      assert.deepEqual(said, ["done", "a", "b", "c"])
    }).pipe(Effect.provide(Database))
  )

  it.effect("comes at once where there is no transaction", () =>
    Effect.gen(function* () {
      const { later, said } = yield* telling
      yield* later("a")
      assert.deepEqual(said, ["a"])
    }).pipe(Effect.provide(Database))
  )

  it.effect("does not come if the transaction, or the savepoint, comes to nothing", () =>
    Effect.gen(function* () {
      const { later, said, sql } = yield* telling
      const failing = sql.withTransaction(Effect.andThen(later("never"), Effect.fail("no")))
      yield* Effect.flip(failing)
      yield* sql.withTransaction(Effect.andThen(Effect.flip(failing), later("outer")))
      assert.deepEqual(said, ["outer"])
    }).pipe(Effect.provide(Database))
  )

  it.effect("is outside of the transaction, and its failure is not the transaction's", () =>
    Effect.gen(function* () {
      const { said, say, sql } = yield* telling
      const add = sql`INSERT INTO item VALUES ('a')`
      const after = sql`SELECT name FROM item`.pipe(
        Effect.flatMap((rows) => say(`${rows.length} rows`)),
        Effect.andThen(Effect.die("broken")),
        Effect.orDie
      )
      yield* sql.withTransaction(Effect.andThen(add, sql.afterCommit(after)))
      assert.deepEqual(said, ["1 rows"])
    }).pipe(Effect.provide(Database))
  )

  it.effect("comes too late once the transaction is over", () =>
    Effect.gen(function* () {
      const { later, sql } = yield* telling
      const over = yield* Deferred.make<void>()
      const late = yield* Effect.forkDetach(
        Effect.andThen(Deferred.await(over), Effect.exit(later("late")))
      ).pipe(sql.withTransaction)
      yield* Deferred.succeed(over, undefined)
      assert.strictEqual((yield* Fiber.join(late))._tag, "Failure")
    }).pipe(Effect.provide(Database))
  )
})

describe("savepoints of fibers that a transaction forks", () => {
  it.effect("take turns, and fail alone", () =>
    Effect.gen(function* () {
      const { sql } = yield* telling
      const add = (name: string) =>
        sql.withTransaction(
          sql`INSERT INTO item VALUES (${name})`.pipe(Effect.andThen(Effect.yieldNow))
        )
      const failing = (name: string) =>
        Effect.exit(
          sql.withTransaction(
            sql`INSERT INTO item VALUES (${name})`.pipe(
              Effect.andThen(Effect.yieldNow),
              Effect.andThen(Effect.fail("no"))
            )
          )
        )
      yield* sql.withTransaction(
        Effect.all([add("a"), failing("b"), add("c"), failing("d")], { concurrency: "unbounded" })
      )
      const rows = yield* sql<{ name: string }>`SELECT name FROM item ORDER BY name`
      assert.deepEqual(
        rows.map(({ name }) => name),
        ["a", "c"]
      )
    }).pipe(Effect.provide(Database))
  )
})
