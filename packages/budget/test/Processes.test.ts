import { assert, describe, it } from "@effect/vitest"
import { Msat } from "@farthing/protocol"
import { Effect, Schedule } from "effect"
import { PurchaseId } from "../src/Spend.ts"
import * as Treasury from "../src/Treasury.ts"
import { fee, sats, spend } from "./Fixture.ts"
import {
  count,
  goOn,
  inFile,
  killed,
  race,
  recovered,
  startedUntil,
  stateOf,
  takenFromWallet
} from "./Processes.ts"
import type { Process } from "./Processes.ts"

describe("processes that share a ledger", () => {
  it.live("that race spend the daily limit to the last sat and never more", () =>
    inFile(
      Effect.fnUntraced(function* (filename) {
        const treasury = yield* Treasury.Treasury
        const outcomes = yield* race(filename, "race", 3)
        assert.deepStrictEqual(count(outcomes), { paid: 30, daily_limit_sats: 30 })
        assert.strictEqual((yield* treasury.status).spentToday, sats(300))
        assert.strictEqual(yield* takenFromWallet, sats(300))
        assert.deepStrictEqual((yield* treasury.audit).findings, [])
      })
    )
  )

  it.live("pay a purchase once, whoever tries", () =>
    inFile(
      Effect.fnUntraced(function* (filename) {
        const outcomes = yield* race(filename, "purchase", 2)
        assert.deepStrictEqual(count(outcomes), { paid: 1, PaymentRefused: 5 })
        assert.strictEqual(yield* takenFromWallet, sats(10))
      })
    )
  )

  it.live("wait for what the other holds", () =>
    inFile(
      Effect.fnUntraced(function* (filename) {
        const outcomes = yield* race(filename, "queue", 2)
        assert.deepStrictEqual(count(outcomes), { paid: 10 })
        assert.strictEqual(yield* takenFromWallet, sats(100))
      })
    )
  )
})

describe("a process that is killed", () => {
  it.live("after it paid loses nothing and pays nothing twice", () =>
    inFile(
      Effect.fnUntraced(function* (filename) {
        const treasury = yield* Treasury.Treasury
        yield* killed(filename, "paidAndSilent", "paid")
        assert.strictEqual((yield* treasury.status).held, sats(101))
        assert.deepStrictEqual(
          (yield* recovered).map(({ state }) => state),
          ["settled"]
        )
        assert.strictEqual((yield* treasury.status).spentEver, Msat.add(sats(100), fee))
        assert.strictEqual(yield* takenFromWallet, Msat.add(sats(100), fee))
        assert.deepStrictEqual((yield* treasury.audit).findings, [])
      })
    )
  )

  it.live("before it asked the wallet keeps its reservation until that is proven", () =>
    inFile(
      Effect.fnUntraced(function* (filename) {
        const treasury = yield* Treasury.Treasury
        yield* killed(filename, "reserved", "reserved")
        assert.deepStrictEqual(
          (yield* recovered).map(({ state }) => state),
          ["unknown"]
        )
        assert.strictEqual((yield* treasury.status).held, Msat.add(sats(100), fee))
        assert.strictEqual(yield* takenFromWallet, Msat.zero)
        assert.deepStrictEqual((yield* treasury.audit).findings, [])
      })
    )
  )

  it.live("while the wallet was asked leaves its payment unknown, and nobody pays again", () =>
    inFile(
      Effect.fnUntraced(function* (filename) {
        const treasury = yield* Treasury.Treasury
        yield* killed(filename, "hesitant", "asked")
        assert.deepStrictEqual(
          (yield* recovered).map(({ state }) => state),
          ["unknown"]
        )
        assert.strictEqual((yield* treasury.status).unknown, Msat.add(sats(100), fee))
        const purchase = PurchaseId.make("one wish")
        const again = yield* Effect.flip(treasury.pay(yield* spend(sats(100), { purchase })))
        assert.strictEqual(again._tag, "PaymentRefused")
        assert.strictEqual(yield* takenFromWallet, Msat.zero)
      })
    )
  )
})

describe("a process that lives", () => {
  it.live("keeps its payment from those who recover beside it", () =>
    inFile(
      Effect.fnUntraced(function* (filename) {
        const treasury = yield* Treasury.Treasury
        const living = yield* startedUntil(filename, "hesitant", "asked")
        const purchase = PurchaseId.make("one wish")
        const leaseUntil = Effect.map(treasury.find(purchase), ([spend]) => spend?.leaseUntil ?? 0)
        const first = yield* leaseUntil
        yield* Effect.repeat(Effect.andThen(treasury.recover, leaseUntil), {
          until: (renewed) => renewed > first + 1_000,
          schedule: Schedule.spaced("50 millis")
        })
        assert.strictEqual(yield* stateOf, "submitted")
        assert.strictEqual(yield* goOn(living), "paid")
        assert.strictEqual(yield* takenFromWallet, Msat.add(sats(100), fee))
        assert.deepStrictEqual((yield* treasury.audit).findings, [])
      })
    )
  )

  it.live("recovers every payment once beside another that recovers", () =>
    inFile(
      Effect.fnUntraced(function* (filename) {
        const treasury = yield* Treasury.Treasury
        yield* killed(filename, "manySilent", "paid")
        assert.deepStrictEqual(count(yield* race(filename, "recovering", 2)), { taken: 10 })
        const cost = sats(110)
        assert.strictEqual((yield* treasury.status).spentEver, cost)
        assert.strictEqual(yield* takenFromWallet, cost)
        assert.deepStrictEqual((yield* treasury.audit).findings, [])
      })
    )
  )
})

describe("a process that was stopped, and wakes after another took over", () => {
  /** Stops it until what it had under way was taken from it. */
  const outlasted = Effect.fnUntraced(function* ({ child }: Process) {
    child.kill("SIGSTOP")
    return (yield* recovered).map(({ state }) => state)
  })

  it.live("asks the wallet for nothing any more", () =>
    inFile(
      Effect.fnUntraced(function* (filename) {
        const treasury = yield* Treasury.Treasury
        const stopped = yield* startedUntil(filename, "reserved", "reserved")
        assert.deepStrictEqual(yield* outlasted(stopped), ["unknown"])
        assert.strictEqual(yield* goOn(stopped), "PaymentUnknown")
        assert.strictEqual((yield* treasury.status).held, Msat.add(sats(100), fee))
        assert.strictEqual(yield* takenFromWallet, Msat.zero)
        assert.deepStrictEqual((yield* treasury.audit).findings, [])
      })
    )
  )

  it.live("releases nothing any more, whatever its wallet told it", () =>
    inFile(
      Effect.fnUntraced(function* (filename) {
        const treasury = yield* Treasury.Treasury
        const stopped = yield* startedUntil(filename, "failing", "asked")
        assert.deepStrictEqual(yield* outlasted(stopped), ["unknown"])
        assert.strictEqual(yield* goOn(stopped), "PaymentUnknown")
        assert.strictEqual(yield* stateOf, "unknown")
        assert.strictEqual((yield* treasury.status).held, Msat.add(sats(100), fee))
        const decisions = (yield* treasury.history(PurchaseId.make("one wish"))).map(
          ({ what }) => what
        )
        assert.include(decisions, "taken_over")
        assert.include(decisions, "overruled")
      })
    )
  )

  it.live("has its payment booked once, if it was made after all", () =>
    inFile(
      Effect.fnUntraced(function* (filename) {
        const treasury = yield* Treasury.Treasury
        const stopped = yield* startedUntil(filename, "hesitant", "asked")
        assert.deepStrictEqual(yield* outlasted(stopped), ["unknown"])
        assert.strictEqual(yield* goOn(stopped), "paid")
        assert.strictEqual(yield* stateOf, "settled")
        assert.strictEqual((yield* treasury.status).held, Msat.zero)
        assert.strictEqual(yield* takenFromWallet, (yield* treasury.status).spentEver)
        assert.deepStrictEqual((yield* treasury.audit).findings, [])
      })
    )
  )
})
