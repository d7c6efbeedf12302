/** What a provider tells its owner while it works. */
import type { AgentMessage, Bolt11, Key, Msat, NostrEvent, Settlement } from "@farthing/protocol"

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
      readonly settlement: Settlement.Settlement
    } & OfJob)
  | ({
      readonly _tag: "Refused"
      readonly code: AgentMessage.JobErrorCode
      readonly message: string
    } & OfJob)
  | ({ readonly _tag: "Paid"; readonly amount: Msat.Msat } & OfJob)
  /** The money of an escrow is locked in our wallet: the work begins. */
  | ({
      readonly _tag: "Locked"
      readonly amount: Msat.Msat
      /** Unix seconds. */
      readonly until: number
    } & OfJob)
  /** The result is at the relays, and its money is not ours yet. */
  | ({
      readonly _tag: "Awaiting"
      readonly amount: Msat.Msat
      readonly tokensOut: number | undefined
      /** From the beginning to the last event at the relays. */
      readonly millis: number
    } & OfJob)
  /** The result is at the relays, and its money is ours. */
  | ({
      readonly _tag: "Delivered"
      readonly amount: Msat.Msat
      readonly settlement: Settlement.Settlement
      /** Undefined where it was told before, and where the backend does not count. */
      readonly tokensOut: number | undefined
      /** From the payment to the last event at the relays; or how long it took to take the money. */
      readonly millis: number
    } & OfJob)
  /** Delivered, and the money went back to the customer or never came. */
  | ({ readonly _tag: "Unpaid"; readonly amount: Msat.Msat; readonly reason: string } & OfJob)
  /** Not delivered, and no money of the customer's is locked any more. */
  | ({ readonly _tag: "Returned"; readonly amount: Msat.Msat; readonly reason: string } & OfJob)
  /** Paid upfront, and not to be delivered: the customer may ask the money back. */
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
