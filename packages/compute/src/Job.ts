/** A job as the customer sees it: one request to one provider, and how far it came. */
import type { Treasury } from "@farthing/budget"
import type { Bolt11, Key, Msat, NostrEvent, Settlement } from "@farthing/protocol"
import type { Redacted } from "effect"
import { Schema } from "effect"
import type { Request } from "./JobTransport.ts"
import type { Receipt } from "./Receipt.ts"

/** One request to one provider, as the journal remembers it. */
export interface Job {
  readonly request: NostrEvent.EventId
  readonly purchase: Treasury.PurchaseId
  readonly provider: Key.PublicKey
  readonly providerName: string
  readonly settlement: Settlement.Settlement
  readonly state: JobState
  readonly amount: Msat.Msat | undefined
  readonly paymentHash: Bolt11.PaymentHash | undefined
  /** Unix seconds. */
  readonly requestedAt: number
  /** Why it ended as it did, for people. */
  readonly note: string
}

/**
 * - `requested`, `quoted`, `paying`, `paid`: under way
 * - `sealed`: the result is here under seal and as it was committed to, and not yet paid
 * - `locked`: the money is locked, until it is taken or comes back
 * - `released`: the result is here and our preimage is out: the provider may take its money
 * - `delivered`: the result is here
 * - `unclaimed`: the result is here, and the provider let its money come back
 * - `returned`: nothing was delivered, and what was locked is back
 * - `refused`, `unanswered`: the provider did not quote
 * - `rejected`: its invoice must not be paid
 * - `unpaid`: nothing was paid, for a reason of ours or of the wallet
 * - `unknown`: the payment may have been made
 * - `lost`: paid, and neither result nor refund so far
 * - `refunding`: a refund was offered, and our invoice for it is on its way
 * - `refunded`: our wallet says that the money is back
 */
export const JobState = Schema.Literals([
  "requested",
  "quoted",
  "sealed",
  "paying",
  "locked",
  "released",
  "paid",
  "delivered",
  "unclaimed",
  "refused",
  "rejected",
  "unanswered",
  "unpaid",
  "unknown",
  "lost",
  "returned",
  "refunding",
  "refunded"
])
export type JobState = typeof JobState.Type

/** The states of jobs that are not at their end. */
export const underWay: ReadonlyArray<JobState> = [
  "requested",
  "quoted",
  "sealed",
  "paying",
  "locked",
  "released",
  "paid",
  "unknown",
  "refunding"
]

/** The secret that takes what is locked for a job, while it is ours alone. */
export type OwnPreimage = Redacted.Redacted<Bolt11.Preimage>

/** An invoice that may be paid, or an HTLC that may be locked. */
export interface Offer {
  /** What the provider calls the job. */
  readonly jobName: string
  /** The invoice, or the text of an HTLC. */
  readonly bolt11: string
  readonly amount: Msat.Msat
  readonly paymentHash: Bolt11.PaymentHash
}

/** Money that is locked for a job. */
export interface Lock {
  /** Unix seconds: nobody may count on it any more. */
  readonly until: number
}

/** What a payment came to. */
export interface Payment {
  readonly preimage: Bolt11.Preimage
  readonly fee: Msat.Msat
  /** Otherwise all that was set aside for it. */
  readonly feeKnown: boolean
  readonly leftToday: Msat.Msat | undefined
  /** Unix seconds. */
  readonly paidAt: number
}

/** A refund that was accepted: our invoice, and the signed message that carries it. */
export interface AcceptedRefund {
  readonly amount: Msat.Msat
  readonly bolt11: string
  /** Of our invoice. */
  readonly paymentHash: Bolt11.PaymentHash
  /** Sent again unchanged, however often. */
  readonly event: NostrEvent.NostrEvent
  /** Unix seconds; from then on the provider need not pay it any more. */
  readonly expiresAt: number
  /** Unix seconds. */
  readonly acceptedAt: number
}

export interface Refund extends AcceptedRefund {
  /** Unix seconds; undefined until our wallet says that the money is back. */
  readonly receivedAt: number | undefined
}

/** Something that was decided or learned about a job; written once, never changed. */
export interface Step {
  /** Unix milliseconds. */
  readonly at: number
  /** Where the job stood from then on. */
  readonly state: JobState
  readonly note: string
}

/** A job with everything that is known of it. */
export interface JobDetail {
  readonly job: Job
  readonly request: Request
  readonly offer: Offer | undefined
  readonly lock: Lock | undefined
  readonly payment: Payment | undefined
  readonly refund: Refund | undefined
  /** What the provider signed of a result under seal, its commitment last: evidence. */
  readonly sealed: ReadonlyArray<NostrEvent.NostrEvent>
  /** What a delivered job left. */
  readonly receipt: Receipt | undefined
  /** Its history, the first step first. */
  readonly steps: ReadonlyArray<Step>
}

/** A job that was taken up again, as it stands now. */
export interface Recovered {
  readonly job: Job
  readonly receipt: Receipt | undefined
  readonly refund: Refund | undefined
}
