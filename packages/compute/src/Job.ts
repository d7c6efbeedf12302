/** A job as the customer sees it: one request to one provider, and how far it came. */
import type { Treasury } from "@farthing/budget"
import type { Bolt11, Key, Msat, NostrEvent, Settlement } from "@farthing/protocol"
import { Schema } from "effect"
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
 * - `delivered`: the result is here
 * - `refused`, `unanswered`: the provider did not quote
 * - `rejected`: its invoice must not be paid
 * - `unpaid`: nothing was paid, for a reason of ours or of the wallet
 * - `unknown`: the payment may have been made
 * - `lost`: paid, and no result so far
 */
export const JobState = Schema.Literals([
  "requested",
  "quoted",
  "paying",
  "paid",
  "delivered",
  "refused",
  "rejected",
  "unanswered",
  "unpaid",
  "unknown",
  "lost"
])
export type JobState = typeof JobState.Type

/** A job that was taken up again, as it stands now. */
export interface Recovered {
  readonly job: Job
  readonly receipt: Receipt | undefined
}
