import { assert, describe, it } from "@effect/vitest"
import { Bank, LedgerWallet, Wallet } from "@farthing/wallet"
import { Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { SqlClient } from "effect/sql"
import * as Treasury from "../src/Treasury.ts"
import * as TreasuryLive from "../src/TreasuryLive.ts"
import { invoice, open, sats, spend, world } from "./Fixture.ts"
import { inject, pay, underWay } from "./Payments.ts"

/** The same ledger, with the wallet of another account configured. */
const reconfigured = Effect.gen(function* () {
  const context = yield* Layer.build(LedgerWallet.layer({ account: "another" }))
  return yield* TreasuryLive.make({ network: "regtest", limits: open }).pipe(
    Effect.provide(context)
  )
})

const unknown = Effect.gen(function* () {
  yield* inject({ _tag: "BreakBeforePaying" })
  const begun = yield* underWay
  yield* TestClock.adjust("2 minutes")
  yield* Effect.flip(Fiber.join(begun.payment))
  return begun
})

describe("another wallet", () => {
  it.effect("concludes nothing from not knowing a payment that it never made", () =>
    Effect.gen(function* () {
      const { id } = yield* Wallet.Wallet
      const other = yield* reconfigured
      const { record, wish } = yield* unknown
      yield* TestClock.setTime((wish.invoice.expiresAt + 121) * 1000)
      const [taken] = yield* other.recover
      assert.strictEqual(taken?.state, "unknown")
      assert.include(taken?.note, id)
      assert.strictEqual((yield* other.status).unknown, sats(110))

      yield* (yield* Treasury.Treasury).recover
      assert.strictEqual((yield* record)?.state, "failed")
    }).pipe(Effect.provide(world()))
  )

  it.effect("still releases what was never given to any wallet", () =>
    Effect.gen(function* () {
      const other = yield* reconfigured
      const sql = yield* SqlClient.SqlClient
      yield* inject({ _tag: "SilenceBeforePaying" })
      const { payment, record } = yield* underWay
      yield* Fiber.interrupt(payment)
      yield* sql`UPDATE treasury_spend SET state = 'intended'`
      yield* other.recover
      assert.strictEqual((yield* record)?.state, "failed")
    }).pipe(Effect.provide(world()))
  )

  it.effect("is not asked about the payments of this one in an audit, which says how many", () =>
    Effect.gen(function* () {
      yield* pay(sats(10))
      const report = yield* (yield* reconfigured).audit
      assert.strictEqual(report.otherWallets, 1)
      assert.strictEqual(report.unexplained, 0)
      assert.deepStrictEqual(report.findings, [])
    }).pipe(Effect.provide(world()))
  )

  it.effect("is asked in an audit only for what it did since it is used here", () =>
    Effect.gen(function* () {
      yield* pay(sats(10))
      yield* TestClock.adjust("1 hour")
      const another = yield* Layer.build(LedgerWallet.layer({ account: "another" }))
      const bank = yield* Bank.Bank
      yield* bank.deposit("another", sats(1000))
      const before = yield* invoice(sats(5))
      yield* bank.pay("another", { invoice: before, maxFee: sats(9), expiresAt: before.expiresAt })
      yield* TestClock.adjust("1 hour")
      const treasury = yield* TreasuryLive.make({ network: "regtest", limits: open }).pipe(
        Effect.provide(another)
      )
      assert.deepStrictEqual((yield* treasury.audit).findings, [])
      yield* treasury.pay(yield* spend(sats(20)))
      const report = yield* treasury.audit
      assert.deepStrictEqual(report.findings, [])
      assert.strictEqual(report.otherWallets, 1)
    }).pipe(Effect.provide(world()))
  )

  it.effect("does not fail a payment of which the ledger does not say who made it", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      const sql = yield* SqlClient.SqlClient
      const { record, wish } = yield* unknown
      yield* sql`UPDATE treasury_spend SET wallet = NULL`
      yield* TestClock.setTime((wish.invoice.expiresAt + 121) * 1000)
      yield* treasury.recover
      assert.strictEqual((yield* record)?.state, "unknown")
    }).pipe(Effect.provide(world()))
  )
})
