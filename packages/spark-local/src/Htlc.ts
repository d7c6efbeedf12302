/** A transfer that is locked to a payment hash: what the operators call a preimage request. */
import type { Bolt11 } from "@farthing/protocol"
import type { Identity } from "./Identity.ts"

export interface Htlc {
  readonly paymentHash: Bolt11.PaymentHash
  readonly transferId: string
  readonly sender: Identity
  readonly receiver: Identity
  readonly state: State
  /** Unix milliseconds. */
  readonly createdAt: number
}

export type State =
  /** Until the transfer expires. */
  | { readonly _tag: "Waiting" }
  | { readonly _tag: "Revealed"; readonly preimage: Bolt11.Preimage }
  | { readonly _tag: "Returned" }
