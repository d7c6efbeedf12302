import { assert, describe, it } from "@effect/vitest"
import { Sqlite } from "@farthing/sqlite"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import * as Audit from "../src/Audit.ts"
import { PurchaseId } from "../src/Spend.ts"
import { migrate, migrations } from "../src/SpendTables.ts"
import { database, sats } from "./Fixture.ts"
import { ledgerOf, order, proofOf, rules, walletId } from "./Orders.ts"

/** A ledger as the first version left it: one payment that was delivered, and one under way. */
const old = Effect.gen(function* () {
  yield* Sqlite.migrate("treasury_migrations", { "1_ledger": migrations["1_ledger"] })
  const sql = yield* SqlClient.SqlClient
  const { paymentHash: paid } = order("paid").request
  const { paymentHash: open } = order("open").request
  const { payee } = order("paid")
  const totals = ["lifetime", "day:1970-01-01", "tick:tick", `provider:${payee}`]
  const providerDay = `provider:${payee}:1970-01-01`
  yield* sql`INSERT INTO treasury_budget (id, day) VALUES ('regtest/main', '1970-01-01')`
  for (const [hash, name, state] of [
    [paid, "paid", "settled"],
    [open, "open", "submitted"]
  ] as const) {
    yield* sql`INSERT INTO treasury_spend VALUES (${hash}, 'regtest/main', ${name}, 'tick', ${payee},
      'lnbcrt', ${state}, 100000, 10000, ${state === "settled" ? 1000 : null},
      ${state === "settled" ? proofOf(name, undefined).preimage : null},
      ${state === "settled" ? "delivered" : null}, '1970-01-01', 0, 0, 600, 60, '', 'dead', 0, 1)`
  }
  for (const name of [...totals, providerDay]) {
    yield* sql`INSERT INTO treasury_total VALUES ('regtest/main', ${name}, 101000, 110000, 101000)`
  }
  for (const [seq, hash, what, spent, held, delivered] of [
    [1, paid, "intended", 0, 110_000, 0],
    [2, open, "intended", 0, 110_000, 0],
    [3, open, "submitted", 0, 0, 0],
    [4, paid, "settled", 101_000, -110_000, 0],
    [5, paid, "delivered", 0, 0, 101_000],
    [6, null, "frozen", 0, 0, 0]
  ] as const) {
    yield* sql`INSERT INTO treasury_entry
      VALUES ('regtest/main', ${seq}, 0, ${hash}, ${what}, ${spent}, ${held}, ${delivered}, 'n')`
  }
})

describe("a ledger of the first version", () => {
  it.effect("is taken over whole", () =>
    Effect.gen(function* () {
      yield* old
      yield* migrate
      const ledger = yield* ledgerOf("owner")
      const books = yield* ledger.everything
      assert.deepStrictEqual(Audit.ofBooks(books, walletId).findings, [])
      assert.deepStrictEqual(
        books.spends.map(({ isLock, purchase, state, wallet }) => ({
          purchase,
          state,
          wallet,
          isLock
        })),
        [
          { purchase: PurchaseId.make("paid"), state: "settled", wallet: undefined, isLock: false },
          {
            purchase: PurchaseId.make("open"),
            state: "submitted",
            wallet: undefined,
            isLock: false
          }
        ]
      )
      assert.deepStrictEqual(
        books.entries.map(({ what }) => what),
        ["intended", "intended", "submitted", "settled", "delivered", "frozen"]
      )
    }).pipe(Effect.provide(database))
  )

  it.effect("goes on: what was under way settles, and may be refunded", () =>
    Effect.gen(function* () {
      yield* old
      yield* migrate
      const ledger = yield* ledgerOf("owner")
      const { paymentHash } = order("open").request
      yield* ledger.settle(paymentHash, proofOf("open", sats(1)))
      yield* ledger.conclude(paymentHash, "refunded")
      yield* ledger.reserve(order("next"), rules())
      yield* ledger.reserve(order("lock", { isLock: true }), rules())
      const books = yield* ledger.everything
      assert.strictEqual(books.spends[1]?.outcome, "refunded")
      assert.deepStrictEqual(
        books.spends.map(({ isLock }) => isLock),
        [false, false, false, true]
      )
      assert.deepStrictEqual(Audit.ofBooks(books, walletId).findings, [])
    }).pipe(Effect.provide(database))
  )

  it.effect("keeps its entries from being changed or deleted", () =>
    Effect.gen(function* () {
      yield* old
      yield* migrate
      const sql = yield* SqlClient.SqlClient
      yield* Effect.flip(sql`UPDATE treasury_entry SET spent = 0`)
      yield* Effect.flip(sql`DELETE FROM treasury_entry`)
      const twice = sql`INSERT INTO treasury_spend SELECT * FROM treasury_spend`
      assert.strictEqual((yield* Effect.flip(twice)).reason._tag, "UniqueViolation")
    }).pipe(Effect.provide(database))
  )
})
