import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as Treasury from "../src/Treasury.ts"
import { database, open, sats, spend, wallet } from "./Fixture.ts"
import * as Interrupted from "./Interrupted.ts"
import { books, claim, cost, hold, nothing, taken, wishing } from "./Locks.ts"

const world = Treasury.layer({ network: "regtest", payTimeout: "1 second", limits: open }).pipe(
  Layer.provideMerge(Interrupted.layer),
  Layer.provideMerge(wallet),
  Layer.provideMerge(database)
)

const recover = Effect.flatMap(Treasury.Treasury, ({ recover }) =>
  Effect.map(recover, (recovered) => recovered.map(({ state }) => state))
)

/** The wallet begins, and does not answer. */
const givenUp = Effect.fnUntraced(function* <A, E>(spending: Effect.Effect<A, E>) {
  const fiber = yield* Effect.forkChild(Effect.exit(spending), { startImmediately: true })
  yield* TestClock.adjust("10 seconds")
  return yield* Fiber.join(fiber)
})

/** A payment that the wallet was interrupted at. */
const halfPaid = Effect.gen(function* () {
  const treasury = yield* Treasury.Treasury
  const wish = yield* spend(sats(100))
  yield* givenUp(treasury.pay(wish))
  return wish.invoice.paymentHash
})

describe("what a wallet was interrupted at", () => {
  it.effect("is taken up again by recovery, and settles", () =>
    Effect.gen(function* () {
      const { resumed } = yield* Interrupted.Interrupted
      const paymentHash = yield* halfPaid
      assert.deepStrictEqual(resumed, [])
      assert.deepStrictEqual(yield* books, { ...nothing, held: hold, unknown: hold })
      assert.deepStrictEqual(yield* recover, ["settled"])
      assert.deepStrictEqual(resumed, [paymentHash])
      assert.deepStrictEqual(yield* recover, [])
      assert.strictEqual(yield* taken, cost)
      assert.deepStrictEqual(yield* books, { ...nothing, spent: cost })
    }).pipe(Effect.provide(world))
  )

  it.effect("keeps its reservation while that does not work, and is asked again", () =>
    Effect.gen(function* () {
      const { resumed, trouble } = yield* Interrupted.Interrupted
      const paymentHash = yield* halfPaid
      trouble.push("unknown", "silent")
      assert.deepStrictEqual(yield* recover, ["unknown"])
      const silent = yield* Effect.forkChild(recover, { startImmediately: true })
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(yield* Fiber.join(silent), ["unknown"])
      assert.deepStrictEqual(yield* books, { ...nothing, held: hold, unknown: hold })
      assert.deepStrictEqual(yield* recover, ["settled"])
      assert.deepStrictEqual(resumed, [paymentHash, paymentHash, paymentHash])
      assert.deepStrictEqual(yield* books, { ...nothing, spent: cost })
    }).pipe(Effect.provide(world))
  )

  it.effect("is left to whoever is at it", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      const { resumed } = yield* Interrupted.Interrupted
      yield* Effect.forkChild(treasury.pay(yield* spend(sats(100))), { startImmediately: true })
      yield* TestClock.adjust("500 millis")
      assert.deepStrictEqual(yield* recover, [])
      assert.deepStrictEqual(resumed, [])
    }).pipe(Effect.provide(world))
  )

  it.effect("may be the lock of an invoice, which is taken up in the background, too", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      const { resumed, trouble } = yield* Interrupted.Interrupted
      const { paymentHash, preimage, record, wish } = yield* wishing()
      trouble.push("unknown")
      const locking = yield* Effect.forkChild(treasury.lock(wish), { startImmediately: true })
      yield* TestClock.adjust("3 seconds")
      const lock = yield* Fiber.join(locking)
      assert.strictEqual((yield* record)?.state, "held")
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(resumed.slice(0, 2), [paymentHash, paymentHash])
      assert.strictEqual((yield* record)?.state, "held")
      yield* claim(preimage)
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual((yield* lock.end).preimage, preimage)
      assert.strictEqual(yield* taken, cost)
      assert.deepStrictEqual(yield* books, { ...nothing, spent: cost })
    }).pipe(Effect.provide(world))
  )
})
