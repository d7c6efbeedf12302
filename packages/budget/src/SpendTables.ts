/**
 * The tables of the spend ledger. The database itself keeps what must never be broken: a payment
 * hash is used once, entries are written once, and no total falls below zero.
 */
import { Sqlite } from "@farthing/sqlite"

const ledger = [
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

  ...Sqlite.appendOnly("treasury_entry", "entries")
]

/**
 * Outcomes gain `refunded`, spends the wallet that makes them, and entries whatever was decided
 * before there was a spend. SQLite changes no constraint of a table: each is made anew. Entries
 * come first, because they refer to spends until then.
 */
const trail = [
  `CREATE TABLE treasury_entry_2 (
     budget TEXT NOT NULL REFERENCES treasury_budget (id),
     seq INTEGER NOT NULL,
     at INTEGER NOT NULL,
     purchase TEXT,
     payment_hash TEXT,
     what TEXT NOT NULL,
     spent INTEGER NOT NULL,
     held INTEGER NOT NULL,
     delivered INTEGER NOT NULL,
     note TEXT NOT NULL,
     refusal TEXT,
     PRIMARY KEY (budget, seq)
   ) STRICT, WITHOUT ROWID`,

  `INSERT INTO treasury_entry_2
     (budget, seq, at, purchase, payment_hash, what, spent, held, delivered, note)
   SELECT entry.budget, seq, at, purchase, entry.payment_hash, what, spent, held, delivered,
     entry.note
   FROM treasury_entry entry
   LEFT JOIN treasury_spend spend ON spend.payment_hash = entry.payment_hash`,

  `DROP TABLE treasury_entry`,

  `ALTER TABLE treasury_entry_2 RENAME TO treasury_entry`,

  `CREATE INDEX treasury_entry_purchase ON treasury_entry (budget, purchase)
     WHERE purchase IS NOT NULL`,

  ...Sqlite.appendOnly("treasury_entry", "entries"),

  `CREATE TABLE treasury_spend_2 (
     payment_hash TEXT PRIMARY KEY,
     budget TEXT NOT NULL REFERENCES treasury_budget (id),
     purchase TEXT NOT NULL,
     tick TEXT NOT NULL,
     payee TEXT NOT NULL,
     bolt11 TEXT NOT NULL,
     wallet TEXT,
     state TEXT NOT NULL
       CHECK (state IN ('intended', 'submitted', 'held', 'settled', 'failed', 'unknown')),
     amount INTEGER NOT NULL CHECK (amount >= 0),
     allowed_fee INTEGER NOT NULL CHECK (allowed_fee >= 0),
     fee INTEGER CHECK (fee >= 0),
     preimage TEXT CHECK (preimage IS NOT NULL OR state <> 'settled'),
     outcome TEXT CHECK (outcome IN ('delivered', 'lost', 'refunded')),
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

  `INSERT INTO treasury_spend_2
     (rowid, payment_hash, budget, purchase, tick, payee, bolt11, state, amount, allowed_fee, fee,
      preimage, outcome, day, unproven, reserved_at, invoice_expires_at, pay_expires_at, note,
      lease_owner, lease_until, fence)
   SELECT rowid, payment_hash, budget, purchase, tick, payee, bolt11, state, amount, allowed_fee,
     fee, preimage, outcome, day, unproven, reserved_at, invoice_expires_at, pay_expires_at, note,
     lease_owner, lease_until, fence
   FROM treasury_spend`,

  `DROP TABLE treasury_spend`,

  `ALTER TABLE treasury_spend_2 RENAME TO treasury_spend`,

  `CREATE INDEX treasury_spend_purchase ON treasury_spend (budget, purchase)`,

  `CREATE INDEX treasury_spend_open ON treasury_spend (budget, state)
     WHERE state NOT IN ('settled', 'failed')`,

  `CREATE INDEX treasury_spend_fee ON treasury_spend (budget, reserved_at)
     WHERE state = 'settled' AND fee IS NULL`,

  `CREATE INDEX treasury_spend_doubt ON treasury_spend (budget, reserved_at)
     WHERE state = 'failed' AND pay_expires_at IS NOT NULL`
]

/** Whether the invoice is the only one there will be. */
const irreplaceable = [
  `ALTER TABLE treasury_spend ADD COLUMN irreplaceable INTEGER NOT NULL DEFAULT 0
     CHECK (irreplaceable IN (0, 1))`
]

/** Locks: until when somebody may take their money. NULL is a payment. */
const locks = [
  `ALTER TABLE treasury_spend ADD COLUMN lock_ends_at INTEGER`,

  `CREATE INDEX treasury_spend_lock ON treasury_spend (budget, lock_ends_at)
     WHERE lock_ends_at IS NOT NULL`
]

export const migrations = {
  "1_ledger": Sqlite.run(ledger),
  "2_trail": Sqlite.run(trail),
  "3_irreplaceable": Sqlite.run(irreplaceable),
  "4_locks": Sqlite.run(locks)
} as const

export const migrate = Sqlite.migrate("treasury_migrations", migrations)
