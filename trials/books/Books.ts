/**
 * All the books there are when a trial is over, read from the files themselves and not through
 * the services that keep them: what the bank did, and what everybody believes to have done.
 */
import { Sqlite } from "@farthing/sqlite"
import * as BankAudit from "@farthing/wallet/BankAudit"
import { Effect } from "effect"
import { Reactivity } from "effect/reactivity"
import { SqlClient } from "effect/sql"
import { existsSync } from "node:fs"

/** A payment as the bank made it; amounts are in msat everywhere. */
export interface Payment {
  readonly payment_hash: string
  readonly account: string
  readonly amount: number
  readonly fee: number
  readonly state: "pending" | "settled" | "failed"
}

/** An invoice as the bank issued it to an account. */
export interface Invoice {
  readonly payment_hash: string
  readonly account: string
  readonly amount: number
  readonly state: "pending" | "held" | "settled" | "cancelled"
}

export interface Bank {
  readonly payments: ReadonlyArray<Payment>
  readonly invoices: ReadonlyArray<Invoice>
  readonly balances: ReadonlyMap<string, number>
  /** What the bank's own audit finds wrong, and whether all money adds up to nothing. */
  readonly findings: ReadonlyArray<string>
}

/** A spend in somebody's ledger. */
export interface Spend {
  readonly payment_hash: string
  readonly budget: string
  readonly purchase: string
  readonly state: string
  readonly amount: number
  readonly allowed_fee: number
  readonly fee: number | null
  readonly outcome: string | null
}

/** What a ledger's lifetime total says, and what its entries add up to. */
export interface Sum {
  readonly budget: string
  readonly spent: number
  readonly held: number
}

/** A job in a customer's journal. */
export interface Job {
  readonly request_id: string
  readonly purchase: string
  readonly state: string
  readonly amount: number | null
  readonly payment_hash: string | null
  readonly text: string | null
  readonly sha256: string | null
  readonly note: string
}

/** A job in a provider's book. */
export interface Sale {
  readonly request_id: string
  readonly state: string
  readonly amount: number | null
  readonly payment_hash: string | null
  readonly note: string
}

/** Somebody's books; who only buys has no sales, and who only sells has no jobs. */
export interface Person {
  /** The name of the account. */
  readonly name: string
  readonly spends: ReadonlyArray<Spend>
  readonly totals: ReadonlyArray<Sum>
  readonly entries: ReadonlyArray<Sum>
  readonly jobs: ReadonlyArray<Job>
  readonly sales: ReadonlyArray<Sale>
}

export interface Books {
  /** What every account was opened with. */
  readonly opening: number
  readonly bank: Bank
  readonly people: ReadonlyArray<Person>
}

const open = <A, E>(filename: string, read: Effect.Effect<A, E, SqlClient.SqlClient>) =>
  Sqlite.make({ filename }).pipe(
    Effect.flatMap((sql) => Effect.provideService(read, SqlClient.SqlClient, sql)),
    Effect.provide(Reactivity.layer),
    Effect.scoped
  )

/** As of one moment. */
const asOfNow = <A, E>(read: Effect.Effect<A, E, SqlClient.SqlClient>) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) => sql.withTransaction(read))

const bank = asOfNow(
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const accounts = yield* sql<{ readonly name: string; readonly balance: number }>`
      SELECT name, balance FROM bank_account`
    const { findings, sum } = yield* BankAudit.make(sql)
    return {
      payments: yield* sql<Payment>`SELECT * FROM bank_payment`,
      invoices: yield* sql<Invoice>`SELECT * FROM bank_invoice`,
      balances: new Map(accounts.map(({ balance, name }) => [name, balance])),
      findings: sum === 0 ? findings : [...findings, `All the bank's money adds up to ${sum}`]
    } satisfies Bank
  })
)

const person = (name: string) =>
  asOfNow(
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const tables = new Set(
        (yield* sql<{ readonly name: string }>`SELECT name FROM sqlite_master`).map(
          ({ name }) => name
        )
      )
      /** Who has no such table has nothing in it. */
      const rows = <A extends object>(table: string, query = `SELECT * FROM ${table}`) =>
        tables.has(table) ? sql.unsafe<A>(query) : Effect.succeed([])
      return {
        name,
        spends: yield* rows<Spend>("treasury_spend"),
        totals: yield* rows<Sum>(
          "treasury_total",
          `SELECT budget, spent, held FROM treasury_total WHERE name = 'lifetime'`
        ),
        entries: yield* rows<Sum>(
          "treasury_entry",
          `SELECT budget, SUM(spent) AS spent, SUM(held) AS held FROM treasury_entry GROUP BY budget`
        ),
        jobs: yield* rows<Job>("compute_job"),
        sales: yield* rows<Sale>("provider_job")
      } satisfies Person
    })
  )

/** Who has no database yet has no books. */
const nobody = (name: string): Person => ({
  name,
  spends: [],
  totals: [],
  entries: [],
  jobs: [],
  sales: []
})

export const read = Effect.fnUntraced(function* (options: {
  readonly opening: number
  /** The bank's database. */
  readonly bank: string
  /** The database of each account's owner. */
  readonly people: Readonly<Record<string, string>>
}) {
  const books: Books = {
    opening: options.opening,
    bank: yield* open(options.bank, bank),
    people: yield* Effect.forEach(Object.entries(options.people), ([name, filename]) =>
      existsSync(filename) ? open(filename, person(name)) : Effect.succeed(nobody(name))
    )
  }
  return books
})
