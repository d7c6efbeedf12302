import { Sqlite } from "@farthing/sqlite"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Stream } from "effect"
import { SqlClient } from "effect/sql"
import { mkdirSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { directory, file, open } from "./TestFile.ts"

const names = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ name: string }>`SELECT name FROM item ORDER BY name`
  return rows.map((row) => row.name)
})

const add = (name: string) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) => sql`INSERT INTO item ${sql.insert({ name })}`)

const Items = Layer.effectDiscard(
  Sqlite.migrate("item_migrations", {
    "0001_item": Effect.flatMap(
      SqlClient.SqlClient,
      (sql) =>
        sql`CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, parent INTEGER REFERENCES item (id) DEFERRABLE INITIALLY DEFERRED) STRICT`
    )
  })
).pipe(Layer.provideMerge(Sqlite.layer({ filename: ":memory:" })))

const increment = (sql: SqlClient.SqlClient) =>
  sql.withTransaction(
    Effect.gen(function* () {
      const [row] = yield* sql<{ n: number }>`SELECT n FROM counter`
      yield* Effect.yieldNow
      yield* sql`UPDATE counter SET n = ${row!.n + 1}`
    })
  )
const pragma = (sql: SqlClient.SqlClient, name: string) =>
  Effect.map(sql`PRAGMA ${sql.literal(name)}`.values, ([row]) => row?.[0])
const table = (name: string) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) => sql`CREATE TABLE ${sql(name)} (id INTEGER)`)

describe("a transaction", () => {
  it.effect("commits what it did", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* sql.withTransaction(Effect.andThen(add("a"), add("b")))
      assert.deepEqual(yield* names, ["a", "b"])
    }).pipe(Effect.provide(Items))
  )

  it.effect("rolls back when it fails", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const exit = yield* sql
        .withTransaction(Effect.andThen(add("a"), Effect.fail("no")))
        .pipe(Effect.exit)
      assert.deepEqual(exit, Exit.fail("no"))
      assert.deepEqual(yield* names, [])
    }).pipe(Effect.provide(Items))
  )

  it.effect("rolls back when it is interrupted", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const inside = yield* Deferred.make<void>()
      const fiber = yield* add("a").pipe(
        Effect.andThen(Deferred.succeed(inside, undefined)),
        Effect.andThen(Effect.never),
        sql.withTransaction,
        Effect.forkChild
      )
      yield* Deferred.await(inside)
      yield* Fiber.interrupt(fiber)
      assert.deepEqual(yield* names, [])
    }).pipe(Effect.provide(Items))
  )

  it.effect("inside another one rolls back alone", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* sql.withTransaction(
        Effect.gen(function* () {
          yield* add("a")
          yield* sql.withTransaction(Effect.andThen(add("b"), Effect.fail("no"))).pipe(Effect.flip)
          yield* sql.withTransaction(add("c"))
        })
      )
      assert.deepEqual(yield* names, ["a", "c"])
    }).pipe(Effect.provide(Items))
  )

  it.effect("leaves the connection usable when its commit fails", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const orphan = sql`INSERT INTO item ${sql.insert({ name: "orphan", parent: 99 })}`
      const error = yield* sql.withTransaction(orphan).pipe(Effect.flip)
      assert.strictEqual(error.reason._tag, "ConstraintError")
      yield* add("a")
      assert.deepEqual(yield* names, ["a"])
    }).pipe(Effect.provide(Items))
  )

  it.effect("keeps statements of other fibers out", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const inside = yield* Deferred.make<void>()
      const fiber = yield* add("a").pipe(
        Effect.andThen(Deferred.succeed(inside, undefined)),
        Effect.andThen(Effect.yieldNow),
        Effect.andThen(Effect.fail("no")),
        sql.withTransaction,
        Effect.flip,
        Effect.forkChild
      )
      yield* Deferred.await(inside)
      yield* add("b")
      yield* Fiber.join(fiber)
      assert.deepEqual(yield* names, ["b"])
    }).pipe(Effect.provide(Items))
  )
})

describe("two clients of one file in one process", () => {
  it.live("wait for each other without stopping the process", () =>
    Effect.gen(function* () {
      const filename = yield* file
      const one = yield* open(filename)
      const other = yield* open(filename)
      yield* one`CREATE TABLE counter (n INTEGER NOT NULL) STRICT`
      yield* one`INSERT INTO counter VALUES (0)`
      yield* Effect.forEach(Array.from({ length: 40 }), (_, i) => increment(i % 2 ? one : other), {
        concurrency: "unbounded"
      })
      const rows = yield* one`SELECT n FROM counter`
      assert.deepEqual(
        rows.map((row) => ({ ...row })),
        [{ n: 40 }]
      )
    })
  )

  it.live("fail with LockTimeoutError when the lock is not given back in time", () =>
    Effect.gen(function* () {
      const filename = yield* file
      const holder = yield* open(filename)
      const waiter = yield* open(filename, { busyTimeout: 60 })
      const error = yield* holder.withTransaction(
        waiter.withTransaction(waiter`SELECT 1`).pipe(Effect.flip)
      )
      assert.strictEqual(error.reason._tag, "LockTimeoutError")
      assert.isTrue(error.isRetryable)
      yield* waiter.withTransaction(waiter`SELECT 1`)
    })
  )
})

describe("an error says what happened", () => {
  it.effect("UniqueViolation for a unique column, with its name", () =>
    Effect.gen(function* () {
      yield* add("a")
      const { reason } = yield* add("a").pipe(Effect.flip)
      assert.strictEqual(reason._tag, "UniqueViolation")
      assert.include(reason, { constraint: "item.name" })
    }).pipe(Effect.provide(Items))
  )

  it.effect("UniqueViolation for a primary key", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* sql`INSERT INTO item ${sql.insert({ id: 1, name: "a" })}`
      const { reason } = yield* sql`INSERT INTO item ${sql.insert({ id: 1, name: "b" })}`.pipe(
        Effect.flip
      )
      assert.strictEqual(reason._tag, "UniqueViolation")
      assert.include(reason, { constraint: "item.id" })
    }).pipe(Effect.provide(Items))
  )

  it.effect("ConstraintError for a missing value", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const { reason } = yield* sql`INSERT INTO item ${sql.insert({ name: null })}`.pipe(
        Effect.flip
      )
      assert.strictEqual(reason._tag, "ConstraintError")
    }).pipe(Effect.provide(Items))
  )

  it.effect("what follows the first statement is refused, not forgotten", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const error = yield* sql`DELETE FROM item; DELETE FROM item`.pipe(Effect.flip)
      assert.include(error.message, "One statement at a time")
    }).pipe(Effect.provide(Items))
  )

  it.effect("ConnectionError that names the directory that does not exist", () =>
    Effect.gen(function* () {
      const path = join(yield* directory, "nowhere")
      const { message, reason } = yield* open(join(path, "test.db")).pipe(Effect.flip)
      assert.strictEqual(reason._tag, "ConnectionError")
      assert.include(message, `the directory ${path} does not exist`)
    })
  )

  it.effect("ConnectionError when the parent is a file", () =>
    Effect.gen(function* () {
      const path = join(yield* directory, "plain")
      writeFileSync(path, "")
      const { message } = yield* open(join(path, "test.db")).pipe(Effect.flip)
      assert.include(message, `${path} is not a directory`)
    })
  )

  it.effect("a file that is no database is refused when it is opened", () =>
    Effect.gen(function* () {
      const filename = yield* file
      writeFileSync(filename, "x".repeat(4096))
      const { message } = yield* open(filename).pipe(Effect.flip)
      assert.include(message, `Cannot open the database ${filename}`)
    })
  )
})

describe("the file", () => {
  it.effect("is readable and writable by its owner alone, and so are its companions", () =>
    Effect.gen(function* () {
      const filename = yield* file
      const sql = yield* open(filename)
      yield* sql`CREATE TABLE item (id INTEGER)`
      for (const suffix of ["", "-wal", "-shm"]) {
        assert.strictEqual(statSync(filename + suffix).mode & 0o777, 0o600, `mode of *${suffix}`)
      }
    })
  )

  it.effect("that others could read is closed to them", () =>
    Effect.gen(function* () {
      const filename = yield* file
      writeFileSync(filename, "", { mode: 0o644 })
      yield* open(filename)
      assert.strictEqual(statSync(filename).mode & 0o777, 0o600)
    })
  )

  it.effect("is written with synchronous = FULL in WAL mode, keys enforced", () =>
    Effect.gen(function* () {
      const sql = yield* open(yield* file)
      assert.strictEqual(yield* pragma(sql, "journal_mode"), "wal")
      assert.strictEqual(yield* pragma(sql, "synchronous"), 2)
      assert.strictEqual(yield* pragma(sql, "foreign_keys"), 1)
      const fast = yield* open(yield* file, { synchronous: "NORMAL" })
      assert.strictEqual(yield* pragma(fast, "synchronous"), 1)
    })
  )

  it.effect("is let go when the scope closes, its log folded back into it", () =>
    Effect.gen(function* () {
      const path = yield* directory
      const filename = join(path, "test.db")
      const write = Effect.flatMap(open(filename), (sql) => sql`CREATE TABLE item (id INTEGER)`)
      yield* Effect.scoped(write)
      assert.throws(() => statSync(`${filename}-wal`), /ENOENT/)
      rmSync(filename)
      mkdirSync(filename)
      assert.isTrue(Exit.isFailure(yield* Effect.exit(Effect.scoped(write))))
    })
  )
})

describe("statements", () => {
  it.effect("stay right when more of them are used than are kept", () =>
    Effect.gen(function* () {
      const sql = yield* open(":memory:", { statementCacheSize: 2 })
      for (const n of [1, 2, 3, 4, 1, 2]) {
        assert.deepEqual(yield* sql`SELECT ${sql.literal(String(n))} AS n`.values, [[n]])
      }
    })
  )

  it.effect("give rows, arrays, big integers and counts", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* add("a")
      assert.deepEqual(yield* sql`SELECT id, name FROM item`.values, [[1, "a"]])
      const [row] = yield* sql`SELECT id FROM item`.pipe(
        Effect.provideService(SqlClient.SafeIntegers, true)
      )
      assert.strictEqual(row?.["id"], 1n)
      assert.include(yield* sql`UPDATE item SET name = 'b'`.raw, { changes: 1 })
      assert.deepEqual(yield* sql`SELECT ${true}, ${null}, ${new Uint8Array([1])}`.values, [
        [1, null, new Uint8Array([1])]
      ])
    }).pipe(Effect.provide(Items))
  )

  it.effect("stream rows, and a stream that is left early does not hold the file", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const numbers = sql<{
        n: number
      }>`WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 1000) SELECT n FROM s`
        .stream
      assert.strictEqual(
        yield* Stream.runFold(
          numbers,
          () => 0,
          (sum, { n }) => sum + n
        ),
        500_500
      )
      assert.strictEqual(yield* Stream.runCount(Stream.take(numbers, 300)), 300)
      yield* sql`DROP TABLE item`
    }).pipe(Effect.provide(Items))
  )
})

describe("migrations", () => {
  it.effect("run once each, in order, with a table for each package", () =>
    Effect.gen(function* () {
      const sql = yield* open(":memory:")
      const first = Sqlite.migrate("one_migrations", { "1_a": table("a") })
      const more = Sqlite.migrate("one_migrations", {
        "10_c": table("c"),
        "2_b": table("b"),
        "1_a": table("a")
      })
      const other = Sqlite.migrate("other_migrations", { "1_z": table("z") })
      yield* Effect.all([first, first, more, more, other, other]).pipe(
        Effect.provideService(SqlClient.SqlClient, sql)
      )
      assert.deepEqual(
        yield* sql`SELECT migration_id, name FROM one_migrations ORDER BY 1`.values,
        [
          [1, "a"],
          [2, "b"],
          [10, "c"]
        ]
      )
      assert.deepEqual(yield* sql`SELECT migration_id, name FROM other_migrations`.values, [
        [1, "z"]
      ])
    })
  )

  it.effect("leave nothing behind when one of them fails", () =>
    Effect.gen(function* () {
      const sql = yield* open(":memory:")
      const error = yield* Sqlite.migrate("m", {
        "1_a": table("a"),
        "2_b": Effect.fail("no")
      }).pipe(Effect.provideService(SqlClient.SqlClient, sql), Effect.flip)
      assert.strictEqual(error._tag, "MigrationError")
      assert.deepEqual(yield* sql`SELECT name FROM sqlite_schema WHERE name IN ('a')`.values, [])
      assert.deepEqual(yield* sql`SELECT count(*) FROM m`.values, [[0]])
    })
  )
})
