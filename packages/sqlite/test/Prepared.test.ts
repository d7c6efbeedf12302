import { Prepared, Sqlite } from "@farthing/sqlite"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

const Items = Sqlite.layer({ filename: ":memory:" })

const items = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE item (name TEXT PRIMARY KEY, size INTEGER) STRICT`
  interface Item {
    readonly name: string
    readonly size: number | undefined
  }
  let asked = 0
  const add = Prepared.make(sql)(({ name, size }: Prepared.Slots<Item>) => {
    asked++
    return sql`INSERT INTO item ${sql.insert({ name, size })}`
  })
  const kind = "%"
  const found = Prepared.make(sql)(
    ({ a, b }: Prepared.Slots<{ readonly a: string; readonly b: string }>) => sql<Item>`
      SELECT name, size FROM item WHERE name LIKE ${kind} AND ${sql.in("name", [a, b])} ORDER BY name`
  )
  return { sql, add, found, asked: () => asked }
})

describe("a prepared statement", () => {
  it.effect("takes other values each time, while its template is asked once", () =>
    Effect.gen(function* () {
      const { add, asked, found } = yield* items
      yield* add({ name: "a", size: 1 })
      yield* add({ name: "b", size: 2 })
      yield* add({ name: "c", size: 3 })
      assert.strictEqual(asked(), 1)
      assert.deepEqual(
        (yield* found({ a: "a", b: "c" })).map(({ name, size }) => [name, size]),
        [
          ["a", 1],
          ["c", 3]
        ]
      )
    }).pipe(Effect.provide(Items))
  )

  it.effect("stores what is undefined as NULL", () =>
    Effect.gen(function* () {
      const { add, found } = yield* items
      yield* add({ name: "a", size: undefined })
      assert.deepEqual(
        (yield* found({ a: "a", b: "a" })).map(({ size }) => size),
        [null as never]
      )
    }).pipe(Effect.provide(Items))
  )

  it.effect("belongs to the transaction that it is run in, traced or not", () =>
    Effect.gen(function* () {
      const { add, found, sql } = yield* items
      const undone = sql.withTransaction(
        Effect.andThen(add({ name: "a", size: 1 }), Effect.fail("no"))
      )
      yield* Effect.flip(undone)
      yield* Effect.flip(Effect.withTracerEnabled(undone, false))
      assert.deepEqual(yield* found({ a: "a", b: "a" }), [])
    }).pipe(Effect.provide(Items))
  )

  it.effect("fails like any other", () =>
    Effect.gen(function* () {
      const { add, sql } = yield* items
      yield* add({ name: "a", size: 1 })
      const again = Effect.flip(add({ name: "a", size: 1 }))
      assert.strictEqual((yield* again).reason._tag, "UniqueViolation")
      const inside = yield* sql.withTransaction(Effect.withTracerEnabled(again, false))
      assert.strictEqual(inside.reason._tag, "UniqueViolation")
    }).pipe(Effect.provide(Items))
  )
})
