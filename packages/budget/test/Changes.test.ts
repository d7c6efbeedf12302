import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Layer, Option, Ref } from "effect"
import { TestClock } from "effect/testing"
import * as Audit from "../src/Audit.ts"
import type { Limits } from "../src/Limits.ts"
import * as Treasury from "../src/Treasury.ts"
import { database, fee, open, sats, wallet, worldIn } from "./Fixture.ts"
import { ledgerOf, migrated, order, proofOf, rules, walletId } from "./Orders.ts"
import { pausing } from "./Pausing.ts"
import { limitOf, pay, refusal, untouched } from "./Payments.ts"

/** A treasury whose limits are edited while it runs. */
const edited = <A, E, R>(
  limits: Partial<Limits>,
  body: (edit: (limits: Partial<Limits>) => Effect.Effect<void>) => Effect.Effect<A, E, R>
) =>
  Effect.gen(function* () {
    const current = yield* Ref.make<Limits>({ ...open, ...limits })
    const edit = (change: Partial<Limits>) => Ref.update(current, (now) => ({ ...now, ...change }))
    return yield* body(edit).pipe(
      Effect.provide(
        Treasury.layer({ network: "regtest", limits: Ref.get(current) }).pipe(
          Layer.provideMerge(wallet),
          Layer.provideMerge(database)
        )
      )
    )
  })

const at = (time: string) => TestClock.setTime(Date.parse(time))

/** Far enough in the future for every story here. */
const expiresAt = Date.parse("2028-01-01") / 1000

/** Pays 60 sats of 100 a day, or says which limit is in the way. */
const payADay = Effect.map(ledgerOf("owner"), (ledger) => {
  let count = 0
  return (timeZone: string) =>
    Effect.gen(function* () {
      const name = `payment ${count++}`
      const amounts = { amount: sats(60), allowedFee: sats(0) }
      const zone = DateTime.zoneMakeNamedUnsafe(timeZone)
      const limits = { ...rules({ daily: sats(100) }), zone }
      const { day, paymentHash } = yield* ledger.reserve(
        order(name, { ...amounts, expiresAt }),
        limits
      )
      yield* ledger.settle(paymentHash, proofOf(name, sats(0)))
      assert.deepStrictEqual(Audit.ofBooks(yield* ledger.everything, walletId).findings, [])
      return day
    }).pipe(Effect.catchTag("Refused", ({ error }) => Effect.succeed(error.limit)))
})

describe("limits that are edited while payments go on", () => {
  it.effect("count with the next payment, and never give back what is spent", () =>
    edited({ daily: sats(200) }, (edit) =>
      Effect.gen(function* () {
        yield* pay(sats(99))
        yield* edit({ daily: sats(100) })
        assert.strictEqual(yield* limitOf(sats(1)), "daily_limit_sats")
        yield* edit({ daily: sats(150) })
        assert.strictEqual(yield* limitOf(sats(50)), "daily_limit_sats")
        yield* pay(sats(40))
      })
    )
  )

  it.effect("that did not exist before count what was spent before them", () =>
    edited({}, (edit) =>
      Effect.gen(function* () {
        yield* pay(sats(99))
        yield* edit({ lifetime: sats(100), daily: sats(1000) })
        assert.strictEqual(yield* limitOf(sats(1)), "lifetime_limit_sats")
      })
    )
  )

  it.effect("with a time zone that does not exist let nothing be spent", () =>
    edited({}, (edit) =>
      Effect.gen(function* () {
        yield* edit({ timeZone: "Middle/Earth" })
        assert.strictEqual(yield* limitOf(sats(1)), "LedgerUnavailable")
      })
    )
  )
})

describe("a time zone", () => {
  it.effect("decides when the day begins, daylight saving included", () =>
    Effect.gen(function* () {
      const pay = yield* payADay
      // The clocks of Berlin go back on the 25th: it lasts from 22:00 until 23:00 the next day.
      yield* at("2026-10-24T22:00:00Z")
      assert.strictEqual(yield* pay("Europe/Berlin"), "2026-10-25")
      yield* at("2026-10-25T22:59:59Z")
      assert.strictEqual(yield* pay("Europe/Berlin"), "daily_limit_sats")
      yield* at("2026-10-25T23:00:00Z")
      assert.strictEqual(yield* pay("Europe/Berlin"), "2026-10-26")
    }).pipe(Effect.provide(migrated))
  )

  it.effect("that is edited over midnight opens no day twice", () =>
    Effect.gen(function* () {
      const pay = yield* payADay
      yield* at("2026-07-01T12:00:00Z")
      assert.strictEqual(yield* pay("UTC"), "2026-07-01")
      // Where the second of July has begun: its limit is used now, and not again.
      assert.strictEqual(yield* pay("Pacific/Kiritimati"), "2026-07-02")
      assert.strictEqual(yield* pay("America/Los_Angeles"), "daily_limit_sats")
      yield* at("2026-07-02T23:59:59Z")
      assert.strictEqual(yield* pay("UTC"), "daily_limit_sats")
      yield* at("2026-07-03T00:00:00Z")
      assert.strictEqual(yield* pay("UTC"), "2026-07-03")
    }).pipe(Effect.provide(migrated))
  )
})

describe("a clock that jumps", () => {
  it.effect("far ahead and back opens one day, and none again until the clock is there", () =>
    Effect.gen(function* () {
      const pay = yield* payADay
      yield* at("2026-07-01T12:00:00Z")
      assert.strictEqual(yield* pay("UTC"), "2026-07-01")
      yield* at("2026-07-05T12:00:00Z")
      assert.strictEqual(yield* pay("UTC"), "2026-07-05")
      yield* at("2026-07-01T12:00:00Z")
      assert.strictEqual(yield* pay("UTC"), "daily_limit_sats")
      yield* at("2026-07-04T12:00:00Z")
      assert.strictEqual(yield* pay("UTC"), "daily_limit_sats")
      yield* at("2026-07-06T00:00:00Z")
      assert.strictEqual(yield* pay("UTC"), "2026-07-06")
    }).pipe(Effect.provide(migrated))
  )

  it.effect("back leaves no lease that lasts for ever", () =>
    Effect.gen(function* () {
      const [dead, other] = [yield* ledgerOf("dead"), yield* ledgerOf("other")]
      yield* at("2027-07-01T12:00:00Z")
      const spend = yield* dead.reserve(order("a", { expiresAt }), rules())
      yield* at("2026-07-01T12:00:00Z")
      const taken = Option.getOrThrow(yield* other.takeOver(spend.paymentHash))
      assert.strictEqual((yield* dead.fail(spend, "not paid")).state, "submitted")
      assert.strictEqual((yield* other.fail(taken, "proven")).state, "failed")
    }).pipe(Effect.provide(migrated))
  )

  it.effect("ahead past a lease keeps its owner from paying, and nothing is lost", () =>
    Effect.gen(function* () {
      const error = yield* refusal(sats(10))
      assert.strictEqual(error._tag === "PaymentFailed" && error.reason, "refused")
      yield* untouched
    }).pipe(
      Effect.provide(
        worldIn(pausing(":memory:", TestClock.adjust("1 hour")), { maxFee: fee, maxFeePercent: 0 })
      )
    )
  )
})
