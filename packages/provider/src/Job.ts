/** One request for inference as its provider knows it, from the quote on. */
import type { AgentMessage, Bolt11, Key, Msat, NostrEvent } from "@farthing/protocol"
import { Schema } from "effect"

/** What a job is before there is an invoice for it. */
export interface Request {
  readonly id: NostrEvent.EventId
  readonly customer: Key.PublicKey
  readonly message: AgentMessage.JobRequest
  /** One that we announced, chosen by us where the customer named none. */
  readonly model: string
  /** Unix seconds, by our clock. */
  readonly receivedAt: number
}

export interface Job extends Request {
  readonly amount: Msat.Msat
  readonly bolt11: string
  readonly paymentHash: Bolt11.PaymentHash
  /** Unix seconds. A payment that comes later is still honoured. */
  readonly invoiceExpiresAt: number
}

/**
 * `quoted` waits for money; `paid` for its turn; `running` is being inferred; `answered` has a
 * stored answer that is on its way to the relays. What was paid ends as `delivered`; or it is
 * `owed`, while a refund is on offer, and then `refunded`, or `lost` if the offer passed in vain.
 */
export const JobState = Schema.Literals([
  "refused",
  "quoted",
  "paid",
  "running",
  "answered",
  "delivered",
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
  "payment_hash",
  "temperature",
  "top_p",
  "stop",
  "seed",
  "expires_at"
] as const satisfies ReadonlyArray<keyof AgentMessage.JobRequest>
