/**
 * What a provider must not forget: its channel, its quotes, who paid, and what it owes. Several
 * processes of one provider may share a book: each job is claimed by one of them.
 */
import type { Bolt11, Key, Msat, NostrEvent } from "@farthing/protocol"
import type { AgentMessage } from "@farthing/protocol"
import type { Effect, Option } from "effect"
import { Context, Schema } from "effect"
import type { Job, JobState, Outcome, Request } from "./Job.ts"

/** Who works on a job, and until when (unix milliseconds) unless it says so again. */
export interface Lease {
  readonly owner: string
  readonly until: number
}

/** A job that somebody began and did not end. */
export interface Unfinished {
  readonly job: Job
  /** How often it was begun before. */
  readonly begun: number
  /** What was signed for it and may not have reached the customer; empty if nothing was. */
  readonly answers: ReadonlyArray<NostrEvent.NostrEvent>
  readonly outcome: Outcome | undefined
}

export interface Count {
  readonly state: JobState
  readonly jobs: number
  readonly amount: Msat.Msat
}

export interface Shape {
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
  /** Whether it is new: nobody has answered it. */
  readonly quoted: (provider: Key.PublicKey, job: Job) => Effect.Effect<boolean, BookUnavailable>
  /** Quotes since a unix second that nobody has paid. */
  readonly unpaid: (
    provider: Key.PublicKey,
    since: number
  ) => Effect.Effect<ReadonlyArray<Job>, BookUnavailable>

  /** The job of a settled invoice, for whoever is first to say that it is paid. */
  readonly paid: (
    paymentHash: Bolt11.PaymentHash,
    lease: Lease,
    next: "paid" | "running"
  ) => Effect.Effect<Option.Option<Job>, BookUnavailable>
  /** Whether the job is still the owner's. */
  readonly running: (
    request: NostrEvent.EventId,
    lease: Lease
  ) => Effect.Effect<boolean, BookUnavailable>
  /** Keeps what was signed before it is sent. Whether the job was still the owner's. */
  readonly answered: (
    request: NostrEvent.EventId,
    owner: string,
    outcome: Outcome,
    answers: ReadonlyArray<NostrEvent.NostrEvent>
  ) => Effect.Effect<boolean, BookUnavailable>
  /** The answers have reached the relays, or never will. */
  readonly ended: (
    request: NostrEvent.EventId,
    outcome: Outcome
  ) => Effect.Effect<void, BookUnavailable>

  /** For the jobs that the owner is at work on; others of its own lapse and are taken over. */
  readonly renew: (
    lease: Lease,
    jobs: ReadonlyArray<NostrEvent.EventId>
  ) => Effect.Effect<void, BookUnavailable>
  readonly release: (owner: string) => Effect.Effect<void, BookUnavailable>
  /** Takes paid jobs over whose lease has lapsed by `now` (unix milliseconds). */
  readonly takeOver: (
    provider: Key.PublicKey,
    lease: Lease,
    now: number
  ) => Effect.Effect<ReadonlyArray<Unfinished>, BookUnavailable>

  /** Forgets refusals and unpaid quotes that were received before a unix second. */
  readonly prune: (provider: Key.PublicKey, before: number) => Effect.Effect<void, BookUnavailable>

  readonly counts: (provider: Key.PublicKey) => Effect.Effect<ReadonlyArray<Count>, BookUnavailable>
}

export class ProviderBook extends Context.Service<ProviderBook, Shape>()(
  "@farthing/provider/ProviderBook"
) {}

/** The book cannot be read or written; without it nothing is sold. */
export class BookUnavailable extends Schema.TaggedError<BookUnavailable>()("BookUnavailable", {
  message: Schema.String
}) {}
