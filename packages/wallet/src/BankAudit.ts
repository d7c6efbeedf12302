/** Re-derives everything a bank's book claims from its entries. */
import { Bolt11 } from "@farthing/protocol"
import { Effect } from "effect"
import type { SqlClient } from "effect/sql"
import type { Audit } from "./Bank.ts"
import * as BankSchema from "./BankSchema.ts"

interface AccountRow {
  readonly name: string
  readonly balance: number
  readonly entries: number
}

interface SettledRow {
  readonly payment_hash: Bolt11.PaymentHash
  readonly preimage: Bolt11.Preimage | null
}

export const make = (sql: SqlClient.SqlClient) =>
  Effect.gen(function* () {
    const accounts = yield* sql<AccountRow>`
      SELECT name, balance,
             (SELECT coalesce(sum(amount), 0) FROM bank_entry WHERE account = name) AS entries
      FROM bank_account`
    const unbalanced = yield* sql<{ readonly transfer: number }>`
      SELECT transfer FROM bank_entry GROUP BY transfer HAVING sum(amount) <> 0`
    const torn = yield* sql<{ readonly payment_hash: string }>`
      SELECT payment_hash FROM bank_payment p JOIN bank_invoice i USING (payment_hash)
      WHERE (i.state = 'settled') <> (p.state = 'settled')
         OR (i.state = 'held') <> (p.state = 'pending') OR p.amount <> i.amount
      UNION ALL SELECT payment_hash FROM bank_invoice WHERE state IN ('held', 'settled')
        AND payment_hash NOT IN (SELECT payment_hash FROM bank_payment)`
    const [owed] = yield* sql<{ readonly held: number; readonly fees: number }>`
      SELECT coalesce(sum(amount + fee) FILTER (WHERE state = 'pending'), 0) AS held,
             coalesce(sum(fee) FILTER (WHERE state = 'settled'), 0) AS fees
      FROM bank_payment`
    const settled = yield* sql<SettledRow>`
      SELECT payment_hash, preimage FROM bank_invoice WHERE state = 'settled'`

    const balances = new Map(accounts.map(({ name, entries }) => [name, entries]))
    const findings = [
      ...accounts
        .filter(({ balance, entries }) => balance !== entries)
        .map(({ name }) => `The balance of ${name} is not the sum of its entries`),
      ...accounts
        .filter(({ name, entries }) => entries < 0 && name !== BankSchema.mint)
        .map(({ name }) => `The account ${name} is below zero`),
      ...unbalanced.map(({ transfer }) => `Transfer ${transfer} does not balance`),
      ...torn.map(({ payment_hash }) => `Payment and invoice ${payment_hash} disagree`),
      ...settled
        .filter(
          ({ payment_hash, preimage }) =>
            preimage === null || Bolt11.hashOf(preimage) !== payment_hash
        )
        .map(({ payment_hash }) => `Payment ${payment_hash} is settled without its preimage`),
      ...(balances.get(BankSchema.held) === owed?.held
        ? []
        : ["The held money is not what is held"]),
      ...(balances.get(BankSchema.fees) === owed?.fees ? [] : ["The fees are not what was charged"])
    ]
    const sum = [...balances.values()].reduce((total, balance) => total + balance, 0)
    return { sum, balances, findings } satisfies Audit
  }).pipe(sql.withTransaction)
