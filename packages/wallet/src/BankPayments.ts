/** How money moves in a bank's book. Every function here runs inside one transaction. */
import type { Msat } from "@farthing/protocol"
import { Bolt11 } from "@farthing/protocol"
import { Effect, Option } from "effect"
import { InvalidRequest, UnknownInvoice, WrongState } from "./Bank.ts"
import * as Blocks from "./Blocks.ts"
import * as BankSchema from "./BankSchema.ts"
import type { BankStore, InvoiceRow, PaymentRow } from "./BankStore.ts"
import type { PayRequest } from "./Payer.ts"
import { PaymentFailed } from "./Payer.ts"

interface Order {
  readonly payer: string
  readonly request: PayRequest
  readonly fee: Msat.Msat
  readonly now: number
}

/**
 * Starts the payment unless this account has done so already. What became of it is in the
 * payment's row; fails if the order must not be carried out, having moved nothing.
 */
export const begin = Effect.fnUntraced(function* (store: BankStore, order: Order) {
  const paymentHash = order.request.invoice.paymentHash
  const earlier = yield* store.payment(paymentHash)
  if (earlier?.account === order.payer) return earlier

  const balance = yield* store.balance(order.payer)
  const invoice = yield* payable(order, balance, yield* store.invoice(paymentHash), earlier)

  yield* invoice.hold === 1 ? lock(store, order, invoice) : transfer(store, order, invoice)
  return yield* store.payment(paymentHash)
})

/** Takes the money of a held invoice to its owner. */
export const settle = Effect.fnUntraced(function* (
  store: BankStore,
  claim: { readonly payee: string; readonly preimage: Bolt11.Preimage; readonly now: number }
) {
  const invoice = yield* holdInvoiceOf(store, claim.payee, Bolt11.hashOf(claim.preimage))
  if (invoice.state === "settled") return
  const payment = yield* heldPayment(store, invoice)

  yield* store.post({
    kind: "settle",
    paymentHash: invoice.payment_hash,
    now: claim.now,
    entries: [
      [BankSchema.held, -(payment.amount + payment.fee)],
      [invoice.account, payment.amount],
      [BankSchema.fees, payment.fee]
    ]
  })
  yield* store.markInvoice(invoice.payment_hash, { preimage: claim.preimage })
  yield* conclude(store, invoice, payment.account, claim.now)
})

/** Returns the money of a held invoice, or voids a pending one. */
export const cancel = Effect.fnUntraced(function* (
  store: BankStore,
  claim: { readonly payee: string; readonly paymentHash: Bolt11.PaymentHash; readonly now: number }
) {
  const invoice = yield* holdInvoiceOf(store, claim.payee, claim.paymentHash)
  switch (invoice.state) {
    case "cancelled":
      return
    case "settled":
      return yield* new WrongState({ message: "The invoice is settled: its money was taken" })
    case "pending":
      return yield* Effect.asVoid(store.markInvoice(invoice.payment_hash, { state: "cancelled" }))
    case "held":
      return yield* giveBack(store, invoice, claim.now)
  }
})

/** Returns the money of every held payment whose time has run out. */
export const releaseOverdue = Effect.fnUntraced(function* (store: BankStore, now: number) {
  for (const invoice of yield* store.overdue(now)) yield* giveBack(store, invoice, now)
})

const failed = (reason: PaymentFailed["reason"], message: string) =>
  Effect.fail(new PaymentFailed({ reason, message }))

/** The invoice, if the order may be carried out. */
const payable = (
  order: Order,
  balance: number | undefined,
  invoice: InvoiceRow | undefined,
  earlier: PaymentRow | undefined
): Effect.Effect<InvoiceRow, PaymentFailed> => {
  const { invoice: asked, maxFee, expiresAt } = order.request
  if (order.now > expiresAt) return failed("expired", "The order to pay has expired")
  if (balance === undefined) return failed("refused", `There is no account ${order.payer}`)
  if (Option.isNone(asked.amount)) return failed("refused", "The invoice has no amount")
  if (invoice === undefined || invoice.bolt11 !== asked.bolt11) {
    return failed("no_route", "This bank did not issue the invoice")
  }
  if (earlier !== undefined) return failed("already_paid", "Another account has paid the invoice")
  if (invoice.account === order.payer) return failed("refused", "An account cannot pay itself")
  if (invoice.state !== "pending") return failed("refused", `The invoice is ${invoice.state}`)
  if (order.now >= invoice.expires_at) return failed("expired", "The invoice has expired")
  if (order.fee > maxFee) {
    return failed("fee_too_high", `The fee is ${order.fee} msat, at most ${maxFee} was allowed`)
  }
  if (balance < invoice.amount + order.fee) {
    return failed(
      "insufficient_balance",
      `The balance is ${balance} msat, ${invoice.amount} and a fee of ${order.fee} were asked for`
    )
  }
  return Effect.succeed(invoice)
}

const transfer = Effect.fnUntraced(function* (store: BankStore, order: Order, invoice: InvoiceRow) {
  yield* store.post({
    kind: "payment",
    paymentHash: invoice.payment_hash,
    now: order.now,
    entries: [
      [order.payer, -(invoice.amount + order.fee)],
      [invoice.account, invoice.amount],
      [BankSchema.fees, order.fee]
    ]
  })
  yield* insertPayment(store, order, invoice)
  yield* conclude(store, invoice, order.payer, order.now)
})

const lock = Effect.fnUntraced(function* (store: BankStore, order: Order, invoice: InvoiceRow) {
  yield* store.post({
    kind: "lock",
    paymentHash: invoice.payment_hash,
    now: order.now,
    entries: [
      [order.payer, -(invoice.amount + order.fee)],
      [BankSchema.held, invoice.amount + order.fee]
    ]
  })
  yield* insertPayment(store, order, invoice)
  yield* store.markInvoice(invoice.payment_hash, {
    state: "held",
    held_until: order.now + order.request.invoice.minFinalCltvDelta * Blocks.seconds
  })
  yield* store.recordIncoming(invoice, "held")
})

const insertPayment = (store: BankStore, order: Order, invoice: InvoiceRow) =>
  store.insertPayment({
    payment_hash: invoice.payment_hash,
    account: order.payer,
    amount: invoice.amount,
    fee: order.fee,
    state: "pending",
    created_at: order.now,
    settled_at: null
  })

const conclude = Effect.fnUntraced(function* (
  store: BankStore,
  invoice: InvoiceRow,
  payer: string,
  now: number
) {
  yield* store.markSettled({ payment_hash: invoice.payment_hash, settled_at: now })
  yield* store.recordIncoming(invoice, "settled")
  yield* store.recordOutgoing({ account: payer, payment_hash: invoice.payment_hash }, "settled")
})

const giveBack = Effect.fnUntraced(function* (store: BankStore, invoice: InvoiceRow, now: number) {
  const payment = yield* heldPayment(store, invoice)
  yield* store.post({
    kind: "cancel",
    paymentHash: invoice.payment_hash,
    now,
    entries: [
      [BankSchema.held, -(payment.amount + payment.fee)],
      [payment.account, payment.amount + payment.fee]
    ]
  })
  yield* store.markInvoice(invoice.payment_hash, { state: "cancelled" })
  yield* store.markPayment(invoice.payment_hash, { state: "failed" })
  yield* store.recordIncoming(invoice, "cancelled")
  yield* store.recordOutgoing(payment, "failed")
})

const holdInvoiceOf = Effect.fnUntraced(function* (
  store: BankStore,
  payee: string,
  paymentHash: Bolt11.PaymentHash
) {
  const invoice = yield* store.invoice(paymentHash)
  if (invoice?.account !== payee) {
    return yield* new UnknownInvoice({ message: "This account has no invoice with that hash" })
  }
  if (invoice.hold !== 1) {
    return yield* new InvalidRequest({ message: "The invoice is not a hold invoice" })
  }
  return invoice
})

const heldPayment = Effect.fnUntraced(function* (store: BankStore, invoice: InvoiceRow) {
  const payment = yield* store.payment(invoice.payment_hash)
  if (invoice.state !== "held" || payment === undefined) {
    return yield* new WrongState({ message: `The invoice is ${invoice.state}, not held` })
  }
  return payment
})
