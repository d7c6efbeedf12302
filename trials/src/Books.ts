/** What a trial has cost somebody, by the bank's book and by the spend ledger; both are audited. */
import { assert } from "@effect/vitest"
import type { Treasury } from "@farthing/budget"
import { Msat } from "@farthing/protocol"
import { Effect, Schedule } from "effect"
import * as Stage from "./Stage.ts"

export interface Books {
  /** What the account has less than it was opened with, in msat. */
  readonly gone: number
  /** What the ledger says was spent. */
  readonly spent: Msat.Msat
  /** What the ledger holds for spends whose end is not known. */
  readonly held: Msat.Msat
  /** What is wrong with the ledger, with what the wallet says to it, or with the bank's book. */
  readonly findings: ReadonlyArray<string>
}

/** The books of a customer. */
export const of = Effect.fnUntraced(function* (customer: {
  readonly account: Stage.Account
  readonly treasury: Treasury.Treasury["Service"]
}) {
  const { bank } = yield* Stage.Stage
  const { account, opening } = customer.account
  const report = yield* customer.treasury.audit
  const { findings, sum } = yield* bank.audit
  return {
    gone: opening - (yield* bank.balance(account)),
    spent: report.spent,
    held: report.held,
    findings: [
      ...report.findings.map(({ message }) => message),
      ...findings,
      ...(sum === 0 ? [] : [`The bank's book adds up to ${sum}`])
    ]
  } satisfies Books
}, Effect.orDie)

/** Nothing was paid and nothing is held. */
export const untouched: Books = { gone: 0, spent: Msat.zero, held: Msat.zero, findings: [] }

/** So many invoices over these amounts were paid, each with the bank's fee, and nothing is held. */
export const paid = (...amounts: ReadonlyArray<Msat.Msat>): Books => {
  const spent = Msat.sum(amounts.map((amount) => Msat.add(amount, Stage.fee)))
  return { gone: spent, spent, held: Msat.zero, findings: [] }
}

/** Of so much money nothing was taken yet; the most that it may cost is set aside. */
export const locked = (...amounts: ReadonlyArray<Msat.Msat>): Books => ({
  gone: paid(...amounts).gone,
  spent: Msat.zero,
  held: Msat.sum(amounts.map((amount) => Msat.add(amount, allowedFee))),
  findings: []
})

/** The provider can take it: it counts as spent, with the most that it may cost. */
export const released = (...amounts: ReadonlyArray<Msat.Msat>): Books => {
  const { held, ...books } = locked(...amounts)
  return { ...books, held: Msat.zero, spent: held }
}

/** The largest fee of a small payment, where nothing else is configured. */
const allowedFee = Msat.make(10_000)

/** The books, once they are these: what was locked is booked when the wallet has told of its end. */
export const closing = Effect.fnUntraced(function* (
  customer: Parameters<typeof of>[0],
  expected: Books
) {
  const books = yield* of(customer).pipe(
    Effect.repeat({
      until: ({ gone, held, spent }) =>
        gone === expected.gone && held === expected.held && spent === expected.spent,
      schedule: Schedule.spaced("50 millis")
    }),
    Effect.timeoutOrElse({ duration: "15 seconds", orElse: () => of(customer) })
  )
  assert.deepStrictEqual(books, expected)
})

/** What a scripted person has earned since its account was opened, in msat. */
export const earned = Effect.fnUntraced(function* ({ account, opening }: Stage.Account) {
  const { bank } = yield* Stage.Stage
  return (yield* bank.balance(account)) - opening
}, Effect.orDie)
