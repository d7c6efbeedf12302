import { assert, describe, it } from "@effect/vitest"
import { Msat } from "@farthing/protocol"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { TickId } from "../src/Spend.ts"
import * as Treasury from "../src/Treasury.ts"
import * as Fixture from "./Fixture.ts"
import { payee, sats, spend, world } from "./Fixture.ts"
import { from, inject, limitOf, pay, refusal, untouched } from "./Payments.ts"

describe("waiting for what is held", () => {
  const slowly = { _tag: "PaySlowly", delay: "3 seconds" } as const

  it.effect("a spend that only held amounts refuse waits for them and is paid", () =>
    Effect.gen(function* () {
      yield* inject(slowly)
      const first = yield* Effect.forkChild(pay(sats(60)), { startImmediately: true })
      const second = yield* Effect.forkChild(pay(sats(60)), { startImmediately: true })
      yield* TestClock.adjust("2 seconds")
      assert.isUndefined(second.pollUnsafe())
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(first)
      yield* Fiber.join(second)
      assert.strictEqual((yield* (yield* Treasury.Treasury).status).spentEver, sats(122))
    }).pipe(Effect.provide(world({ unresolved: sats(100), wait: Fixture.seconds(10) })))
  )

  it.effect("it refuses once the time is over, and says what is held", () =>
    Effect.gen(function* () {
      yield* inject(slowly)
      const first = yield* Effect.forkChild(pay(sats(60)), { startImmediately: true })
      const second = yield* Effect.forkChild(refusal(sats(60)), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      const error = yield* Fiber.join(second)
      assert.strictEqual(error._tag === "BudgetExhausted" && error.held, sats(70))
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(first)
    }).pipe(Effect.provide(world({ unresolved: sats(100), wait: Fixture.seconds(1) })))
  )

  it.effect("it stops waiting when what was held has been spent", () =>
    Effect.gen(function* () {
      yield* inject(slowly)
      const first = yield* Effect.forkChild(pay(sats(60)), { startImmediately: true })
      const second = yield* Effect.forkChild(limitOf(sats(60)), { startImmediately: true })
      yield* TestClock.adjust("3 seconds")
      yield* Fiber.join(first)
      assert.strictEqual(yield* Fiber.join(second), "daily_limit_sats")
    }).pipe(Effect.provide(world({ daily: sats(100), wait: Fixture.seconds(100) })))
  )

  it.effect("interrupted while it waits, it has reserved nothing", () =>
    Effect.gen(function* () {
      yield* inject(slowly)
      const first = yield* Effect.forkChild(pay(sats(60)), { startImmediately: true })
      const second = yield* Effect.forkChild(pay(sats(60)), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(second)
      assert.strictEqual((yield* (yield* Treasury.Treasury).status).held, sats(70))
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(first)
    }).pipe(Effect.provide(world({ unresolved: sats(100), wait: Fixture.seconds(10) })))
  )
})

describe("days", () => {
  it.effect("a new day opens the daily limit", () =>
    from(
      "2026-07-01T23:59:00Z",
      Effect.gen(function* () {
        yield* pay(sats(60))
        assert.strictEqual(yield* limitOf(sats(60)), "daily_limit_sats")
        yield* TestClock.adjust("1 minute")
        yield* pay(sats(60))
      }).pipe(Effect.provide(world({ daily: sats(100) })))
    )
  )

  it.effect("a clock that jumps back does not open yesterday again", () =>
    from(
      "2026-07-02T00:01:00Z",
      Effect.gen(function* () {
        yield* pay(sats(60))
        yield* TestClock.setTime(Date.parse("2026-07-01T23:59:00Z"))
        assert.strictEqual(yield* limitOf(sats(60)), "daily_limit_sats")
        assert.strictEqual((yield* (yield* Treasury.Treasury).status).day, "2026-07-02")
      }).pipe(Effect.provide(world({ daily: sats(100) })))
    )
  )

  it.effect("a spend belongs to the day of its reservation", () =>
    from(
      "2026-07-01T23:59:59Z",
      Effect.gen(function* () {
        const treasury = yield* Treasury.Treasury
        yield* inject({ _tag: "PaySlowly", delay: "5 seconds" })
        const wish = yield* spend(sats(60))
        const payment = yield* Effect.forkChild(treasury.pay(wish), { startImmediately: true })
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual((yield* Fiber.join(payment)).leftToday, sats(100))
        assert.strictEqual((yield* treasury.find(wish.purchase))[0]?.day, "2026-07-01")
        assert.strictEqual((yield* treasury.status).spentToday, Msat.zero)
        assert.deepStrictEqual((yield* treasury.audit).findings, [])
      }).pipe(Effect.provide(world({ daily: sats(100) })))
    )
  )
})

describe("Treasury.freeze", () => {
  it.effect("refuses everything until it is unfrozen", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      yield* treasury.freeze("lost my phone")
      const error = yield* refusal(sats(1))
      assert.strictEqual(error._tag === "BudgetExhausted" && error.limit, "frozen")
      assert.include(error.message, "lost my phone")
      const asked = { tick: TickId.make("tick"), amount: Msat.make(1) }
      assert.strictEqual((yield* Effect.flip(treasury.check(asked)))._tag, "BudgetExhausted")
      assert.strictEqual((yield* treasury.status).frozen, "lost my phone")
      yield* treasury.unfreeze
      yield* pay(sats(1))
    }).pipe(Effect.provide(world()))
  )

  it.effect("happens by itself when a fee exceeds what was allowed", () =>
    Effect.gen(function* () {
      yield* inject({ _tag: "Overcharge", by: sats(50) })
      const settled = yield* pay(sats(10))
      assert.strictEqual(settled.fee, sats(52))
      const treasury = yield* Treasury.Treasury
      assert.include((yield* treasury.status).frozen, settled.paymentHash)
      assert.strictEqual((yield* treasury.status).spentEver, sats(62))
      assert.strictEqual(yield* limitOf(sats(1)), "frozen")
    }).pipe(Effect.provide(world()))
  )
})

describe("Treasury.check", () => {
  const tick = TickId.make("tick")

  it.effect("refuses an exhausted budget before anything is asked of anybody", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      yield* treasury.check({ tick, amount: sats(100), payee: payee(1) })
      const error = yield* Effect.flip(treasury.check({ tick, amount: sats(101) }))
      assert.strictEqual(error._tag === "BudgetExhausted" && error.limit, "daily_limit_sats")
      yield* untouched
    }).pipe(Effect.provide(world({ daily: sats(100) })))
  )

  it.effect("asks a person where pay would", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      const wish = { tick, amount: sats(101) }
      assert.strictEqual((yield* Effect.flip(treasury.check(wish)))._tag, "ApprovalRequired")
      yield* treasury.check({ ...wish, approved: true })
    }).pipe(Effect.provide(world({ approvalAbove: sats(100) })))
  )

  for (const [wait, expected] of [
    [10, "allowed"],
    [0, "max_unresolved_sats"]
  ] as const) {
    it.effect(`what is only held is ${expected} where pay waits ${wait} seconds`, () =>
      Effect.gen(function* () {
        const treasury = yield* Treasury.Treasury
        yield* inject({ _tag: "PaySlowly", delay: "1 second" })
        const first = yield* Effect.forkChild(pay(sats(60)), { startImmediately: true })
        const answer = yield* treasury.check({ tick, amount: sats(60) }).pipe(
          Effect.match({
            onSuccess: () => "allowed",
            onFailure: (error) => (error._tag === "BudgetExhausted" ? error.limit : error._tag)
          })
        )
        assert.strictEqual(answer, expected)
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(first)
      }).pipe(Effect.provide(world({ unresolved: sats(100), wait: Fixture.seconds(wait) })))
    )
  }
})
