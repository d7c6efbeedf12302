/** The record of a finished purchase. */
import type { Treasury } from "@farthing/budget"
import type { Bolt11, Key, NostrEvent, Settlement } from "@farthing/protocol"
import { Msat } from "@farthing/protocol"
import type { Delivered } from "./Delivery.ts"

export interface Receipt {
  readonly purchase: Treasury.PurchaseId
  readonly request: NostrEvent.EventId
  readonly provider: Key.PublicKey
  readonly providerName: string
  readonly model: string | undefined
  readonly settlement: Settlement.Settlement
  readonly text: string
  /** sha256 of the text's UTF-8 bytes. */
  readonly resultSha256: string
  readonly finishReason: string | undefined
  readonly tokensIn: number | undefined
  readonly tokensOut: number | undefined
  readonly bolt11: string
  readonly paymentHash: Bolt11.PaymentHash
  readonly preimage: Bolt11.Preimage
  readonly amount: Msat.Msat
  readonly fee: Msat.Msat
  /** Otherwise the fee is all that was set aside for it. */
  readonly feeKnown: boolean
  /** What left the wallet: amount and fee; nothing where the provider let them come back. */
  readonly cost: Msat.Msat
  /** What the budget still allows today; undefined without a daily limit. */
  readonly leftToday: Msat.Msat | undefined
  /** Unix seconds. */
  readonly finishedAt: number
  /** Milliseconds spent in each stage, all attempts together, in the order they began. */
  readonly stages: ReadonlyArray<{ readonly stage: string; readonly millis: number }>
}

/** The receipt for a text that was delivered; `model` is what is known of it without the answer. */
export const make = (
  parts: Omit<
    Receipt,
    "text" | "resultSha256" | "model" | "finishReason" | "tokensIn" | "tokensOut" | "cost"
  >,
  { sha256, summary, text }: Delivered,
  model: string | undefined
): Receipt => ({
  ...parts,
  text,
  resultSha256: sha256,
  model: summary.model ?? model,
  finishReason: summary.finishReason,
  tokensIn: summary.tokensIn,
  tokensOut: summary.tokensOut,
  cost: Msat.add(parts.amount, parts.fee)
})
