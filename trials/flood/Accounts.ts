/** Whether every msat is where it should be when the flood is over. */
import { Effect, Schema } from "effect"
import * as Answers from "./Answers.ts"
import type { Process } from "./Process.ts"

/** What is wrong, in words; empty if nothing is. */
export const audit = Effect.fnUntraced(function* (processes: {
  readonly customer: Process
  readonly provider: Process
  readonly market: Process
}) {
  const { customer, market, provider } = processes
  yield* customer.ask("close", Schema.Int)
  const spending = yield* customer.ask("audit", Answers.SpendAudit)
  const selling = yield* provider.ask("status", Answers.ProviderStatus)
  const undelivered = selling.owed + selling.refunded + selling.lost
  const bank = yield* market.ask("audit", Answers.BankAudit)
  const gone = Answers.balance - bank.customer
  const earned = bank.provider - Answers.balance
  const differences = [
    ["left the customer's account and is not in its ledger", gone - spending.spent],
    ["is held without end", spending.held],
    ["came to the provider and is not in its book", earned - selling.earned],
    ["came from nowhere in the bank", bank.sum]
  ] as const
  return [
    ...differences.filter(([, msat]) => msat !== 0).map(([what, msat]) => `${msat} msat ${what}`),
    ...spending.findings.map(({ message }) => message),
    ...bank.findings,
    ...(undelivered === 0 ? [] : [`${undelivered} jobs were paid and not delivered`])
  ]
})
