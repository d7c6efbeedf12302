/** One request for inference as its provider knows it, from the quote on. */
import type { AgentMessage, Bolt11, Key, Msat, NostrEvent, Settlement } from "@farthing/protocol"
import { type Redacted, Schema } from "effect"

/** What a job is before there is an invoice for it. */
export interface Request {
  readonly id: NostrEvent.EventId
  readonly customer: Key.PublicKey
  readonly message: AgentMessage.JobRequest
  /** One that we announced, chosen by us where the customer named none. */
  readonly model: string
  /** The first of the customer's preferences that we offer. */
  readonly settlement: Settlement.Settlement
  /** On which its money is to travel; what is quoted tells it from then on. */
  readonly rail: Settlement.Rail
  /** Unix seconds, by our clock. */
  readonly receivedAt: number
}

export interface Job extends Omit<Request, "rail"> {
  readonly amount: Msat.Msat
  /** The invoice, or the text of an HTLC. */
  readonly bolt11: string
  readonly paymentHash: Bolt11.PaymentHash
  /** Unix seconds. A payment that comes later is still honoured. */
  readonly invoiceExpiresAt: number
  /** What takes the money of a hold invoice: ours if `sealed`, the customer's once it is shown. */
  readonly preimage?: Redacted.Redacted<Bolt11.Preimage>
  /** Unix seconds until which the money of an `escrow` is locked, once it is. */
  readonly heldUntil?: number
}

/**
 * `quoted` waits for money; `paid` for its turn, the money being ours or locked; `running` is being
 * inferred; `answered` has a stored answer that is on its way to the relays.
 *
 * What was paid `upfront` ends as `delivered`; or it is `owed`, while a refund is on offer, and
 * then `refunded`, or `lost` if the offer passed in vain.
 *
 * Where the money is locked, what has reached the relays is `awaiting`: the customer's preimage in
 * an `escrow`, the lock itself if it is `sealed`; with both there it is `claiming`, until the
 * wallet has taken the money and it is `delivered`. It is `unpaid` if the money went back or never
 * came. What cannot be delivered is `returning`, and `returned` once no money is locked any more.
 */
export const JobState = Schema.Literals([
  "refused",
  "quoted",
  "paid",
  "running",
  "answered",
  "awaiting",
  "claiming",
  "delivered",
  "unpaid",
  "returning",
  "returned",
  "owed",
  "refunded",
  "lost"
])
export type JobState = typeof JobState.Type

/** What happened to a job, and why: never changed, never forgotten. */
export interface Step {
  /** Unix milliseconds. */
  readonly at: number
  /** The state that the job was in from then on. */
  readonly state: JobState
  /** For the operator. */
  readonly note: string
}

/** Whether the customer's program knows more than the eight messages of the seed's protocol. */
export const isModern = (message: AgentMessage.JobRequest): boolean =>
  additions.some((field) => message[field] !== undefined)

const additions = [
  "model",
  "stream",
  "max_price_msats",
  "settlement",
  "rails",
  "payment_hash",
  "temperature",
  "top_p",
  "stop",
  "seed",
  "expires_at"
] as const satisfies ReadonlyArray<keyof AgentMessage.JobRequest>
