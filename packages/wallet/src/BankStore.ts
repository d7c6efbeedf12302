/** What a bank reads from and writes to its book: one statement, or a few that belong together. */
import type { Bolt11, Msat, Network } from "@farthing/protocol"
import { Prepared } from "@farthing/sqlite"
import type { Slots } from "@farthing/sqlite/Prepared"
import { Effect, Option } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import type { IssuedInvoice } from "./Bank.ts"
import type { Outgoing } from "./Wallet.ts"

export interface InvoiceRow {
  readonly payment_hash: Bolt11.PaymentHash
  readonly account: string
  readonly bolt11: string
  readonly amount: Msat.Msat
  readonly hold: number
  readonly preimage: Bolt11.Preimage | null
  readonly state: "pending" | "held" | "settled" | "cancelled"
  readonly created_at: number
  readonly expires_at: number
  readonly held_until: number | null
  readonly settled_at: number | null
}

/** A payment, with its invoice's text and, once it is settled, the preimage. */
export interface PaymentRow {
  readonly payment_hash: Bolt11.PaymentHash
  readonly account: string
  readonly bolt11: string
  readonly amount: Msat.Msat
  readonly fee: Msat.Msat
  readonly preimage: Bolt11.Preimage | null
  readonly state: "pending" | "settled" | "failed"
  readonly created_at: number
  readonly settled_at: number | null
}

export type ChangeRow = {
  readonly seq: number
  readonly payment_hash: Bolt11.PaymentHash
} & (
  | { readonly direction: "incoming"; readonly state: "held" | "settled" | "cancelled" }
  | { readonly direction: "outgoing"; readonly state: "settled" | "failed" }
)

export interface Transfer {
  readonly kind: "deposit" | "payment" | "lock" | "settle" | "cancel"
  readonly paymentHash: Bolt11.PaymentHash | null
  readonly now: number
  /** Signed msat by account; their sum is 0. */
  readonly entries: ReadonlyArray<readonly [account: string, amount: number]>
}

interface EntryRow {
  readonly transfer: number | undefined
  readonly account: string
  readonly amount: number
}

export interface Range {
  readonly account: string
  readonly since: number
  readonly limit: number
}

export type BankStore = ReturnType<typeof make>

type Named = Pick<PaymentRow, "payment_hash">

export const make = (sql: SqlClient.SqlClient) => {
  const prepared = Prepared.make(sql)
  const payments = sql.literal(
    `SELECT p.payment_hash, p.account, i.bolt11, p.amount, p.fee, p.state, p.created_at,
            p.settled_at, iif(p.state = 'settled', i.preimage, NULL) AS preimage
     FROM bank_payment p JOIN bank_invoice i USING (payment_hash)`
  )

  const balance = prepared(
    ({ name }: Slots<{ readonly name: string }>) =>
      sql<{ readonly balance: number }>`SELECT balance FROM bank_account WHERE name = ${name}`
  )
  const insertInvoice = prepared(
    (row: Slots<InvoiceRow>) => sql`INSERT INTO bank_invoice ${sql.insert(invoiceColumns(row))}`
  )
  const invoice = prepared(
    (row: Slots<Named>) =>
      sql<InvoiceRow>`SELECT * FROM bank_invoice WHERE payment_hash = ${row.payment_hash}`
  )
  const settleInvoice = prepared(
    (row: Slots<Named & { readonly settled_at: number }>) => sql`
      UPDATE bank_invoice SET state = 'settled', settled_at = ${row.settled_at}
      WHERE payment_hash = ${row.payment_hash}`
  )
  const insertPayment = prepared(
    (row: Slots<Omit<PaymentRow, "bolt11" | "preimage">>) =>
      sql`INSERT INTO bank_payment ${sql.insert(paymentColumns(row))}`
  )
  const payment = prepared(
    (row: Slots<Named>) => sql<PaymentRow>`${payments} WHERE p.payment_hash = ${row.payment_hash}`
  )
  const settlePayment = prepared(
    (row: Slots<Named & { readonly settled_at: number }>) => sql`
      UPDATE bank_payment SET state = 'settled', settled_at = ${row.settled_at}
      WHERE payment_hash = ${row.payment_hash}`
  )
  const insertTransfer = prepared(
    (transfer: Slots<Pick<Transfer, "kind" | "now" | "paymentHash">>) => sql<{
      readonly id: number
    }>`
      INSERT INTO bank_transfer ${sql.insert({
        kind: transfer.kind,
        payment_hash: transfer.paymentHash,
        created_at: transfer.now
      })} RETURNING id`
  )
  const insertEntry = prepared(
    (entry: Slots<EntryRow>) => sql`
      INSERT INTO bank_entry (transfer, account, amount)
      VALUES (${entry.transfer}, ${entry.account}, ${entry.amount})`
  )
  const insertChange = prepared(
    (change: Slots<Omit<ChangeRow, "seq"> & { readonly account: string }>) => sql`
      INSERT INTO bank_change (account, direction, payment_hash, state)
      VALUES (${change.account}, ${change.direction}, ${change.payment_hash}, ${change.state})`
  )

  return {
    /** The seed and network of this book; the first caller decides them. */
    identity: (offered: { readonly network: Network.Network; readonly seed: string }) =>
      sql`INSERT INTO bank_book ${sql.insert({ id: 1, ...offered })} ON CONFLICT DO NOTHING`.pipe(
        Effect.andThen(
          sql<{ readonly network: Network.Network; readonly seed: string }>`
            SELECT network, seed FROM bank_book`
        ),
        Effect.map(([book]) => book ?? offered)
      ),

    /** Whether it was not there before. */
    openAccount: (name: string) =>
      sql`INSERT INTO bank_account ${sql.insert({ name })} ON CONFLICT DO NOTHING RETURNING name`.pipe(
        Effect.map((opened) => opened.length > 0)
      ),

    /** Undefined if there is no such account. */
    balance: (name: string) => first(balance({ name })).pipe(Effect.map((row) => row?.balance)),

    insertInvoice,

    invoice: (paymentHash: Bolt11.PaymentHash) => first(invoice({ payment_hash: paymentHash })),

    markInvoice: (
      paymentHash: Bolt11.PaymentHash,
      change: Partial<Pick<InvoiceRow, "state" | "held_until" | "settled_at" | "preimage">>
    ) => sql`UPDATE bank_invoice SET ${sql.update(change)} WHERE payment_hash = ${paymentHash}`,

    insertPayment,

    payment: (paymentHash: Bolt11.PaymentHash) => first(payment({ payment_hash: paymentHash })),

    /** Both sides of a payment that is done. */
    markSettled: (settled: Named & { readonly settled_at: number }) =>
      Effect.andThen(settleInvoice(settled), settlePayment(settled)),

    markPayment: (
      paymentHash: Bolt11.PaymentHash,
      change: Partial<Pick<PaymentRow, "state" | "settled_at">>
    ) => sql`UPDATE bank_payment SET ${sql.update(change)} WHERE payment_hash = ${paymentHash}`,

    /** Held payments whose time has run out. */
    overdue: (now: number) =>
      sql<InvoiceRow>`SELECT * FROM bank_invoice WHERE state = 'held' AND held_until <= ${now}`,

    post: (transfer: Transfer) =>
      Effect.gen(function* () {
        const [row] = yield* insertTransfer(transfer)
        for (const [account, amount] of transfer.entries) {
          if (amount !== 0) yield* insertEntry({ transfer: row?.id, account, amount })
        }
      }),

    recordIncoming: (
      invoice: InvoiceRow,
      state: Extract<ChangeRow, { readonly direction: "incoming" }>["state"]
    ) =>
      insertChange({
        account: invoice.account,
        direction: "incoming",
        payment_hash: invoice.payment_hash,
        state
      }),

    recordOutgoing: (
      payment: Pick<PaymentRow, "account" | "payment_hash">,
      state: Extract<ChangeRow, { readonly direction: "outgoing" }>["state"]
    ) =>
      insertChange({
        account: payment.account,
        direction: "outgoing",
        payment_hash: payment.payment_hash,
        state
      }),

    newestChange: first(sql<{ readonly seq: number }>`
      SELECT coalesce(max(seq), 0) AS seq FROM bank_change`).pipe(
      Effect.map((row) => row?.seq ?? 0)
    ),

    changesAfter: (account: string, seq: number) =>
      sql<ChangeRow>`
        SELECT seq, direction, payment_hash, state FROM bank_change
        WHERE seq > ${seq} AND account = ${account} ORDER BY seq`,

    invoices: (range: Range) =>
      sql<InvoiceRow>`
        SELECT * FROM bank_invoice WHERE account = ${range.account} AND created_at >= ${range.since}
        ORDER BY created_at DESC, rowid DESC LIMIT ${range.limit}`,

    paymentsOf: (range: Range) =>
      sql<PaymentRow>`
        ${payments} WHERE p.account = ${range.account} AND p.created_at >= ${range.since}
        ORDER BY p.created_at DESC, p.rowid DESC LIMIT ${range.limit}`
  }
}

const invoiceColumns = (row: Slots<InvoiceRow>) => ({
  payment_hash: row.payment_hash,
  account: row.account,
  bolt11: row.bolt11,
  amount: row.amount,
  hold: row.hold,
  preimage: row.preimage,
  state: row.state,
  created_at: row.created_at,
  expires_at: row.expires_at,
  held_until: row.held_until,
  settled_at: row.settled_at
})

const paymentColumns = (row: Slots<Omit<PaymentRow, "bolt11" | "preimage">>) => ({
  payment_hash: row.payment_hash,
  account: row.account,
  amount: row.amount,
  fee: row.fee,
  state: row.state,
  created_at: row.created_at,
  settled_at: row.settled_at
})

const first = <A>(rows: Effect.Effect<ReadonlyArray<A>, SqlError.SqlError>) =>
  Effect.map(rows, (found) => found[0])

/** An invoice as its owner sees it at a unix second. */
export const toInvoice = (row: InvoiceRow, now: number): IssuedInvoice => ({
  paymentHash: row.payment_hash,
  bolt11: row.bolt11,
  amount: row.amount,
  state: row.state === "pending" && row.expires_at <= now ? "expired" : row.state,
  createdAt: row.created_at,
  settledAt: Option.fromNullOr(row.settled_at),
  preimage: row.state === "settled" ? Option.fromNullOr(row.preimage) : Option.none(),
  heldUntil: row.state === "held" ? Option.fromNullOr(row.held_until) : Option.none()
})

export const toPayment = (row: PaymentRow): Outgoing => ({
  paymentHash: row.payment_hash,
  bolt11: row.bolt11,
  amount: row.amount,
  state: row.state,
  fee: Option.some(row.fee),
  preimage: Option.fromNullOr(row.preimage),
  createdAt: row.created_at,
  settledAt: Option.fromNullOr(row.settled_at)
})
