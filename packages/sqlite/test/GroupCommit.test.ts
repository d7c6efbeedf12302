import { assert, describe, it } from "@effect/vitest"
import { GroupCommit } from "@farthing/sqlite"
import { Deferred, Effect, Fiber } from "effect"
import { SqlClient } from "effect/sql"
import { file, open } from "./TestFile.ts"

/** Writes of one connection, and what another one sees of them. */
const book = Effect.gen(function* () {
  const filename = yield* file
  const [sql, other] = yield* Effect.all([open(filename), open(filename)])
  yield* sql`CREATE TABLE item (
    name TEXT PRIMARY KEY,
    parent TEXT REFERENCES item (name) DEFERRABLE INITIALLY DEFERRED
  ) STRICT`
  const durably = yield* Effect.provideService(GroupCommit.make, SqlClient.SqlClient, sql)
  const seen = Effect.map(other<{ name: string }>`SELECT name FROM item ORDER BY name`, (rows) =>
    rows.map(({ name }) => name)
  )
  const add = (name: string, parent: string | null = null) =>
    sql`INSERT INTO item ${sql.insert({ name, parent })}`.pipe(Effect.as(name))

  /** Writes that come while another one is under way. */
  const together = Effect.fnUntraced(function* <A, E>(writes: ReadonlyArray<Effect.Effect<A, E>>) {
    const gate = yield* Deferred.make<void>()
    const begun = yield* Deferred.make<void>()
    const earlier = Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(gate))
    yield* Effect.forkChild(durably(earlier))
    yield* Deferred.await(begun)
    const fibers = yield* Effect.forEach(writes, (write) =>
      Effect.forkChild(Effect.exit(durably(write)), { startImmediately: true })
    )
    yield* Deferred.succeed(gate, undefined)
    return yield* Effect.forEach(fibers, Fiber.join)
  })

  return { add, durably, seen, together }
})

const tags = (exits: ReadonlyArray<{ readonly _tag: string }>) => exits.map(({ _tag }) => _tag)

describe("GroupCommit", () => {
  it.live("a write is durable when it succeeds", () =>
    Effect.gen(function* () {
      const { add, durably, seen } = yield* book
      assert.strictEqual(yield* durably(add("a")), "a")
      assert.deepEqual(yield* seen, ["a"])
    })
  )

  it.live("writes that come together are committed together, in their order", () =>
    Effect.gen(function* () {
      const { add, seen, together } = yield* book
      const seenByOthers = Effect.map(seen, (names) => names.join())
      const exits = yield* together([add("a"), seenByOthers, add("b", "a"), seenByOthers])
      assert.deepEqual(
        exits.map((exit) => (exit._tag === "Success" ? exit.value : exit)),
        ["a", "", "b", ""]
      )
      assert.deepEqual(yield* seen, ["a", "b"])
    })
  )

  it.live("a write that fails is undone, and spoils no other", () =>
    Effect.gen(function* () {
      const { add, seen, together } = yield* book
      const half = Effect.andThen(add("half"), Effect.fail("no"))
      const exits = yield* together([add("a"), half, add("a"), Effect.die("broken"), add("b")])
      assert.deepEqual(tags(exits), ["Success", "Failure", "Failure", "Failure", "Success"])
      assert.deepEqual(yield* seen, ["a", "b"])
    })
  )

  it.live("where the commit fails, no write has succeeded", () =>
    Effect.gen(function* () {
      const { add, durably, seen, together } = yield* book
      const exits = yield* together([add("a"), add("orphan", "nobody")])
      assert.deepEqual(tags(exits), ["Failure", "Failure"])
      assert.deepEqual(yield* seen, [])
      yield* durably(add("b"))
      assert.deepEqual(yield* seen, ["b"])
    })
  )
})
