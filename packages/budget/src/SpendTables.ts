/**
 * The tables of the spend ledger. The database itself keeps what must never be broken: a payment
 * hash is used once, entries are written once, and no total falls below zero.
 */
import { Sqlite } from "@farthing/sqlite"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

const tables = [
  `CREATE TABLE treasury_budget (
     id TEXT PRIMARY KEY,
     version INTEGER NOT NULL DEFAULT 0,
     day TEXT NOT NULL DEFAULT '',
     frozen TEXT
   ) STRICT, WITHOUT ROWID`,

  `CREATE TABLE treasury_spend (
     payment_hash TEXT PRIMARY KEY,
     budget TEXT NOT NULL REFERENCES treasury_budget (id),
     purchase TEXT NOT NULL,
     tick TEXT NOT NULL,
     payee TEXT NOT NULL,
     bolt11 TEXT NOT NULL,
     state TEXT NOT NULL
       CHECK (state IN ('intended', 'submitted', 'held', 'settled', 'failed', 'unknown')),
     amount INTEGER NOT NULL CHECK (amount >= 0),
     allowed_fee INTEGER NOT NULL CHECK (allowed_fee >= 0),
     fee INTEGER CHECK (fee >= 0),
     preimage TEXT CHECK (preimage IS NOT NULL OR state <> 'settled'),
     outcome TEXT CHECK (outcome IN ('delivered', 'lost')),
     day TEXT NOT NULL,
     unproven INTEGER NOT NULL CHECK (unproven IN (0, 1)),
     reserved_at INTEGER NOT NULL,
     invoice_expires_at INTEGER NOT NULL,
     pay_expires_at INTEGER,
     note TEXT NOT NULL,
     lease_owner TEXT NOT NULL,
     lease_until INTEGER NOT NULL,
     fence INTEGER NOT NULL
   ) STRICT`,

  `CREATE INDEX treasury_spend_purchase ON treasury_spend (budget, purchase)`,

  `CREATE INDEX treasury_spend_open ON treasury_spend (budget, state)
     WHERE state NOT IN ('settled', 'failed')`,

  `CREATE INDEX treasury_spend_fee ON treasury_spend (budget, reserved_at)
     WHERE state = 'settled' AND fee IS NULL`,

  `CREATE TABLE treasury_total (
     budget TEXT NOT NULL REFERENCES treasury_budget (id),
     name TEXT NOT NULL,
     spent INTEGER NOT NULL CHECK (spent >= 0),
     held INTEGER NOT NULL CHECK (held >= 0),
     delivered INTEGER NOT NULL CHECK (delivered >= 0),
     PRIMARY KEY (budget, name)
   ) STRICT, WITHOUT ROWID`,

  `CREATE TABLE treasury_entry (
     budget TEXT NOT NULL REFERENCES treasury_budget (id),
     seq INTEGER NOT NULL,
     at INTEGER NOT NULL,
     payment_hash TEXT REFERENCES treasury_spend (payment_hash),
     what TEXT NOT NULL,
     spent INTEGER NOT NULL,
     held INTEGER NOT NULL,
     delivered INTEGER NOT NULL,
     note TEXT NOT NULL,
     PRIMARY KEY (budget, seq)
   ) STRICT, WITHOUT ROWID`,

  `CREATE TRIGGER treasury_entry_stays BEFORE UPDATE ON treasury_entry BEGIN
     SELECT RAISE(ABORT, 'entries are never changed');
   END`,

  `CREATE TRIGGER treasury_entry_remains BEFORE DELETE ON treasury_entry BEGIN
     SELECT RAISE(ABORT, 'entries are never deleted');
   END`
]

export const migrate = Sqlite.migrate("treasury_migrations", {
  "1_ledger": Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    for (const table of tables) yield* sql.unsafe(table)
  })
})
