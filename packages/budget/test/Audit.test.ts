import { assert, describe, it } from "@effect/vitest"
import { Payer, Wallet } from "@farthing/wallet"
import { Effect, Fiber, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import type * as Audit from "../src/Audit.ts"
import * as Treasury from "../src/Treasury.ts"
import * as TreasuryLive from "../src/TreasuryLive.ts"
import { database, invoice, open, sats, spend, wallet, world } from "./Fixture.ts"

const kinds = (findings: ReadonlyArray<Audit.Finding>) => findings.map(({ kind }) => kind)

const pay = Effect.gen(function* () {
  const treasury = yield* Treasury.Treasury
  return yield* treasury.pay(yield* spend(sats(100)))
})

/** A world with a paid spend, after somebody wrote into the database. */
const after = (tamper: (sql: SqlClient.SqlClient) => Effect.Effect<unknown, unknown>) =>
  Effect.gen(function* () {
    yield* pay
    yield* tamper(yield* SqlClient.SqlClient)
    return kinds((yield* (yield* Treasury.Treasury).audit).findings)
  }).pipe(Effect.provide(world()))

/** A wallet that takes ten minutes to list what it did. */
const slow = Layer.effect(
  Wallet.Wallet,
  Effect.map(Wallet.Wallet, (wallet) => ({
    ...wallet,
    transactions: (range) => Effect.delay(wallet.transactions(range), "10 minutes")
  }))
)

const slowWorld = Treasury.layer({ network: "regtest", limits: open }).pipe(
  Layer.provide(slow),
  Layer.provideMerge(wallet),
  Layer.provideMerge(database)
)

describe("Treasury.audit", () => {
  it.effect("finds nothing in a ledger that is whole, even before the first spend", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      assert.deepStrictEqual((yield* treasury.audit).findings, [])
      yield* pay
      const report = yield* treasury.audit
      assert.deepStrictEqual(report, {
        spends: 1,
        entries: 2,
        spent: sats(101),
        held: sats(0),
        otherWallets: 0,
        unexplained: sats(0),
        findings: []
      })
    }).pipe(Effect.provide(world()))
  )

  it.effect("finds a total that was changed", () =>
    Effect.gen(function* () {
      const found = yield* after(
        (sql) => sql`UPDATE treasury_total SET spent = 0 WHERE name = 'lifetime'`
      )
      assert.deepStrictEqual(found, ["total_differs"])
    })
  )

  it.effect("finds a spend that was changed", () =>
    Effect.gen(function* () {
      const found = yield* after((sql) => sql`UPDATE treasury_spend SET fee = 0`)
      assert.deepStrictEqual(found, ["spend_differs", "wallet_differs"])
    })
  )

  it.effect("finds a state that no entry explains", () =>
    Effect.gen(function* () {
      const found = yield* after((sql) => sql`UPDATE treasury_spend SET state = 'failed'`)
      assert.deepStrictEqual(found, ["spend_differs", "entries_incomplete", "wallet_differs"])
    })
  )

  it.effect("entries cannot be changed or deleted", () =>
    Effect.gen(function* () {
      yield* pay
      const sql = yield* SqlClient.SqlClient
      const changed = yield* Effect.flip(sql`UPDATE treasury_entry SET spent = 0`)
      assert.include(changed.message, "entries are never changed")
      const deleted = yield* Effect.flip(sql`DELETE FROM treasury_entry`)
      assert.include(deleted.message, "entries are never deleted")
    }).pipe(Effect.provide(world()))
  )

  it.effect("finds what the wallet paid without the treasury", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      const payer = yield* Payer.Payer
      yield* pay
      const other = yield* invoice(sats(5))
      yield* payer.pay({ invoice: other, maxFee: sats(10), expiresAt: other.expiresAt })
      const { findings } = yield* treasury.audit
      assert.deepStrictEqual(kinds(findings), ["outside_treasury"])
      assert.strictEqual(findings[0]?.paymentHash, other.paymentHash)
    }).pipe(Effect.provide(world()))
  )

  it.effect("waits for a wallet that has a long history to list", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      yield* pay
      const audit = yield* Effect.forkChild(treasury.audit, { startImmediately: true })
      yield* TestClock.adjust("10 minutes")
      assert.deepStrictEqual((yield* Fiber.join(audit)).findings, [])
    }).pipe(Effect.provide(slowWorld))
  )

  it.effect("does not take the payments of another budget with the same wallet for strangers", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      const other = yield* TreasuryLive.make({
        network: "regtest",
        limits: open,
        budget: "refunds"
      })
      yield* pay
      yield* other.pay(yield* spend(sats(30)))
      for (const { audit } of [treasury, other]) {
        assert.deepStrictEqual((yield* audit).findings, [])
      }
      assert.strictEqual((yield* treasury.audit).spent, sats(101))
    }).pipe(Effect.provide(world()))
  )
})
