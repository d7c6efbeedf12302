/** What a provider tells its owner while it works. */
import type { AgentMessage, Bolt11, Key, Msat, NostrEvent } from "@farthing/protocol"

interface OfJob {
  readonly request: NostrEvent.EventId
  readonly customer: Key.PublicKey
}

export type ProviderEvent =
  | {
      readonly _tag: "Online"
      readonly channel: NostrEvent.EventId
      readonly models: ReadonlyArray<string>
      /** Of a request that names no model. */
      readonly price: Msat.Msat
    }
  /** The announcement says so: on a stop, or while no backend is healthy. */
  | { readonly _tag: "Offline" }
  | ({ readonly _tag: "Requested"; readonly model: string } & OfJob)
  | ({
      readonly _tag: "Quoted"
      readonly amount: Msat.Msat
      /** From the request to the invoice. */
      readonly millis: number
      readonly paymentHash: Bolt11.PaymentHash
    } & OfJob)
  | ({
      readonly _tag: "Refused"
      readonly code: AgentMessage.JobErrorCode
      readonly message: string
    } & OfJob)
  | ({ readonly _tag: "Paid"; readonly amount: Msat.Msat } & OfJob)
  | ({
      readonly _tag: "Delivered"
      readonly amount: Msat.Msat
      readonly tokensOut: number | undefined
      /** From the payment to the last event at the relays. */
      readonly millis: number
    } & OfJob)
  /** Paid, and not to be delivered: the customer may ask the money back. */
  | ({
      readonly _tag: "Owed"
      /** What is offered back. */
      readonly amount: Msat.Msat
      /** Unix seconds. */
      readonly expiresAt: number
      readonly reason: string
    } & OfJob)
  | ({
      readonly _tag: "Refunded"
      readonly amount: Msat.Msat
      readonly fee: Msat.Msat
      readonly paymentHash: Bolt11.PaymentHash
    } & OfJob)
  /** Paid, neither delivered nor refunded, and the offer has expired. */
  | ({ readonly _tag: "Lost"; readonly amount: Msat.Msat; readonly reason: string } & OfJob)
  /** The customer does not want it any more, and has not paid. */
  | ({ readonly _tag: "Cancelled" } & OfJob)
  /** A backend is not relied on until its next check succeeds; its share of the work is not sold. */
  | { readonly _tag: "Ailing"; readonly backend: string; readonly message: string }
  /** It is relied on again. */
  | { readonly _tag: "Well"; readonly backend: string }
  /** Something outside does not work; the provider goes on and tries again. */
  | { readonly _tag: "Trouble"; readonly message: string }
