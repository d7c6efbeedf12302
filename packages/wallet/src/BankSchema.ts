/**
 * The tables of a bank's book. The database itself keeps what must never be broken: entries are
 * written once, balances follow from them, and no account but the mint falls below zero.
 */
import { Sqlite } from "@farthing/sqlite"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** Where deposits come from. */
export const mint = "mint"
/** Where fees go. */
export const fees = "fees"
/** Where the money of held payments waits. */
export const held = "held"

/** Accounts of the bank itself; no customer can open one of these names. */
export const houseAccounts: ReadonlyArray<string> = [mint, fees, held]

const tables = [
  `CREATE TABLE bank_book (
     id INTEGER PRIMARY KEY CHECK (id = 1),
     network TEXT NOT NULL,
     seed TEXT NOT NULL
   ) STRICT`,

  `CREATE TABLE bank_account (
     name TEXT PRIMARY KEY,
     balance INTEGER NOT NULL DEFAULT 0 CHECK (balance >= 0 OR name = '${mint}')
   ) STRICT, WITHOUT ROWID`,

  `CREATE TABLE bank_transfer (
     id INTEGER PRIMARY KEY,
     kind TEXT NOT NULL CHECK (kind IN ('deposit', 'payment', 'lock', 'settle', 'cancel')),
     payment_hash TEXT,
     created_at INTEGER NOT NULL
   ) STRICT`,

  `CREATE TABLE bank_entry (
     transfer INTEGER NOT NULL REFERENCES bank_transfer (id),
     account TEXT NOT NULL REFERENCES bank_account (name),
     amount INTEGER NOT NULL CHECK (amount <> 0),
     PRIMARY KEY (transfer, account)
   ) STRICT, WITHOUT ROWID`,

  `CREATE TRIGGER bank_entry_moves_balance AFTER INSERT ON bank_entry BEGIN
     UPDATE bank_account SET balance = balance + NEW.amount WHERE name = NEW.account;
   END`,

  ...Sqlite.appendOnly("bank_entry", "entries"),

  `CREATE TABLE bank_invoice (
     payment_hash TEXT PRIMARY KEY,
     account TEXT NOT NULL REFERENCES bank_account (name),
     bolt11 TEXT NOT NULL,
     amount INTEGER NOT NULL CHECK (amount > 0),
     hold INTEGER NOT NULL,
     preimage TEXT,
     state TEXT NOT NULL CHECK (state IN ('pending', 'held', 'settled', 'cancelled')),
     created_at INTEGER NOT NULL,
     expires_at INTEGER NOT NULL,
     held_until INTEGER,
     settled_at INTEGER
   ) STRICT`,

  `CREATE INDEX bank_invoice_by_account ON bank_invoice (account, created_at)`,

  `CREATE INDEX bank_invoice_held ON bank_invoice (held_until) WHERE state = 'held'`,

  `CREATE TABLE bank_payment (
     payment_hash TEXT PRIMARY KEY REFERENCES bank_invoice (payment_hash),
     account TEXT NOT NULL REFERENCES bank_account (name),
     amount INTEGER NOT NULL CHECK (amount > 0),
     fee INTEGER NOT NULL CHECK (fee >= 0),
     state TEXT NOT NULL CHECK (state IN ('pending', 'settled', 'failed')),
     created_at INTEGER NOT NULL,
     settled_at INTEGER
   ) STRICT`,

  `CREATE INDEX bank_payment_by_account ON bank_payment (account, created_at)`,

  `CREATE TABLE bank_change (
     seq INTEGER PRIMARY KEY AUTOINCREMENT,
     account TEXT NOT NULL,
     direction TEXT NOT NULL CHECK (direction IN ('incoming', 'outgoing')),
     payment_hash TEXT NOT NULL,
     state TEXT NOT NULL
   ) STRICT`
]

export const migrate = Sqlite.migrate("bank_migrations", {
  "1_book": Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    yield* Sqlite.run(tables)
    yield* sql`INSERT INTO bank_account ${sql.insert([{ name: mint }, { name: fees }, { name: held }])}`
  })
})
