/** The ledger's rows against its own entries. Pure. */
import { Msat } from "@farthing/protocol"
import type { Bolt11 } from "@farthing/protocol"
import { Predicate } from "effect"
import type { Books, Finding } from "./Audit.ts"
import { totalsOf, weigh } from "./Spend.ts"
import type { SpendRecord } from "./Spend.ts"
import * as Trail from "./Trail.ts"

interface Sum {
  readonly spent: number
  readonly held: number
  readonly delivered: number
}

/** What the entries add up to, for each spend and each total. */
export interface Sums {
  readonly bySpend: ReadonlyMap<Bolt11.PaymentHash, Sum>
  readonly byTotal: ReadonlyMap<string, Sum>
  readonly lastState: ReadonlyMap<Bolt11.PaymentHash, Trail.Decision>
  readonly everything: Sum
}

const zero: Sum = { spent: 0, held: 0, delivered: 0 }

const plus = (a: Sum, b: Sum): Sum => ({
  spent: a.spent + b.spent,
  held: a.held + b.held,
  delivered: a.delivered + b.delivered
})

export const add = ({ entries, spends }: Pick<Books, "entries" | "spends">): Sums => {
  const bySpend = new Map<Bolt11.PaymentHash, Sum>()
  const byTotal = new Map<string, Sum>()
  const lastState = new Map<Bolt11.PaymentHash, Trail.Decision>()
  const known = new Map(spends.map((spend) => [spend.paymentHash, spend]))
  for (const entry of entries) {
    const spend = entry.paymentHash && known.get(entry.paymentHash)
    if (spend === undefined) continue
    bySpend.set(spend.paymentHash, plus(bySpend.get(spend.paymentHash) ?? zero, entry))
    for (const name of Object.values(totalsOf(spend)).filter(Predicate.isNotUndefined)) {
      byTotal.set(name, plus(byTotal.get(name) ?? zero, entry))
    }
    if (Trail.isState(entry.what)) lastState.set(spend.paymentHash, entry.what)
  }
  return { bySpend, byTotal, lastState, everything: entries.reduce(plus, zero) }
}

export const compare = (books: Books, sums: Sums): ReadonlyArray<Finding> => [
  ...gapIn(books.entries),
  ...strangersIn(books),
  ...books.spends.flatMap((spend) => [...amountOf(spend, sums), ...stateOf(spend, sums)]),
  ...totalsIn(books, sums)
]

/** Where the first entry is missing; all that follow are out of their place then. */
const gapIn = (entries: ReadonlyArray<Trail.Entry>): ReadonlyArray<Finding> => {
  const at = entries.findIndex(({ seq }, index) => seq !== index + 1)
  return at < 0
    ? []
    : [incomplete(undefined, `Entry ${at + 1} should follow, but entry ${entries[at]?.seq} does.`)]
}

/** Entries that moved money of a spend that does not exist. */
const strangersIn = ({ entries, spends }: Books): ReadonlyArray<Finding> => {
  const known = new Set(spends.map(({ paymentHash }) => paymentHash))
  return entries
    .filter((entry) => !same(entry, zero) && !(entry.paymentHash && known.has(entry.paymentHash)))
    .map((entry) => ({
      kind: "spend_differs",
      paymentHash: entry.paymentHash,
      unexplained: apart(entry, zero),
      message: `Entry ${entry.seq} moves ${words(entry)} of a payment that does not exist.`
    }))
}

const amountOf = (spend: SpendRecord, { bySpend }: Sums): ReadonlyArray<Finding> => {
  const { paymentHash } = spend
  const counts = weigh(spend)
  const entered = bySpend.get(paymentHash) ?? zero
  return same(entered, counts)
    ? []
    : [
        {
          kind: "spend_differs",
          paymentHash,
          unexplained: apart(entered, counts),
          message: `Payment ${paymentHash} counts ${words(counts)}, but its entries say ${words(entered)}.`
        }
      ]
}

const stateOf = ({ paymentHash, state }: SpendRecord, sums: Sums): ReadonlyArray<Finding> => {
  const last = sums.lastState.get(paymentHash)
  return last === state
    ? []
    : [
        incomplete(
          paymentHash,
          `Payment ${paymentHash} is ${state}, but its last entry says ${last ?? "nothing"}.`
        )
      ]
}

const totalsIn = (books: Books, { byTotal }: Sums): ReadonlyArray<Finding> => {
  const totals = new Map(books.totals.map((total) => [total.name, total]))
  return [...new Set([...byTotal.keys(), ...totals.keys()])].flatMap((name) => {
    const derived = byTotal.get(name) ?? zero
    const stored = totals.get(name) ?? zero
    return same(derived, stored)
      ? []
      : [
          {
            kind: "total_differs" as const,
            paymentHash: undefined,
            unexplained: apart(derived, stored),
            message: `The total ${name} is ${words(stored)}, but the entries say ${words(derived)}.`
          }
        ]
  })
}

const incomplete = (paymentHash: Finding["paymentHash"], message: string): Finding => ({
  kind: "entries_incomplete",
  paymentHash,
  unexplained: Msat.zero,
  message
})

const same = (a: Sum, b: Sum): boolean =>
  a.spent === b.spent && a.held === b.held && a.delivered === b.delivered

const apart = (a: Sum, b: Sum): Msat.Msat =>
  Msat.make(Math.abs(a.spent - b.spent) + Math.abs(a.held - b.held))

const words = ({ spent, held, delivered }: Sum): string =>
  `${spent} msat spent, ${held} held, ${delivered} delivered`
