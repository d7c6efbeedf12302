/**
 * The audit: are the rows what the entries add up to, and does the wallet agree? Pure.
 */
import { Msat } from "@farthing/protocol"
import type { Bolt11 } from "@farthing/protocol"
import type { Wallet } from "@farthing/wallet"
import * as BookAudit from "./BookAudit.ts"
import type { SpendRecord, Weight } from "./Spend.ts"
import type { Entry } from "./Trail.ts"
import * as WalletAudit from "./WalletAudit.ts"

/** What the ledger holds, as of one moment. */
export interface Books {
  readonly spends: ReadonlyArray<SpendRecord>
  readonly entries: ReadonlyArray<Entry>
  readonly totals: ReadonlyArray<Weight & { readonly name: string }>
  /** What other budgets of the same database may have paid with the same wallet. */
  readonly elsewhere: ReadonlySet<Bolt11.PaymentHash>
}

/**
 * In the ledger itself:
 * - `entries_incomplete`: entries are missing, or do not end in the state of their spend
 * - `spend_differs`: a spend counts another amount than its entries say
 * - `total_differs`: a total is not what the entries of its spends add up to
 *
 * Between ledger and wallet:
 * - `wallet_differs`: the wallet tells another end, amount or fee than what is booked
 * - `paid_twice`: the wallet lists more than one settled payment of one hash
 * - `outside_treasury`: the wallet made a payment that no ledger of this database knows of
 */
export interface Finding {
  readonly kind:
    | "entries_incomplete"
    | "spend_differs"
    | "total_differs"
    | "wallet_differs"
    | "paid_twice"
    | "outside_treasury"
  readonly paymentHash: Bolt11.PaymentHash | undefined
  /** How many msat are booked without having moved, or have moved without being booked. */
  readonly unexplained: Msat.Msat
  /** What is wrong, for people. */
  readonly message: string
}

export interface AuditReport {
  readonly spends: number
  readonly entries: number
  /** What the entries say was spent ever, in msat, and what is held now. */
  readonly spent: Msat.Msat
  readonly held: Msat.Msat
  /** Payments with other wallets: this one cannot tell of them, so they are not compared. */
  readonly otherWallets: number
  /**
   * That of all findings together, in msat, and 0 in a ledger that is whole. What is missing here
   * never makes up for what is too much there, and one mistake may show in several findings.
   */
  readonly unexplained: Msat.Msat
  /** Empty if the ledger is whole and the wallet agrees. */
  readonly findings: ReadonlyArray<Finding>
}

/** Compares the ledger's rows with what its entries add up to; `wallet` is the one in use. */
export const ofBooks = (books: Books, wallet: Wallet.WalletId): AuditReport => {
  const sums = BookAudit.add(books)
  return report(
    {
      spends: books.spends.length,
      entries: books.entries.length,
      spent: amount(sums.everything.spent),
      held: amount(sums.everything.held),
      otherWallets: books.spends.filter((spend) => WalletAudit.isForeign(spend, wallet)).length
    },
    BookAudit.compare(books, sums)
  )
}

/**
 * The same, and compares the ledger, read before and after the wallet's answer, with what the
 * wallet says it did since the ledger's first spend with it. Payments may go on meanwhile.
 */
export const ofBooksAndWallet = (
  books: { readonly before: Books; readonly after: Books },
  statement: WalletAudit.Statement
): AuditReport => {
  const { findings, ...counts } = ofBooks(books.after, statement.id)
  return report(counts, [...findings, ...WalletAudit.compare(books, statement)])
}

const report = (
  counts: Omit<AuditReport, "unexplained" | "findings">,
  findings: ReadonlyArray<Finding>
): AuditReport => ({
  ...counts,
  unexplained: amount(findings.reduce((sum, { unexplained }) => sum + unexplained, 0)),
  findings
})

/** Entries that add up to less than nothing are a finding already. */
const amount = (value: number): Msat.Msat => Msat.make(Math.min(Msat.most, Math.max(0, value)))
