import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber } from "effect"
import { file, open } from "./TestFile.ts"

/** Writes of one connection, and what another one sees of them. */
const book = Effect.gen(function* () {
  const filename = yield* file
  const [sql, other] = yield* Effect.all([open(filename), open(filename)])
  yield* sql`CREATE TABLE item (
    name TEXT PRIMARY KEY,
    parent TEXT REFERENCES item (name) DEFERRABLE INITIALLY DEFERRED
  ) STRICT`
  const seen = Effect.map(other<{ name: string }>`SELECT name FROM item ORDER BY name`, (rows) =>
    rows.map(({ name }) => name).join(" ")
  )
  const add = (name: string, parent: string | null = null) =>
    sql`INSERT INTO item ${sql.insert({ name, parent })}`.pipe(Effect.as(name))
  const { withTransaction } = sql

  /** What comes while a transaction is under way, each in a fiber of its own. */
  const meanwhile = Effect.fnUntraced(function* <A, E>(
    effects: ReadonlyArray<Effect.Effect<A, E>>
  ) {
    const gate = yield* Deferred.make<void>()
    const begun = yield* Deferred.make<void>()
    const leader = add("leader").pipe(
      Effect.andThen(Deferred.succeed(begun, undefined)),
      Effect.andThen(Deferred.await(gate)),
      withTransaction
    )
    const leading = yield* Effect.forkChild(leader)
    yield* Deferred.await(begun)
    const fibers = yield* Effect.forEach(effects, (effect) =>
      Effect.forkChild(effect, { startImmediately: true })
    )
    const end = Deferred.succeed(gate, undefined).pipe(
      Effect.andThen(Effect.all([Fiber.await(leading), Effect.forEach(fibers, Fiber.await)])),
      Effect.map(([, exits]) => exits)
    )
    return { end, fibers }
  })

  return { add, meanwhile, seen, sql, withTransaction }
})

const tags = (exits: ReadonlyArray<{ readonly _tag: string }>) => exits.map(({ _tag }) => _tag)

describe("transactions that come together", () => {
  it.live("share one commit, in their order: others see all of them or none", () =>
    Effect.gen(function* () {
      const { add, meanwhile, seen, withTransaction } = yield* book
      const member = (name: string, parent?: string) =>
        withTransaction(Effect.andThen(add(name, parent), seen))
      const { end } = yield* meanwhile([member("a"), member("b", "a")])
      assert.deepEqual(yield* end, [Exit.succeed(""), Exit.succeed("")])
      assert.strictEqual(yield* seen, "a b leader")
    })
  )

  it.live("have succeeded when they are durable, and no earlier", () =>
    Effect.gen(function* () {
      const { add, meanwhile, seen, withTransaction } = yield* book
      const { end } = yield* meanwhile([
        Effect.andThen(withTransaction(add("a")), seen),
        Effect.andThen(withTransaction(add("b")), seen)
      ])
      assert.deepEqual(yield* end, [Exit.succeed("a b leader"), Exit.succeed("a b leader")])
    })
  )

  it.live("fail alone: what failed is undone, and spoils no other", () =>
    Effect.gen(function* () {
      const { add, meanwhile, seen, withTransaction } = yield* book
      const writes = [
        add("a"),
        Effect.andThen(add("half"), Effect.fail("no")),
        add("a"),
        Effect.die("broken"),
        add("b")
      ]
      const { end } = yield* meanwhile(writes.map((write) => withTransaction(write)))
      assert.deepEqual(tags(yield* end), ["Success", "Failure", "Failure", "Failure", "Success"])
      assert.strictEqual(yield* seen, "a b leader")
    })
  )

  it.live("all fail where the commit fails, and the next one is as good as ever", () =>
    Effect.gen(function* () {
      const { add, meanwhile, seen, withTransaction } = yield* book
      const writes = [add("a"), add("orphan", "nobody")]
      const { end } = yield* meanwhile(writes.map((write) => withTransaction(write)))
      assert.deepEqual(tags(yield* end), ["Failure", "Failure"])
      assert.strictEqual(yield* seen, "")
      yield* withTransaction(add("b"))
      assert.strictEqual(yield* seen, "b")
    })
  )

  it.live("may be given up while they wait for their turn", () =>
    Effect.gen(function* () {
      const { add, meanwhile, seen, withTransaction } = yield* book
      const { end, fibers } = yield* meanwhile([
        withTransaction(add("a")),
        withTransaction(add("b")),
        withTransaction(add("c"))
      ])
      const given = fibers[1]
      if (given !== undefined) yield* Fiber.interrupt(given)
      assert.deepEqual(tags(yield* end), ["Success", "Failure", "Success"])
      assert.strictEqual(yield* seen, "a c leader")
    })
  )

  it.live("roll back what lies inside of them alone", () =>
    Effect.gen(function* () {
      const { add, meanwhile, seen, withTransaction } = yield* book
      const inner = Effect.exit(withTransaction(Effect.andThen(add("inner"), Effect.fail("no"))))
      const { end } = yield* meanwhile([withTransaction(Effect.andThen(add("a"), inner))])
      assert.deepEqual(tags(yield* end), ["Success"])
      assert.strictEqual(yield* seen, "a leader")
    })
  )
})

describe("a statement that comes among them", () => {
  it.live("is durable too when it succeeds", () =>
    Effect.gen(function* () {
      const { add, meanwhile, seen, withTransaction } = yield* book
      const { end } = yield* meanwhile([Effect.andThen(add("a"), seen), withTransaction(add("b"))])
      assert.deepEqual(tags(yield* end), ["Success", "Success"])
      assert.strictEqual(yield* seen, "a b leader")
    })
  )

  it.live("fails with them where it could not be committed", () =>
    Effect.gen(function* () {
      const { add, meanwhile, seen, withTransaction } = yield* book
      const { end } = yield* meanwhile([add("a"), withTransaction(add("orphan", "nobody"))])
      assert.deepEqual(tags(yield* end), ["Failure", "Failure"])
      assert.strictEqual(yield* seen, "")
    })
  )
})

describe("a leader that fails", () => {
  it.live("takes nobody with it", () =>
    Effect.gen(function* () {
      const { add, seen, withTransaction } = yield* book
      const exits = yield* Effect.forEach(
        [
          Effect.andThen(add("leader"), Effect.fail("no")),
          add("a"),
          Effect.die("broken"),
          add("b")
        ],
        (write) => Effect.exit(withTransaction(write)),
        { concurrency: "unbounded" }
      )
      assert.deepEqual(tags(exits), ["Failure", "Success", "Failure", "Success"])
      assert.strictEqual(yield* seen, "a b")
    })
  )
})
