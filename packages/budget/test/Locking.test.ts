import { assert, describe, it } from "@effect/vitest"
import { Bolt11, Msat } from "@farthing/protocol"
import { Effect, Fiber, Metric } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import * as Treasury from "../src/Treasury.ts"
import { fee, patientWorld, sats, spend, world } from "./Fixture.ts"
import {
  books,
  claim,
  cost,
  giveBack,
  hold,
  locked,
  newPreimage,
  nothing,
  taken,
  wishing
} from "./Locks.ts"
import { ledgerOf, migrated, order, preimageOf, rules } from "./Orders.ts"
import { inject, limitOf, pay } from "./Payments.ts"

const release = (hash: Bolt11.PaymentHash, preimage: Bolt11.Preimage) =>
  Effect.flatMap(Treasury.Treasury, (treasury) => treasury.release(hash, preimage))

const refusal = <A, E extends { readonly _tag: string }, R>(refused: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(refused), (error) => ("reason" in error ? error.reason : error._tag))

describe("Treasury.lock", () => {
  it.effect("returns once the money is locked, and books what was taken when it is taken", () =>
    Effect.gen(function* () {
      const { lock, preimage, paymentHash, record } = yield* locked()
      assert.deepStrictEqual(
        { ...lock, end: undefined },
        {
          paymentHash,
          amount: sats(100),
          allowedFee: sats(10),
          leftToday: sats(890),
          end: undefined
        }
      )
      assert.strictEqual((yield* record)?.state, "held")
      assert.isTrue((yield* record)?.isLock)
      assert.strictEqual(yield* taken, cost)
      assert.deepStrictEqual(yield* books, { ...nothing, held: hold, locked: hold })

      yield* claim(preimage)
      const settled = yield* lock.end
      assert.deepStrictEqual(settled, {
        paymentHash,
        preimage,
        amount: sats(100),
        fee,
        feeKnown: true,
        leftToday: sats(899)
      })
      assert.deepStrictEqual(yield* lock.end, settled)
      assert.strictEqual((yield* record)?.state, "settled")
      assert.deepStrictEqual(yield* books, { ...nothing, spent: cost })
    }).pipe(Effect.provide(world({ daily: sats(1000) })))
  )

  it.effect("frees the budget when the payee gives the money back", () =>
    Effect.gen(function* () {
      const { lock, paymentHash, record } = yield* locked()
      yield* giveBack(paymentHash)
      assert.strictEqual((yield* Effect.flip(lock.end))._tag, "PaymentFailed")
      assert.strictEqual((yield* record)?.state, "failed")
      assert.strictEqual(yield* taken, Msat.zero)
      assert.deepStrictEqual(yield* books, nothing)
    }).pipe(Effect.provide(world()))
  )

  it.effect("stays held however long it takes, and frees the budget when its time runs out", () =>
    Effect.gen(function* () {
      const { lock, record } = yield* locked()
      yield* TestClock.adjust("23 hours")
      assert.strictEqual((yield* record)?.state, "held")
      assert.deepStrictEqual(yield* books, { ...nothing, held: hold, locked: hold })
      yield* TestClock.adjust("2 hours")
      assert.strictEqual((yield* Effect.flip(lock.end))._tag, "PaymentFailed")
      assert.deepStrictEqual(yield* books, nothing)
    }).pipe(Effect.provide(patientWorld))
  )

  it.effect("of an invoice that waits for nothing is paid at once", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      const lock = yield* treasury.lock(yield* spend(sats(100)))
      assert.strictEqual((yield* lock.end).fee, fee)
      assert.deepStrictEqual(yield* books, { ...nothing, spent: cost })
    }).pipe(Effect.provide(world()))
  )

  it.effect("keeps to what every payment keeps to", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      const { wish } = yield* wishing()
      const { invoice } = wish
      const reasons = yield* Effect.forEach(
        [
          { ...invoice, network: "mainnet" as const },
          { ...invoice, expiresAt: 0 },
          { ...invoice, minFinalCltvDelta: 145 }
        ],
        (bad) => refusal(treasury.lock({ ...wish, invoice: bad }))
      )
      assert.deepStrictEqual(reasons, ["wrong_network", "expired", "cltv_too_long"])
      assert.strictEqual(
        yield* refusal(treasury.lock({ ...wish, cap: sats(99) })),
        "BudgetExhausted"
      )
      yield* treasury.freeze("for a while")
      assert.strictEqual(yield* refusal(treasury.lock(wish)), "BudgetExhausted")
      yield* treasury.unfreeze
      assert.deepStrictEqual(yield* books, nothing)
    }).pipe(Effect.provide(world()))
  )

  it.effect("fails, and frees the budget, where the wallet says that it failed", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      yield* inject({ _tag: "FailBeforePaying", reason: "no_route" })
      const { wish } = yield* wishing()
      assert.strictEqual(yield* refusal(treasury.lock(wish)), "no_route")
      assert.deepStrictEqual(yield* books, nothing)
    }).pipe(Effect.provide(world()))
  )

  it.effect("goes on without whoever asked for it", () =>
    Effect.gen(function* () {
      const { lock, preimage, record } = yield* locked()
      const waiting = yield* Effect.forkChild(lock.end, { startImmediately: true })
      yield* Fiber.interrupt(waiting)
      yield* claim(preimage)
      yield* Effect.repeat(Effect.andThen(Effect.yieldNow, record), {
        until: (spend) => spend?.state === "settled"
      })
      assert.strictEqual((yield* lock.end).preimage, preimage)
    }).pipe(Effect.provide(world()))
  )
})

describe("a purchase with a lock", () => {
  it.effect("pays and locks nothing else until the money is provably back", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      const first = yield* locked()
      const { purchase } = first.wish
      const second = yield* wishing({ purchase })
      const plain = yield* spend(sats(10), { purchase })
      assert.strictEqual(yield* refusal(treasury.lock(second.wish)), "purchase_already_paid")
      assert.strictEqual(yield* refusal(treasury.pay(plain)), "purchase_already_paid")

      yield* treasury.release(first.paymentHash, first.preimage)
      assert.strictEqual(yield* refusal(treasury.lock(second.wish)), "purchase_already_paid")

      yield* giveBack(first.paymentHash)
      assert.strictEqual((yield* Effect.flip(first.lock.end))._tag, "PaymentFailed")
      const { end } = yield* treasury.lock(second.wish)
      yield* claim(second.preimage)
      yield* end
      assert.strictEqual(yield* taken, cost)
      assert.deepStrictEqual(yield* books, { ...nothing, spent: cost })
    }).pipe(Effect.provide(world()))
  )

  it.effect("uses a payment hash once ever, even if nothing will replace its invoice", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      const { lock, paymentHash, wish } = yield* locked({ irreplaceable: true })
      assert.strictEqual(yield* refusal(treasury.lock(wish)), "already_used")
      yield* giveBack(paymentHash)
      yield* Effect.flip(lock.end)
      assert.strictEqual(yield* refusal(treasury.lock(wish)), "already_used")
      assert.strictEqual(yield* refusal(treasury.pay(wish)), "already_used")

      yield* inject({ _tag: "FailBeforePaying", reason: "no_route" })
      const plain = yield* spend(sats(10), { irreplaceable: true })
      assert.strictEqual(yield* refusal(treasury.pay(plain)), "no_route")
      assert.strictEqual(yield* refusal(treasury.lock(plain)), "already_used")
    }).pipe(Effect.provide(world()))
  )
})

describe("Treasury.release", () => {
  it.effect("counts what is released as spent, until it is taken", () =>
    Effect.gen(function* () {
      const { lock, paymentHash, preimage, record } = yield* locked()
      assert.isTrue(yield* release(paymentHash, preimage))
      assert.strictEqual((yield* record)?.preimage, preimage)
      const released = { ...nothing, spent: hold, locked: hold, released: hold }
      assert.deepStrictEqual(yield* books, released)
      assert.isTrue(yield* release(paymentHash, preimage))
      assert.deepStrictEqual(yield* books, released)

      yield* claim(preimage)
      yield* lock.end
      assert.deepStrictEqual(yield* books, { ...nothing, spent: cost })
      assert.isTrue(yield* release(paymentHash, preimage))
      assert.deepStrictEqual(yield* books, { ...nothing, spent: cost })
    }).pipe(Effect.provide(world()))
  )

  it.effect("is over when the wallet says that the money is back", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      const { lock, paymentHash, preimage, record } = yield* locked()
      yield* release(paymentHash, preimage)
      yield* treasury.conclude(paymentHash, "delivered")
      yield* giveBack(paymentHash)
      yield* Effect.flip(lock.end)
      assert.strictEqual((yield* record)?.preimage, preimage)
      assert.isFalse(yield* release(paymentHash, preimage))
      assert.deepStrictEqual(yield* books, nothing)
    }).pipe(Effect.provide(world()))
  )

  it.effect("is no where nothing is locked", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      const stranger = yield* newPreimage
      assert.isFalse(yield* release(Bolt11.hashOf(stranger), stranger))

      const { lock, paymentHash, preimage } = yield* locked()
      assert.isFalse(yield* release(paymentHash, stranger))
      yield* giveBack(paymentHash)
      yield* Effect.flip(lock.end)
      assert.isFalse(yield* release(paymentHash, preimage))

      const paid = yield* treasury.pay(yield* spend(sats(100)))
      assert.isFalse(yield* release(paid.paymentHash, paid.preimage))

      yield* inject({ _tag: "BreakBeforePaying" })
      const lost = yield* wishing()
      const locking = yield* Effect.forkChild(treasury.lock(lost.wish), { startImmediately: true })
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual(yield* refusal(Fiber.join(locking)), "PaymentUnknown")
      assert.isFalse(yield* release(lost.paymentHash, lost.preimage))
      assert.deepStrictEqual(yield* books, { ...nothing, spent: cost, held: hold, unknown: hold })
    }).pipe(Effect.provide(world()))
  )

  it.effect("is no when nobody can take the money any more, whatever the wallet says", () =>
    Effect.gen(function* () {
      const ledger = yield* ledgerOf("owner")
      const wish = order("lock", { isLock: true, expiresAt: 600 })
      const { lockEndsAt = 0, paymentHash } = yield* ledger.reserve(wish, rules())
      yield* ledger.hold(paymentHash, "")
      yield* TestClock.setTime(lockEndsAt * 1000 + 1)
      assert.isFalse(yield* ledger.release(paymentHash, preimageOf("lock")))
      yield* TestClock.setTime(lockEndsAt * 1000)
      assert.isTrue(yield* ledger.release(paymentHash, preimageOf("lock")))
    }).pipe(Effect.provide(migrated))
  )

  it.effect("comes and goes with the transaction that it is part of", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const { paymentHash, preimage, record } = yield* locked()
      const undone = Effect.andThen(release(paymentHash, preimage), Effect.fail("undone"))
      yield* Effect.flip(sql.withTransaction(undone))
      assert.isUndefined((yield* record)?.preimage)
      assert.strictEqual((yield* books).spent, Msat.zero)
      assert.isTrue(yield* sql.withTransaction(release(paymentHash, preimage)))
      assert.strictEqual((yield* books).spent, hold)
    }).pipe(Effect.provide(world()))
  )

  it.effect("makes room among what is unresolved, and none among what is spent", () =>
    Effect.gen(function* () {
      const { paymentHash, preimage } = yield* locked()
      assert.strictEqual(yield* limitOf(sats(90)), "max_unresolved_sats")
      yield* release(paymentHash, preimage)
      yield* pay(sats(90))
      assert.strictEqual(yield* limitOf(sats(10)), "daily_limit_sats")
    }).pipe(Effect.provide(world({ unresolved: sats(150), daily: sats(215) })))
  )

  it.effect("lets a provider count as proven by what it delivered", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      const { lock, paymentHash, preimage } = yield* locked()
      assert.strictEqual(yield* limitOf(sats(100)), "first_spend_limit_sats")
      yield* release(paymentHash, preimage)
      yield* treasury.conclude(paymentHash, "delivered")
      // Twice what was delivered, of which half is spent.
      const next = yield* wishing()
      const { end } = yield* treasury.lock(next.wish)
      yield* giveBack(paymentHash)
      yield* Effect.flip(lock.end)
      yield* giveBack(next.paymentHash)
      yield* Effect.flip(end)
      assert.deepStrictEqual(yield* books, nothing)
    }).pipe(Effect.provide(world({ firstSpend: sats(110) })))
  )
})

describe("what is counted of locks", () => {
  const counted = Effect.map(Metric.snapshot, (snapshots) =>
    Object.fromEntries(
      snapshots.flatMap(({ attributes = {}, id, state, type }) =>
        type === "Counter" && Number(state.count) > 0
          ? [[`${id.replace("farthing_budget_", "")} ${attributes["end"] ?? ""}`, state.count]]
          : []
      )
    )
  )

  const alone = Effect.provideServiceEffect(
    Metric.MetricRegistry,
    Effect.sync(() => new Map())
  )

  it.effect("is each when it is made, and as a payment when it ends", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      const first = yield* locked()
      const second = yield* locked()
      yield* locked()
      yield* inject({ _tag: "FailBeforePaying", reason: "no_route" })
      yield* refusal(treasury.lock((yield* wishing()).wish))
      yield* refusal(treasury.lock(first.wish))
      assert.deepStrictEqual(yield* counted, {
        "locks_total ": 3,
        "payments_total failed": 1,
        "payments_total refused": 1
      })
      yield* claim(first.preimage)
      yield* first.lock.end
      yield* first.lock.end
      yield* giveBack(second.paymentHash)
      yield* Effect.flip(second.lock.end)
      assert.deepStrictEqual(yield* counted, {
        "locks_total ": 3,
        "payments_total failed": 2,
        "payments_total refused": 1,
        "payments_total settled": 1,
        "paid_msats_total ": sats(100),
        "fees_msats_total ": fee
      })
    }).pipe(Effect.provide(world()), alone)
  )
})

describe("the trail of a lock", () => {
  it.effect("tells each step, and what it moved", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      const { lock, paymentHash, preimage, wish } = yield* locked()
      yield* release(paymentHash, preimage)
      yield* claim(preimage)
      yield* lock.end
      yield* treasury.conclude(paymentHash, "delivered")
      const entries = yield* treasury.history(wish.purchase)
      assert.deepStrictEqual(
        entries.map(({ delivered, held, spent, what }) => ({ what, held, spent, delivered })),
        [
          { what: "submitted", held: hold, spent: 0, delivered: 0 },
          { what: "held", held: 0, spent: 0, delivered: 0 },
          { what: "released", held: -hold, spent: hold, delivered: 0 },
          { what: "settled", held: 0, spent: cost - hold, delivered: 0 },
          { what: "delivered", held: 0, spent: 0, delivered: cost }
        ]
      )
    }).pipe(Effect.provide(world()))
  )
})
