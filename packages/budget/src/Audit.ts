/**
 * The audit: are the rows what the entries add up to, and does the wallet agree? Pure.
 */
import { Msat } from "@farthing/protocol"
import type { Bolt11 } from "@farthing/protocol"
import type { Wallet } from "@farthing/wallet"
import { Option } from "effect"
import { SpendOutcome, costOf, totalsOf, weigh } from "./Spend.ts"
import type { SpendRecord, Weight } from "./Spend.ts"
import type { Entry } from "./SpendRows.ts"

/** What the ledger holds, as of one moment. */
export interface Books {
  readonly spends: ReadonlyArray<SpendRecord>
  readonly entries: ReadonlyArray<Entry>
  readonly totals: ReadonlyArray<Weight & { readonly name: string }>
}

/**
 * - `entries_incomplete`: entries are missing, or do not end in the state of their spend
 * - `spend_differs`, `total_differs`: a row is not what its entries add up to
 * - `wallet_differs`: the wallet tells another end, amount or fee
 * - `outside_treasury`: the wallet made a payment that the ledger knows nothing of
 */
export interface Finding {
  readonly kind:
    | "entries_incomplete"
    | "spend_differs"
    | "total_differs"
    | "wallet_differs"
    | "outside_treasury"
  readonly paymentHash: Bolt11.PaymentHash | undefined
  /** What is wrong, for people. */
  readonly message: string
}

export interface AuditReport {
  readonly spends: number
  readonly entries: number
  /** What the entries say was spent ever, in msat, and what is held now. */
  readonly spent: Msat.Msat
  readonly held: Msat.Msat
  /** Empty if the ledger is whole and the wallet agrees. */
  readonly findings: ReadonlyArray<Finding>
}

interface Sum {
  readonly spent: number
  readonly held: number
  readonly delivered: number
}

const zero: Sum = { spent: 0, held: 0, delivered: 0 }

const plus = (a: Sum, b: Sum): Sum => ({
  spent: a.spent + b.spent,
  held: a.held + b.held,
  delivered: a.delivered + b.delivered
})

const same = (a: Sum, b: Sum): boolean =>
  a.spent === b.spent && a.held === b.held && a.delivered === b.delivered

const words = ({ spent, held, delivered }: Sum): string =>
  `${spent} msat spent, ${held} held, ${delivered} delivered`

/** Compares the ledger's rows with what its entries add up to. */
export const ofBooks = (books: Books): AuditReport => {
  const bySpend = new Map<Bolt11.PaymentHash, Sum>()
  const byTotal = new Map<string, Sum>()
  const lastState = new Map<Bolt11.PaymentHash, string>()
  const spends = new Map(books.spends.map((spend) => [spend.paymentHash, spend]))
  const findings: Array<Finding> = []

  for (const [index, entry] of books.entries.entries()) {
    if (entry.seq !== index + 1) {
      findings.push({
        kind: "entries_incomplete",
        paymentHash: undefined,
        message: `Entry ${index + 1} should follow, but entry ${entry.seq} does.`
      })
      break
    }
  }
  for (const entry of books.entries) {
    const spend = entry.paymentHash === null ? undefined : spends.get(entry.paymentHash)
    if (spend === undefined) continue
    bySpend.set(spend.paymentHash, plus(bySpend.get(spend.paymentHash) ?? zero, entry))
    for (const name of totalsOf(spend)) byTotal.set(name, plus(byTotal.get(name) ?? zero, entry))
    if (!outcomes.has(entry.what)) lastState.set(spend.paymentHash, entry.what)
  }
  for (const spend of books.spends) {
    const { paymentHash, state } = spend
    const entered = bySpend.get(paymentHash) ?? zero
    if (!same(entered, weigh(spend))) {
      findings.push({
        kind: "spend_differs",
        paymentHash,
        message: `Payment ${paymentHash} counts ${words(weigh(spend))}, but its entries say ${words(entered)}.`
      })
    }
    if (lastState.get(paymentHash) !== state) {
      findings.push({
        kind: "entries_incomplete",
        paymentHash,
        message: `Payment ${paymentHash} is ${state}, but its last entry says ${lastState.get(paymentHash) ?? "nothing"}.`
      })
    }
  }
  const totals = new Map(books.totals.map((total) => [total.name, total]))
  for (const name of new Set([...byTotal.keys(), ...totals.keys()])) {
    const derived = byTotal.get(name) ?? zero
    const stored = totals.get(name) ?? zero
    if (!same(derived, stored)) {
      findings.push({
        kind: "total_differs",
        paymentHash: undefined,
        message: `The total ${name} is ${words(stored)}, but the entries say ${words(derived)}.`
      })
    }
  }
  const everything = [...bySpend.values()].reduce(plus, zero)
  return {
    spends: books.spends.length,
    entries: books.entries.length,
    spent: amount(everything.spent),
    held: amount(everything.held),
    findings
  }
}

const outcomes: ReadonlySet<string> = new Set(SpendOutcome.literals)

/** Entries that add up to less than nothing are a finding already. */
const amount = (value: number): Msat.Msat => Msat.make(Math.max(0, value))

/**
 * Compares the ledger, read before and after the wallet's answer, with what the wallet says it
 * did since the ledger's first spend.
 */
export const ofWallet = (
  spends: {
    readonly before: ReadonlyArray<SpendRecord>
    readonly after: ReadonlyArray<SpendRecord>
  },
  outgoing: ReadonlyArray<Wallet.Outgoing>
): ReadonlyArray<Finding> => {
  const known = new Map(spends.after.map((spend) => [spend.paymentHash, spend]))
  const told = new Set(outgoing.map(({ paymentHash }) => paymentHash))
  return [
    ...outgoing.flatMap((payment) => compare(known.get(payment.paymentHash), payment)),
    ...spends.before
      .filter(({ state, paymentHash }) => state === "settled" && !told.has(paymentHash))
      .map(({ paymentHash }) =>
        differs(paymentHash, `Payment ${paymentHash} is settled here, but the wallet has none.`)
      )
  ]
}

const differs = (paymentHash: Bolt11.PaymentHash, message: string): Finding => ({
  kind: "wallet_differs",
  paymentHash,
  message
})

const compare = (
  spend: SpendRecord | undefined,
  payment: Wallet.Outgoing
): ReadonlyArray<Finding> => {
  const { paymentHash, amount, state } = payment
  if (spend === undefined) {
    const message = `The wallet paid ${amount} msat for ${paymentHash} (${state}), which the ledger knows nothing of.`
    return state === "failed" ? [] : [{ kind: "outside_treasury", paymentHash, message }]
  }
  const message = disagreement(spend, payment)
  return message === undefined ? [] : [differs(paymentHash, message)]
}

const disagreement = (spend: SpendRecord, payment: Wallet.Outgoing): string | undefined => {
  const name = `Payment ${spend.paymentHash}`
  if (spend.amount !== payment.amount) {
    return `${name} is ${spend.amount} msat here, but the wallet says ${payment.amount}.`
  }
  if (spend.state === "settled" && payment.state !== "settled") {
    return `${name} is settled here, but the wallet says ${payment.state}.`
  }
  if (spend.state === "failed" && payment.state !== "failed") {
    return `${name} has failed here, but the wallet says ${payment.state}.`
  }
  const fee = Option.getOrUndefined(payment.fee)
  if (spend.state === "settled" && fee !== undefined && spend.amount + fee !== costOf(spend)) {
    return `${name} is booked with ${costOf(spend)} msat, but the wallet took ${spend.amount + fee}.`
  }
  return undefined
}
