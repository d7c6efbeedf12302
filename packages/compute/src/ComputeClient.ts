/**
 * The customer's side of the market: discover providers, choose one, buy an inference.
 */
import type { Treasury } from "@farthing/budget"
import type { Bolt11, Key, Msat, NostrEvent, Settlement } from "@farthing/protocol"
import type { Duration, Effect, Stream } from "effect"
import { Context, Schema } from "effect"
import type { ComputeError } from "./ComputeError.ts"
import type { Provider } from "./Provider.ts"
import type { Receipt } from "./Receipt.ts"
import type { Selection } from "./Selection.ts"

/** What is wanted, and the most that it may cost (invoice and fee together). */
export interface InferenceRequest {
  readonly prompt: string
  readonly maxTokens?: number
  readonly budget: Msat.Msat
  readonly model?: string
  /** The one provider to buy from, as `discoverProviders` told of it; saves the discovery. */
  readonly provider?: Provider
  readonly tick?: Treasury.TickId
  /**
   * Names the purchase across restarts: asked for again, it is gone on with, and what was
   * delivered already is not paid for twice.
   */
  readonly purchase?: Treasury.PurchaseId
  /** A person has agreed to the cost. */
  readonly approved?: boolean
  readonly selection?: Selection
}

/** What a purchase tells while it goes on. */
export type Progress =
  | {
      readonly _tag: "Stage"
      readonly stage: Stage
      readonly provider?: Key.PublicKey
      readonly message: string
    }
  | { readonly _tag: "Chunk"; readonly text: string }
  | { readonly _tag: "Done"; readonly receipt: Receipt }

export type Stage =
  | "discover"
  | "select"
  | "request"
  | "quote"
  | "check"
  | "reserve"
  | "pay"
  | "deliver"
  | "settle"

export interface Shape {
  /** Everybody who sells now, as far as the relays knew within the time given. */
  readonly discoverProviders: (
    within?: Duration.Input
  ) => Effect.Effect<ReadonlyArray<Provider>, ComputeError>
  /** Providers as they come, change and go. */
  readonly watchProviders: Stream.Stream<Provider, ComputeError>
  /** Buys an inference, from discovery to receipt. */
  readonly requestInference: (request: InferenceRequest) => Effect.Effect<Receipt, ComputeError>
  /** The same, telling each stage and each piece of text as it comes; ends with `Done`. */
  readonly streamInference: (request: InferenceRequest) => Stream.Stream<Progress, ComputeError>
  /**
   * Takes up what an earlier process left: payments whose end is not known, paid jobs without a
   * result. Answers with every job it took up, as it stands now.
   */
  readonly recover: Effect.Effect<ReadonlyArray<Recovered>, ComputeError>
  readonly jobs: (options?: {
    readonly limit?: number
  }) => Effect.Effect<ReadonlyArray<Job>, ComputeError>
  readonly receipts: (options?: {
    readonly limit?: number
  }) => Effect.Effect<ReadonlyArray<Receipt>, ComputeError>
}

/** The cheapest provider whose price is known and within the budget. */
export { selectCheapestProvider } from "./Selection.ts"

export class ComputeClient extends Context.Service<ComputeClient, Shape>()(
  "@farthing/compute/ComputeClient"
) {}

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

export interface Recovered {
  readonly job: Job
  readonly receipt: Receipt | undefined
}
