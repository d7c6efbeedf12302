/** NIP-47's transactions as invoices and payments of ours. */
import { Bolt11, Nip47 } from "@farthing/protocol"
import { Option, Result } from "effect"
import * as Blocks from "./Blocks.ts"
import type { HoldInvoiceRequest, Incoming, Outgoing } from "./Wallet.ts"
import { WalletAnswerInvalid } from "./Wallet.ts"

/** Whether it says up to which block height its money can be taken. */
export const saysDeadline = (
  transaction: Nip47.Transaction
): transaction is Nip47.Transaction & { readonly settle_deadline: number } =>
  transaction.state === "accepted" && transaction.settle_deadline !== undefined

/**
 * A transaction as an invoice of ours; none if it is a payment. Without the wallet's block height
 * nothing is known of the time that a lock has left.
 */
export const toIncoming = (
  transaction: Nip47.Transaction,
  tip: Option.Option<Blocks.Tip>
): Option.Option<Incoming> =>
  transaction.type === "outgoing"
    ? Option.none()
    : Option.some({
        paymentHash: transaction.payment_hash,
        bolt11: transaction.invoice ?? "",
        amount: transaction.amount,
        state: incomingState(transaction),
        heldUntil: Option.flatMap(tip, (it) => heldUntil(transaction, it)),
        createdAt: transaction.created_at ?? 0,
        settledAt: settledAt(transaction)
      })

/**
 * A transaction as a payment of ours. None if it says that it is an invoice of ours: one with the
 * same hash proves no payment. One that does not say what it is counts if the preimage proves it;
 * otherwise it may still be the payment, so it is neither missing nor failed. A preimage of another
 * hash proves nothing.
 */
export const toOutgoing = (
  transaction: Nip47.Transaction
): Result.Result<Option.Option<Outgoing>, WalletAnswerInvalid> => {
  if (transaction.type === "incoming") return Result.succeed(Option.none())
  const { payment_hash: paymentHash, preimage, type } = transaction
  const said = outgoingState(transaction)
  const state = said === "failed" && type === undefined ? "pending" : said
  if (state === "settled" && preimage !== undefined && Bolt11.hashOf(preimage) !== paymentHash) {
    return invalid("The wallet shows the preimage of another payment")
  }
  return Result.succeed(
    Option.some({
      paymentHash,
      bolt11: transaction.invoice ?? "",
      amount: transaction.amount,
      state,
      fee: Option.fromUndefinedOr(transaction.fees_paid),
      preimage: state === "settled" ? Option.fromUndefinedOr(preimage) : Option.none(),
      createdAt: transaction.created_at ?? 0,
      settledAt: settledAt(transaction)
    })
  )
}

/** What was asked for, found again in the invoice that the wallet made. */
export const toMadeInvoice = (
  transaction: Nip47.Transaction,
  wanted: Pick<HoldInvoiceRequest, "amount" | "minFinalCltvDelta"> &
    Partial<Pick<HoldInvoiceRequest, "paymentHash">>
): Result.Result<Incoming, WalletAnswerInvalid> => {
  const decoded = Bolt11.decode(transaction.invoice ?? "")
  if (Result.isFailure(decoded)) return invalid("The wallet made no good invoice")
  const invoice = decoded.success
  if (!Option.contains(invoice.amount, wanted.amount)) {
    return invalid("The wallet made an invoice of another amount")
  }
  if (invoice.paymentHash !== (wanted.paymentHash ?? transaction.payment_hash)) {
    return invalid("The wallet made an invoice of another hash")
  }
  if (invoice.minFinalCltvDelta < (wanted.minFinalCltvDelta ?? 0)) {
    return invalid("The wallet made an invoice that locks money for too short a time")
  }
  return Result.succeed({
    paymentHash: invoice.paymentHash,
    bolt11: invoice.bolt11,
    amount: wanted.amount,
    state: "pending",
    heldUntil: Option.none(),
    createdAt: invoice.createdAt,
    settledAt: Option.none()
  })
}

/** Wallets that do not name the state show it by the time of settlement. */
const incomingState = (transaction: Nip47.Transaction): Incoming["state"] => {
  const { state } = transaction
  switch (state) {
    case "accepted":
      return "held"
    case "failed":
      return "cancelled"
    case undefined:
      return Option.isNone(settledAt(transaction)) ? "pending" : "settled"
    default:
      return state
  }
}

const heldUntil = (transaction: Nip47.Transaction, tip: Blocks.Tip): Option.Option<number> =>
  saysDeadline(transaction)
    ? Option.filter(
        Option.some(Blocks.timeOf(transaction.settle_deadline, tip)),
        Number.isSafeInteger
      )
    : Option.none()

const outgoingState = (transaction: Nip47.Transaction): Outgoing["state"] => {
  const { state } = transaction
  switch (state) {
    case "accepted":
      return "pending"
    case "expired":
      return "failed"
    case undefined:
      return Option.isNone(settledAt(transaction)) ? "pending" : "settled"
    default:
      return state
  }
}

/** Some wallets write 0 for what has not happened. */
const settledAt = ({ settled_at }: Nip47.Transaction): Option.Option<number> =>
  Option.filter(Option.fromUndefinedOr(settled_at), (seconds) => seconds > 0)

const invalid = (message: string) => Result.fail(new WalletAnswerInvalid({ message }))
