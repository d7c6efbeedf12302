/** A bank's invoices and payments as NIP-47's transactions. */
import { Bolt11, Nip47 } from "@farthing/protocol"
import type { Bank, Wallet } from "@farthing/wallet"
import { Blocks } from "@farthing/wallet"
import { Option, Result } from "effect"

export const ofInvoice = (invoice: Bank.IssuedInvoice): Nip47.Transaction => ({
  type: "incoming",
  state: invoiceStates[invoice.state],
  ...common(invoice),
  ...optional("preimage", invoice.preimage),
  ...optional("settle_deadline", Option.map(invoice.heldUntil, heightAt))
})

/** NIP-47 counts the time of a lock in blocks. */
const heightAt = (seconds: number): number => Blocks.tipAt(seconds).height

export const ofPayment = (payment: Wallet.Outgoing): Nip47.Transaction => ({
  type: "outgoing",
  state: payment.state,
  ...common(payment),
  ...optional("preimage", payment.preimage),
  ...optional("fees_paid", payment.fee)
})

/** One page of an account's transactions, newest first. */
export const page = (
  statement: Bank.Statement,
  wish: (typeof Nip47.ListTransactions.Type)["params"]
): ReadonlyArray<Nip47.Transaction> => {
  const { limit = pageLimit, offset = 0, type, unpaid = false, until } = wish
  const entries = [
    ...statement.incoming.map((it) => ({ type: "incoming", it, show: () => ofInvoice(it) })),
    ...statement.outgoing.map((it) => ({ type: "outgoing", it, show: () => ofPayment(it) }))
  ]
  const wanted = entries
    .filter((entry) => type === undefined || entry.type === type)
    .filter(({ it }) => unpaid || it.state === "settled")
    .filter(({ it }) => until === undefined || it.createdAt <= until)
    .toSorted((a, b) => b.it.createdAt - a.it.createdAt)
    .slice(offset, offset + Math.min(limit, pageLimit))
  return fitting(wanted.map(({ show }) => show()))
}

/** What has to be read for a page: no more than its end, where everything that is read counts. */
export const rangeOf = (wish: (typeof Nip47.ListTransactions.Type)["params"]) => {
  const { from: since = 0, limit = pageLimit, offset = 0, unpaid = false, until } = wish
  return unpaid && until === undefined
    ? { since, limit: offset + Math.min(limit, pageLimit) }
    : { since }
}

/** The most transactions of one answer. */
const pageLimit = 50

/** NIP-44 carries at most 65,535 bytes, and relays take little more with its base64 around. */
const pageBytes = 32_768

/** As many of the first as one answer can carry, but at least one. */
const fitting = (transactions: ReadonlyArray<Nip47.Transaction>) => {
  let bytes = 0
  return transactions.filter((it, index) => {
    bytes += Buffer.byteLength(JSON.stringify(it))
    return index === 0 || bytes <= pageBytes
  })
}

const invoiceStates = {
  pending: "pending",
  held: "accepted",
  settled: "settled",
  cancelled: "failed",
  expired: "expired"
} as const satisfies Record<Wallet.Incoming["state"], Nip47.TransactionState>

const common = (
  it: Pick<Wallet.Incoming, "paymentHash" | "bolt11" | "amount" | "createdAt" | "settledAt">
) => ({
  invoice: it.bolt11,
  payment_hash: it.paymentHash,
  amount: it.amount,
  created_at: it.createdAt,
  ...optional("settled_at", it.settledAt),
  ...Result.match(Bolt11.decode(it.bolt11), {
    onFailure: () => ({}),
    onSuccess: ({ description, expiresAt }) => ({
      expires_at: expiresAt,
      ...optional("description", description)
    })
  })
})

const optional = <K extends string, A>(key: K, value: Option.Option<A>) =>
  Option.match(value, {
    onNone: () => ({}),
    onSome: (some) => ({ [key]: some }) as { readonly [_ in K]: A }
  })
