import { assert, describe, it } from "@effect/vitest"
import { Bolt11, Msat } from "@farthing/protocol"
import { Bank, Payer, Wallet } from "@farthing/wallet"
import { Context, Effect, Fiber, Layer, Option } from "effect"
import { TestClock } from "effect/testing"
import * as Treasury from "../src/Treasury.ts"
import { database, fee, funds, open, sats, wallet, world } from "./Fixture.ts"
import { inject, limitOf, pay, refusal, underWay } from "./Payments.ts"

const cost = Msat.add(sats(100), fee)

/** What has left the wallet, as the bank's own book says, whatever the wallet tells. */
const taken = Effect.gen(function* () {
  const bank = yield* Bank.Bank
  return Msat.make(funds - ((yield* bank.audit).balances.get("agent") ?? 0))
})

/** What the ledger says in the end. */
const books = Effect.gen(function* () {
  const treasury = yield* Treasury.Treasury
  const { frozen, held, spentEver } = yield* treasury.status
  const { findings, unexplained } = yield* treasury.audit
  return {
    spent: spentEver,
    held,
    frozen: frozen !== undefined,
    findings: findings.map(({ kind }) => kind),
    unexplained
  }
})

const clean = { held: Msat.zero, frozen: false, findings: [], unexplained: Msat.zero }

/** A world whose wallet is not quite the one of the bank. */
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
    Layer.provideMerge(wallet),
    Layer.provideMerge(database)
  )

/** The wallet's own list, changed. */
const listing = (change: (outgoing: Wallet.Outgoing) => ReadonlyArray<Wallet.Outgoing>) =>
  worldWith(({ wallet }) => ({
    wallet: {
      transactions: (range) =>
        Effect.map(wallet.transactions(range), (listed) => ({
          ...listed,
          outgoing: listed.outgoing.flatMap(change)
        }))
    }
  }))

describe("a wallet that does not answer", () => {
  for (const [title, fault, left] of [
    [
      "is silent and pays nothing: its hold ends when it can pay no more",
      "SilenceBeforePaying",
      Msat.zero
    ],
    ["drops the connection and pays nothing: its hold ends alike", "BreakBeforePaying", Msat.zero],
    ["is silent and has paid: a look-up finds it, and it is booked", "PayThenSilence", cost],
    ["drops the connection and has paid: a look-up finds it, too", "PayThenBreak", cost]
  ] as const) {
    it.effect(title, () =>
      Effect.gen(function* () {
        const treasury = yield* Treasury.Treasury
        yield* inject({ _tag: fault })
        const { payment, wish } = yield* underWay
        yield* TestClock.adjust("2 minutes")
        yield* Effect.exit(Fiber.join(payment))
        yield* TestClock.setTime((wish.invoice.expiresAt + 121) * 1000)
        yield* treasury.recover
        assert.strictEqual(yield* taken, left)
        assert.deepStrictEqual(yield* books, { ...clean, spent: left })
      }).pipe(Effect.provide(world()))
    )
  }
})

describe("a wallet that lies about a payment", () => {
  it.effect("says that it failed and has paid: its own record proves it, and it is booked", () =>
    Effect.gen(function* () {
      yield* inject({ _tag: "PayThenFail", reason: "no_route" })
      const settled = yield* pay(sats(100))
      assert.strictEqual(Bolt11.hashOf(settled.preimage), settled.paymentHash)
      assert.strictEqual(yield* taken, cost)
      assert.deepStrictEqual(yield* books, { ...clean, spent: cost })
    }).pipe(Effect.provide(world()))
  )

  it.effect("says that it failed while it is at it: the end is unknown, and the hold stays", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* refusal(sats(100)))._tag, "PaymentUnknown")
      const { held } = yield* books
      assert.strictEqual(held, sats(110))
    }).pipe(
      Effect.provide(
        worldWith(({ payer, wallet }) => ({
          payer: {
            pay: (request) =>
              Effect.andThen(
                payer.pay(request),
                new Payer.PaymentFailed({ reason: "no_route", message: "no" })
              )
          },
          wallet: {
            lookupOutgoing: (hash) =>
              Effect.map(
                wallet.lookupOutgoing(hash),
                Option.map((it) => ({ ...it, state: "pending" as const, preimage: Option.none() }))
              )
          }
        }))
      )
    )
  )

  it.effect("says that it failed, hides that it paid, and tells later: booked, and frozen", () => {
    let hides = true
    return Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      assert.strictEqual((yield* refusal(sats(100)))._tag, "PaymentFailed")
      assert.deepStrictEqual(yield* books, {
        ...clean,
        spent: Msat.zero,
        findings: ["wallet_differs"],
        unexplained: cost
      })
      hides = false
      const [late] = yield* treasury.recover
      assert.strictEqual(late?.state, "settled")
      assert.deepStrictEqual(yield* books, { ...clean, spent: cost, frozen: true })
      assert.strictEqual(yield* limitOf(sats(1)), "frozen")
      assert.deepStrictEqual(yield* treasury.recover, [])
    }).pipe(
      Effect.provide(
        worldWith(({ payer, wallet }) => ({
          payer: {
            pay: (request) =>
              Effect.andThen(
                payer.pay(request),
                new Payer.PaymentFailed({ reason: "no_route", message: "no" })
              )
          },
          wallet: {
            lookupOutgoing: (hash) =>
              Effect.suspend(() => (hides ? Effect.succeedNone : wallet.lookupOutgoing(hash)))
          }
        }))
      )
    )
  })

  it.effect("shows a wrong preimage: nothing is proven until a look-up has the right one", () =>
    Effect.gen(function* () {
      yield* inject({ _tag: "WrongPreimage" })
      const settled = yield* pay(sats(100))
      assert.strictEqual(Bolt11.hashOf(settled.preimage), settled.paymentHash)
      assert.strictEqual(yield* taken, cost)
      assert.deepStrictEqual(yield* books, { ...clean, spent: cost })
    }).pipe(Effect.provide(world()))
  )

  it.effect("says that it paid twice: the audit counts what it says it took", () =>
    Effect.gen(function* () {
      yield* pay(sats(100))
      assert.deepStrictEqual(yield* books, {
        ...clean,
        spent: cost,
        findings: ["paid_twice"],
        unexplained: cost
      })
    }).pipe(Effect.provide(listing((payment) => [payment, payment])))
  )

  it.effect("hides a payment from its list: the audit misses it", () =>
    Effect.gen(function* () {
      yield* pay(sats(100))
      assert.deepStrictEqual(yield* books, {
        ...clean,
        spent: cost,
        findings: ["wallet_differs"],
        unexplained: cost
      })
    }).pipe(Effect.provide(listing(() => [])))
  )
})

describe("a wallet that lies about money", () => {
  it.effect("takes a fee above the cap: booked as it is, and spending freezes", () =>
    Effect.gen(function* () {
      yield* inject({ _tag: "Overcharge", by: sats(50) })
      const settled = yield* pay(sats(100))
      const { frozen, held, spent } = yield* books
      assert.deepStrictEqual(
        { fee: settled.fee, frozen, held, spent },
        { fee: sats(52), frozen: true, held: Msat.zero, spent: sats(152) }
      )
      assert.strictEqual(yield* taken, sats(152))
      assert.strictEqual(yield* limitOf(sats(1)), "frozen")
    }).pipe(Effect.provide(world()))
  )

  it.effect("claims a fee larger than all money: not believed, and spending freezes", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      const settled = yield* pay(sats(100))
      assert.strictEqual(settled.fee, sats(10))
      const { frozen, spent } = yield* books
      assert.deepStrictEqual({ frozen, spent }, { frozen: true, spent: sats(110) })
      yield* treasury.unfreeze
      yield* pay(sats(100))
      assert.strictEqual((yield* treasury.status).spentEver, sats(220))
    }).pipe(
      Effect.provide(
        worldWith(({ payer }) => ({
          payer: {
            pay: (request) =>
              Effect.map(payer.pay(request), (paid) => ({ ...paid, fee: Msat.most }))
          }
        }))
      )
    )
  )

  it.effect("claims more money than it has: it fails to pay, and no limit gives way", () =>
    Effect.gen(function* () {
      yield* inject({ _tag: "BalanceLies", balance: Msat.most })
      const error = yield* refusal(Msat.add(funds, sats(1)))
      assert.strictEqual(error._tag === "PaymentFailed" && error.reason, "insufficient_balance")
      yield* inject({ _tag: "BalanceLies", balance: Msat.most })
      assert.strictEqual(yield* limitOf(Msat.add(funds, funds)), "lifetime_limit_sats")
      assert.deepStrictEqual(yield* books, { ...clean, spent: Msat.zero })
    }).pipe(Effect.provide(world({ reserve: sats(1), lifetime: Msat.add(funds, sats(200)) })))
  )

  it.effect("claims less money than it has: nothing is paid that would touch the reserve", () =>
    Effect.gen(function* () {
      yield* inject({ _tag: "BalanceLies", balance: sats(50) })
      assert.strictEqual(yield* limitOf(sats(100)), "reserve_sats")
      assert.deepStrictEqual(yield* books, { ...clean, spent: Msat.zero })
    }).pipe(Effect.provide(world({ reserve: sats(1) })))
  )
})

describe("a wallet that executes a request after its time", () => {
  /** What the bank is asked to pay, although the time for it is over. */
  const late = Effect.gen(function* () {
    yield* inject({ _tag: "BreakBeforePaying" })
    const begun = yield* underWay
    yield* TestClock.adjust("2 minutes")
    assert.strictEqual((yield* Effect.flip(Fiber.join(begun.payment)))._tag, "PaymentUnknown")
    const executed = Effect.flatMap(Bank.Bank, (bank) =>
      bank.pay("agent", {
        invoice: begun.wish.invoice,
        maxFee: Msat.most,
        expiresAt: begun.wish.invoice.expiresAt
      })
    )
    return { ...begun, executed }
  })

  it.effect("is found by a look-up while its end is unknown: booked, and frozen", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      const { executed, record } = yield* late
      // The request was good for a minute, and clocks may differ by two.
      yield* TestClock.setTime(181_000)
      yield* executed
      yield* treasury.recover
      assert.strictEqual((yield* record)?.state, "settled")
      assert.deepStrictEqual(yield* books, { ...clean, spent: cost, frozen: true })
    }).pipe(Effect.provide(world()))
  )

  it.effect("is found by a look-up after it was believed to have failed: booked, and frozen", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      const { executed, record, wish } = yield* late
      // Our clock runs ahead, so the payment seems to be over.
      yield* TestClock.setTime((wish.invoice.expiresAt + 121) * 1000)
      yield* treasury.recover
      assert.strictEqual((yield* record)?.state, "failed")
      yield* TestClock.setTime(170_000)
      yield* executed
      yield* TestClock.setTime((wish.invoice.expiresAt + 300) * 1000)
      yield* treasury.recover
      assert.strictEqual((yield* record)?.state, "settled")
      assert.strictEqual(yield* taken, cost)
      assert.deepStrictEqual(yield* books, { ...clean, spent: cost, frozen: true })
    }).pipe(Effect.provide(world()))
  )
})
