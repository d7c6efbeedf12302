import { assert, describe, it } from "@effect/vitest"
import { Msat } from "@farthing/protocol"
import { Payer, Wallet } from "@farthing/wallet"
import { Context, Effect, Fiber, Layer, Option } from "effect"
import { TestClock } from "effect/testing"
import type { Spend } from "../src/Spend.ts"
import * as Treasury from "../src/Treasury.ts"
import * as TreasuryLive from "../src/TreasuryLive.ts"
import { database, open, patientWorld, patientWallet, sats, spend, world } from "./Fixture.ts"
import { books, claim, cost, giveBack, hold, locked, nothing, taken, wishing } from "./Locks.ts"
import { ledgerOf, migrated, order, rules } from "./Orders.ts"
import { inject } from "./Payments.ts"

/** Another process of the same budget, as far as the ledger can tell. */
const another = TreasuryLive.make({ network: "regtest", limits: open })

/** 100 sats, locked by a process that went away since. */
const inherited = Effect.fnUntraced(function* (rest?: Partial<Spend>) {
  const wished = yield* wishing(rest)
  const end = yield* Effect.scoped(
    Effect.flatMap(another, (gone) => Effect.map(gone.lock(wished.wish), ({ end }) => end))
  )
  return { ...wished, end }
})

const statesOf = (recovered: ReadonlyArray<Treasury.SpendRecord>) =>
  recovered.map(({ state }) => state)

const recover = Effect.flatMap(Treasury.Treasury, ({ recover }) => Effect.map(recover, statesOf))

describe("a lock whose process is gone", () => {
  it.effect("is looked up by any other: it stays held, and ends as the wallet says", () =>
    Effect.gen(function* () {
      const first = yield* inherited()
      const second = yield* inherited()
      assert.strictEqual((yield* Effect.flip(first.end))._tag, "PaymentUnknown")
      assert.deepStrictEqual(yield* recover, ["held", "held"])
      assert.deepStrictEqual(yield* recover, ["held", "held"])
      yield* claim(first.preimage)
      yield* giveBack(second.paymentHash)
      assert.deepStrictEqual(yield* recover, ["settled", "failed"])
      assert.deepStrictEqual(yield* recover, [])
      assert.strictEqual(yield* taken, cost)
      assert.deepStrictEqual(yield* books, { ...nothing, spent: cost })
    }).pipe(Effect.provide(world()))
  )

  it.effect("once recovered, has its end learned in the background", () =>
    Effect.gen(function* () {
      const first = yield* inherited()
      const second = yield* inherited()
      yield* recover
      yield* claim(first.preimage)
      yield* giveBack(second.paymentHash)
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* first.record)?.state, "settled")
      assert.strictEqual((yield* second.record)?.state, "failed")
      assert.deepStrictEqual(yield* books, { ...nothing, spent: cost })
    }).pipe(Effect.provide(world()))
  )

  it.effect("may be released by its heir", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      const { paymentHash, preimage } = yield* inherited()
      assert.isTrue(yield* treasury.release(paymentHash, preimage))
      assert.deepStrictEqual(yield* recover, ["held"])
      assert.strictEqual((yield* books).released, hold)
      yield* claim(preimage)
      assert.deepStrictEqual(yield* recover, ["settled"])
      assert.deepStrictEqual(yield* books, { ...nothing, spent: cost })
    }).pipe(Effect.provide(world()))
  )

  it.effect("waits for the wallet that made it, where another is used now", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      const { record } = yield* inherited()
      const wallet = yield* Wallet.Wallet
      const elsewhere = yield* Effect.provideService(another, Wallet.Wallet, {
        ...wallet,
        id: Wallet.WalletId.make("another"),
        lookupOutgoing: () => Effect.succeedNone
      })
      yield* TestClock.adjust("10 days")
      assert.deepStrictEqual(statesOf(yield* elsewhere.recover), ["held"])
      assert.strictEqual((yield* record)?.state, "held")
      assert.deepStrictEqual(statesOf(yield* treasury.recover), ["failed"])
    }).pipe(Effect.provide(patientWorld))
  )
})

describe("a lock of which the wallet did not tell in time", () => {
  for (const fault of ["PayThenBreak", "PayThenSilence", "PayThenFail"] as const) {
    it.effect(`is found by a look-up (${fault})`, () =>
      Effect.gen(function* () {
        const treasury = yield* Treasury.Treasury
        yield* inject({ _tag: fault, reason: "no_route" })
        const { preimage, record, wish } = yield* wishing()
        const locking = yield* Effect.forkChild(treasury.lock(wish), { startImmediately: true })
        yield* TestClock.adjust("1 minute")
        const lock = yield* Fiber.join(locking)
        assert.strictEqual((yield* record)?.state, "held")
        yield* claim(preimage)
        yield* TestClock.adjust("1 minute")
        assert.strictEqual((yield* lock.end).preimage, preimage)
        assert.deepStrictEqual(yield* books, { ...nothing, spent: cost })
      }).pipe(Effect.provide(world()))
    )
  }

  it.effect("is unknown until a look-up finds it, and held from then on", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      yield* inject({ _tag: "PaySlowly", delay: "90 seconds" })
      const { record, wish } = yield* wishing()
      const locking = yield* Effect.forkChild(treasury.lock(wish), { startImmediately: true })
      const slow = yield* Effect.forkChild(
        Effect.delay(
          Effect.flatMap(Payer.Payer, (payer) =>
            payer.lock({ invoice: wish.invoice, maxFee: sats(10), expiresAt: 600 })
          ),
          "90 seconds"
        )
      )
      yield* TestClock.adjust("80 seconds")
      assert.strictEqual((yield* Effect.flip(Fiber.join(locking)))._tag, "PaymentUnknown")
      assert.deepStrictEqual(yield* recover, ["unknown"])
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(slow)
      assert.deepStrictEqual(yield* recover, ["held"])
      assert.strictEqual((yield* record)?.state, "held")
    }).pipe(Effect.provide(world()))
  )

  it.effect("stays unknown until nobody could take its money any more", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      yield* inject({ _tag: "BreakBeforePaying" })
      const { record, wish } = yield* wishing()
      const locking = yield* Effect.forkChild(treasury.lock(wish), { startImmediately: true })
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual((yield* Effect.flip(Fiber.join(locking)))._tag, "PaymentUnknown")
      const { lockEndsAt = 0 } = (yield* record) ?? {}
      assert.isAtLeast(lockEndsAt, wish.invoice.expiresAt + 144 * 600)
      yield* TestClock.setTime((lockEndsAt + 120) * 1000)
      assert.deepStrictEqual(yield* recover, ["unknown"])
      yield* TestClock.setTime((lockEndsAt + 121) * 1000)
      assert.deepStrictEqual(yield* recover, ["failed"])
      assert.deepStrictEqual(yield* books, nothing)
    }).pipe(Effect.provide(patientWorld))
  )

  it.effect("whose caller went away is found by recovery", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      yield* inject({ _tag: "PayThenSilence" })
      const { record, wish } = yield* wishing()
      const locking = yield* Effect.forkChild(treasury.lock(wish), { startImmediately: true })
      yield* Effect.repeat(Effect.andThen(Effect.yieldNow, taken), { until: (it) => it > 0 })
      yield* Fiber.interrupt(locking)
      assert.strictEqual((yield* record)?.state, "submitted")
      assert.strictEqual((yield* record)?.leaseUntil, 0)
      assert.deepStrictEqual(yield* recover, ["held"])
    }).pipe(Effect.provide(world()))
  )
})

describe("processes that share a lock", () => {
  it.effect("may all look it up, and each learns its end", () =>
    Effect.gen(function* () {
      const other = yield* another
      const { lock, preimage } = yield* locked()
      assert.deepStrictEqual(statesOf(yield* other.recover), ["held"])
      yield* claim(preimage)
      yield* other.recover
      assert.strictEqual((yield* lock.end).preimage, preimage)
      assert.deepStrictEqual(yield* books, { ...nothing, spent: cost })
    }).pipe(Effect.provide(world()))
  )

  it.effect("book its end whoever hears of it, also after another took it over", () =>
    Effect.gen(function* () {
      const maker = yield* ledgerOf("maker")
      const heir = yield* ledgerOf("heir")
      const lock = yield* maker.reserve(order("lock", { isLock: true }), rules())
      yield* TestClock.adjust("31 seconds")
      const taken = Option.getOrThrow(yield* heir.takeOver(lock.paymentHash))
      assert.strictEqual((yield* maker.fail(lock, "late")).state, "submitted")
      yield* maker.hold(lock.paymentHash, "")
      assert.strictEqual((yield* heir.leaveUnknown(taken, "late")).state, "held")
      assert.isTrue(Option.isNone(yield* heir.takeOver(lock.paymentHash)))
      assert.strictEqual((yield* maker.fail(lock, "it is back")).state, "failed")
      assert.strictEqual((yield* maker.hold(lock.paymentHash, "late")).state, "failed")
    }).pipe(Effect.provide(migrated))
  )

  it.effect("leave it to its owner while the wallet is asked for it", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      const other = yield* another
      yield* inject({ _tag: "PaySlowly", delay: "50 seconds" })
      const { record, wish } = yield* wishing()
      const locking = yield* Effect.forkChild(treasury.lock(wish), { startImmediately: true })
      yield* TestClock.adjust("45 seconds")
      assert.deepStrictEqual(yield* other.recover, [])
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(locking)
      assert.strictEqual((yield* record)?.state, "held")
    }).pipe(Effect.provide(world()))
  )
})

/** A wallet that is the bank's, but for what it says. */
const worldWith = (
  lie: (honest: { wallet: Wallet.Shape; payer: Payer.Shape }) => {
    readonly wallet?: Partial<Wallet.Shape>
    readonly payer?: Partial<Payer.Shape>
  }
) =>
  Treasury.layer({ network: "regtest", limits: open }).pipe(
    Layer.provideMerge(
      Layer.effectContext(
        Effect.gen(function* () {
          const honest = { wallet: yield* Wallet.Wallet, payer: yield* Payer.Payer }
          const told = lie(honest)
          return Context.make(Wallet.Wallet, { ...honest.wallet, ...told.wallet }).pipe(
            Context.add(Payer.Payer, { ...honest.payer, ...told.payer })
          )
        })
      )
    ),
    Layer.provideMerge(patientWallet),
    Layer.provideMerge(database)
  )

const failing = new Payer.PaymentFailed({ reason: "expired", message: "it is back" })

describe("a wallet that lies about a lock", () => {
  it.effect("says that the money is back while it is held: its own record contradicts it", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      const { lock, paymentHash, preimage, record } = yield* locked()
      yield* treasury.release(paymentHash, preimage)
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual((yield* record)?.state, "held")
      assert.strictEqual((yield* books).spent, hold)
      yield* claim(preimage)
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual((yield* lock.end).preimage, preimage)
      assert.deepStrictEqual(yield* books, { ...nothing, spent: cost })
    }).pipe(
      Effect.provide(
        worldWith(({ payer }) => ({
          payer: {
            lock: (request) => Effect.as(payer.lock(request), { end: Effect.fail(failing) })
          }
        }))
      )
    )
  )

  for (const [title, end] of [
    [
      "shows the preimage of another payment",
      Effect.succeed({ preimage: "00".repeat(32), fee: undefined })
    ],
    ["breaks down", Effect.die("a defect of the wallet")]
  ] as const) {
    it.effect(`${title} at its end: look-ups tell the truth`, () =>
      Effect.gen(function* () {
        const { lock, paymentHash } = yield* locked()
        yield* giveBack(paymentHash)
        yield* TestClock.adjust("1 minute")
        assert.strictEqual((yield* Effect.flip(lock.end))._tag, "PaymentFailed")
        assert.deepStrictEqual(yield* books, nothing)
      }).pipe(
        Effect.provide(
          worldWith(({ payer }) => ({
            payer: {
              lock: (request) => Effect.as(payer.lock(request), { end: end as Payer.Locked["end"] })
            }
          }))
        )
      )
    )
  }

  it.effect("does not know what it held: it stays held until nobody could take it", () =>
    Effect.gen(function* () {
      const { record } = yield* inherited()
      const { lockEndsAt = 0 } = (yield* record) ?? {}
      yield* TestClock.setTime((lockEndsAt + 120) * 1000)
      assert.deepStrictEqual(yield* recover, ["held"])
      yield* TestClock.setTime((lockEndsAt + 121) * 1000)
      yield* recover
      assert.strictEqual((yield* record)?.state, "failed")
    }).pipe(Effect.provide(forgetful))
  )

  it.effect("does not know what was released: it counts as spent for good", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      const { paymentHash, preimage, record } = yield* inherited()
      yield* treasury.release(paymentHash, preimage)
      const { lockEndsAt = 0 } = (yield* record) ?? {}
      yield* TestClock.setTime(lockEndsAt * 2_000)
      assert.deepStrictEqual(yield* recover, ["held"])
      const { held, released, spentEver } = yield* treasury.status
      assert.deepStrictEqual([spentEver, held, released], [hold, Msat.zero, hold])
    }).pipe(Effect.provide(forgetful))
  )

  it.effect("says that the released was taken, and proves nothing: we have the proof", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      const { paymentHash, preimage } = yield* inherited()
      yield* treasury.release(paymentHash, preimage)
      yield* claim(preimage)
      assert.deepStrictEqual(yield* recover, ["settled"])
      assert.deepStrictEqual(yield* books, { ...nothing, spent: cost })
    }).pipe(
      Effect.provide(
        worldWith(({ wallet }) => ({
          wallet: {
            lookupOutgoing: (hash) =>
              Effect.map(
                wallet.lookupOutgoing(hash),
                Option.map((it) => ({ ...it, preimage: Option.none() }))
              )
          }
        }))
      )
    )
  )

  it.effect("takes a fee above the cap: booked as it is, and spending freezes", () =>
    Effect.gen(function* () {
      yield* inject({ _tag: "Overcharge", by: sats(50) })
      const { lock, preimage } = yield* locked()
      yield* claim(preimage)
      assert.strictEqual((yield* lock.end).fee, sats(52))
      const { frozen, held, spent } = yield* books
      assert.deepStrictEqual(
        { frozen, held, spent },
        { frozen: true, held: Msat.zero, spent: sats(152) }
      )
    }).pipe(Effect.provide(world()))
  )

  it.effect("says that a lock is back, and tells later that it was taken: booked, and frozen", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      const { lock, paymentHash, preimage } = yield* locked()
      yield* treasury.release(paymentHash, preimage)
      assert.strictEqual((yield* Effect.flip(lock.end))._tag, "PaymentFailed")
      assert.strictEqual((yield* treasury.status).spentEver, Msat.zero)
      yield* claim(preimage)
      yield* TestClock.adjust("30 hours")
      assert.deepStrictEqual(yield* recover, ["settled"])
      assert.deepStrictEqual(yield* books, { ...nothing, spent: cost, frozen: true })
    }).pipe(
      Effect.provide(
        worldWith(({ payer, wallet }) => ({
          payer: {
            lock: (request) =>
              Effect.as(payer.lock(request), {
                end: Effect.delay(Effect.fail(failing), 0)
              })
          },
          wallet: {
            lookupOutgoing: (hash) =>
              Effect.map(
                wallet.lookupOutgoing(hash),
                Option.filter(({ state }) => state === "settled")
              )
          }
        }))
      )
    )
  )
})

/** Knows of no payment. */
const forgetful = worldWith(() => ({ wallet: { lookupOutgoing: () => Effect.succeedNone } }))

describe("a purchase whose lock is unknown", () => {
  it.effect("pays no second invoice", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      yield* inject({ _tag: "BreakBeforePaying" })
      const { wish } = yield* wishing()
      const locking = yield* Effect.forkChild(treasury.lock(wish), { startImmediately: true })
      yield* TestClock.adjust("2 minutes")
      yield* Effect.flip(Fiber.join(locking))
      const again = yield* spend(sats(10), { purchase: wish.purchase })
      assert.strictEqual((yield* Effect.flip(treasury.pay(again)))._tag, "PaymentRefused")
      const second = yield* wishing({ purchase: wish.purchase })
      assert.strictEqual((yield* Effect.flip(treasury.lock(second.wish)))._tag, "PaymentRefused")
    }).pipe(Effect.provide(world()))
  )
})
