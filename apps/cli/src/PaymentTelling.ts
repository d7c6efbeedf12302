/** How the payment of one invoice is told, before and after. */
import type { Treasury } from "@farthing/budget"
import { type Bolt11, Msat, Text } from "@farthing/protocol"
import { Option } from "effect"
import * as Show from "./Show.ts"

interface Payment {
  readonly amount: Msat.Msat
  readonly fee: Msat.Msat
  /** Otherwise the fee is all that was set aside for it. */
  readonly feeKnown: boolean
  readonly paymentHash: string
  readonly preimage: string | undefined
  /** What the daily limit still allows. */
  readonly leftToday: Msat.Msat | undefined
  /** Whether an earlier command paid it. */
  readonly isFormer: boolean
}

export const ofSettled = (settled: Treasury.Settled): Payment => ({ ...settled, isFormer: false })

export const ofRecord = (spend: Treasury.SpendRecord): Payment => ({
  amount: spend.amount,
  fee: spend.fee ?? spend.allowedFee,
  feeKnown: spend.fee !== undefined,
  paymentHash: spend.paymentHash,
  preimage: spend.preimage,
  leftToday: undefined,
  isFormer: true
})

/** What an invoice asks for, and for what. */
export const intent = ({ amount, description, payee }: Bolt11.Invoice): string =>
  [
    Option.match(amount, { onNone: () => "no amount", onSome: Show.costInFull }),
    `to node ${Show.short(payee)}`,
    ...Option.toArray(Option.map(description, (text) => Text.printable(text, 120)))
  ].join(" · ")

export const lines = (payment: Payment): ReadonlyArray<string> => [
  `paid         ${Show.costInFull(payment.amount)}`,
  `fee          ${payment.feeKnown ? "" : "up to "}${Show.costInFull(payment.fee)}`,
  `payment hash ${payment.paymentHash}`,
  `preimage     ${payment.preimage ?? "not known"}`,
  ...(payment.leftToday === undefined
    ? []
    : [`budget left  ${Show.balance(payment.leftToday)} today`])
]

export const fields = (payment: Payment) => ({
  amount_msats: payment.amount,
  fee_msats: payment.fee,
  fee_known: payment.feeKnown,
  cost_msats: Msat.add(payment.amount, payment.fee),
  payment_hash: payment.paymentHash,
  preimage: payment.preimage ?? null,
  left_today_msats: payment.leftToday ?? null,
  paid_before: payment.isFormer
})
