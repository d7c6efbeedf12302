/**
 * What a provider must not forget: its channel, its quotes, who paid, and what it owes. Several
 * processes of one provider may share a book: each job is claimed by one of them.
 */
import type { Bolt11, Key, Msat, NostrEvent } from "@farthing/protocol"
import type { AgentMessage } from "@farthing/protocol"
import type { Effect, Option } from "effect"
import { Context, Schema } from "effect"
import type { Job, JobState, Request, Step } from "./Job.ts"
import type { LockedJobs } from "./LockedJobs.ts"
import type { Offer } from "./Refund.ts"

/** Who works on a job, and until when (unix milliseconds) unless it says so again. */
export interface Lease {
  readonly owner: string
  readonly until: number
}

/** A job that somebody began to work on and did not end. */
export type Unfinished =
  | {
      readonly _tag: "Unanswered"
      readonly job: Job
      /** How often it was begun before. */
      readonly begun: number
      /** Unix seconds: no piece of a former text was dated later, whether it was sent or not. */
      readonly saidUntil: number
    }
  /** What was signed for it may not have reached the customer. */
  | {
      readonly _tag: "Answered"
      readonly job: Job
      readonly answers: ReadonlyArray<NostrEvent.NostrEvent>
    }
  /** The customer may not have been told. */
  | ({ readonly _tag: "Owed" } & Owed)
  /** Its money may still be locked, and the customer may not have been told. */
  | {
      readonly _tag: "Returning"
      readonly job: Job
      readonly reason: string
      readonly answers: ReadonlyArray<NostrEvent.NostrEvent>
    }

/** A job whose refund is on offer. */
export interface Owed {
  readonly job: Job
  readonly offer: Offer
  /** What was signed to say so; empty if nothing was. */
  readonly answers: ReadonlyArray<NostrEvent.NostrEvent>
  /** The customer's invoice, once there was a valid one. */
  readonly invoice: Option.Option<string>
}

export interface Count {
  readonly state: JobState
  readonly jobs: number
  readonly amount: Msat.Msat
  /** What of it is in our wallet, and owed to nobody. */
  readonly earned: Msat.Msat
}

export interface Shape extends LockedJobs {
  /** The event that opened the provider's channel: the one kept, or else this one from now on. */
  readonly keepChannel: (
    created: NostrEvent.NostrEvent
  ) => Effect.Effect<NostrEvent.NostrEvent, BookUnavailable>
  readonly findChannel: (
    provider: Key.PublicKey
  ) => Effect.Effect<Option.Option<NostrEvent.NostrEvent>, BookUnavailable>
  /** A date for the next announcement (unix seconds): now, and later than every one before. */
  readonly dateAnnouncement: (
    provider: Key.PublicKey,
    now: number
  ) => Effect.Effect<number, BookUnavailable>

  /** Whether the request was answered already, with a quote or a refusal. */
  readonly knows: (request: NostrEvent.EventId) => Effect.Effect<boolean, BookUnavailable>
  /** Whether it is new: nobody has answered it. */
  readonly refused: (
    provider: Key.PublicKey,
    request: Pick<Request, "id" | "customer" | "receivedAt">,
    code: AgentMessage.JobErrorCode
  ) => Effect.Effect<boolean, BookUnavailable>
  /** Keeps what is about to be said with it. Whether it is new: nobody has answered it. */
  readonly quoted: (
    provider: Key.PublicKey,
    job: Job,
    quote: NostrEvent.NostrEvent
  ) => Effect.Effect<boolean, BookUnavailable>
  /** Quotes since a unix second whose money may yet come; sealed results among them. */
  readonly unpaid: (
    provider: Key.PublicKey,
    since: number
  ) => Effect.Effect<ReadonlyArray<Job>, BookUnavailable>
  /** What was signed to tell of them; some of it may never have been said. */
  readonly quotes: (
    provider: Key.PublicKey,
    since: number
  ) => Effect.Effect<ReadonlyArray<NostrEvent.NostrEvent>, BookUnavailable>
  /** The customer does not want it any more. Whether it was still unpaid; it may yet be paid. */
  readonly cancelled: (
    request: NostrEvent.EventId,
    customer: Key.PublicKey
  ) => Effect.Effect<boolean, BookUnavailable>

  /** The job of a settled invoice, upfront, for whoever is first to say that it is paid. */
  readonly paid: (
    paymentHash: Bolt11.PaymentHash,
    lease: Lease,
    next: "paid" | "running"
  ) => Effect.Effect<Option.Option<Job>, BookUnavailable>
  /** Whether the job is still the owner's, and unanswered. */
  readonly running: (
    request: NostrEvent.EventId,
    lease: Lease
  ) => Effect.Effect<boolean, BookUnavailable>
  /** Keeps what was signed before it is sent. Whether the job was still the owner's. */
  readonly answered: (
    request: NostrEvent.EventId,
    owner: string,
    answers: ReadonlyArray<NostrEvent.NostrEvent>
  ) => Effect.Effect<boolean, BookUnavailable>
  /** The answers have reached the relays. Whether the job was not ended otherwise. */
  readonly delivered: (request: NostrEvent.EventId) => Effect.Effect<boolean, BookUnavailable>
  /**
   * The job cannot be done or delivered: what was paid is offered back. Keeps what was signed to
   * say so, in place of every other answer. Whether the job was still the owner's.
   */
  readonly owed: (
    request: NostrEvent.EventId,
    owner: string,
    offer: Offer,
    answers: ReadonlyArray<NostrEvent.NostrEvent>
  ) => Effect.Effect<boolean, BookUnavailable>
  /** Keeps what was signed to say so, where nothing was. Whether the job was still the owner's. */
  readonly offered: (
    request: NostrEvent.EventId,
    owner: string,
    answers: ReadonlyArray<NostrEvent.NostrEvent>
  ) => Effect.Effect<boolean, BookUnavailable>
  /** The customer was told what it is owed. */
  readonly told: (request: NostrEvent.EventId) => Effect.Effect<void, BookUnavailable>
  /** Something worth knowing about a paid job; the same twice in a row is written once. */
  readonly noted: (
    request: NostrEvent.EventId,
    note: string
  ) => Effect.Effect<boolean, BookUnavailable>

  /** For the jobs that the owner is at work on; those that are still its own come back. */
  readonly renew: (
    lease: Lease,
    jobs: ReadonlyArray<NostrEvent.EventId>
  ) => Effect.Effect<ReadonlyArray<NostrEvent.EventId>, BookUnavailable>
  /** The owner works on nothing any more, as of `now` (unix milliseconds). */
  readonly release: (owner: string, now: number) => Effect.Effect<void, BookUnavailable>
  /** Takes paid jobs over whose lease has lapsed by `now` (unix milliseconds). */
  readonly takeOver: (
    provider: Key.PublicKey,
    lease: Lease,
    now: number
  ) => Effect.Effect<ReadonlyArray<Unfinished>, BookUnavailable>

  /** Everything on offer, the one that expires next first. */
  readonly offers: (provider: Key.PublicKey) => Effect.Effect<ReadonlyArray<Owed>, BookUnavailable>
  /** Those that were claimed, or have expired by `now` (unix seconds). */
  readonly dueOffers: (
    provider: Key.PublicKey,
    now: number
  ) => Effect.Effect<ReadonlyArray<Owed>, BookUnavailable>
  readonly findOffer: (
    request: NostrEvent.EventId
  ) => Effect.Effect<Option.Option<Owed>, BookUnavailable>
  /** Whether an invoice with this payment hash was quoted here, or is to be paid as a refund. */
  readonly usesHash: (paymentHash: Bolt11.PaymentHash) => Effect.Effect<boolean, BookUnavailable>
  /** Keeps the invoice that is to be paid. Whether it is the first one, for an open offer. */
  readonly claimed: (
    request: NostrEvent.EventId,
    invoice: Bolt11.Invoice
  ) => Effect.Effect<boolean, BookUnavailable>
  /** The refund was paid. Whether nobody has said so before. */
  readonly refunded: (
    request: NostrEvent.EventId,
    note: string
  ) => Effect.Effect<boolean, BookUnavailable>
  /** The offer has expired in vain. Whether it was still open. */
  readonly lost: (
    request: NostrEvent.EventId,
    reason: string
  ) => Effect.Effect<boolean, BookUnavailable>

  /** What happened to a paid job, from the first step to the last. */
  readonly steps: (
    request: NostrEvent.EventId
  ) => Effect.Effect<ReadonlyArray<Step>, BookUnavailable>

  /** Forgets refusals, and unpaid quotes, that were received before a unix second. */
  readonly prune: (
    provider: Key.PublicKey,
    before: { readonly refused: number; readonly quoted: number }
  ) => Effect.Effect<void, BookUnavailable>

  readonly counts: (provider: Key.PublicKey) => Effect.Effect<ReadonlyArray<Count>, BookUnavailable>
  /**
   * What was paid upfront for jobs that are neither delivered nor refunded: whatever else is paid
   * from the same wallet has to leave so much there.
   */
  readonly obligations: (provider: Key.PublicKey) => Effect.Effect<Msat.Msat, BookUnavailable>
}

export class ProviderBook extends Context.Service<ProviderBook, Shape>()(
  "@farthing/provider/ProviderBook"
) {}

/** The book cannot be read or written; without it nothing is sold. */
export class BookUnavailable extends Schema.TaggedError<BookUnavailable>()("BookUnavailable", {
  message: Schema.String
}) {}
