/**
 * The provider's book on jobs whose money is locked before it is taken (`escrow`, `sealed`). What
 * is said here decides among several processes: money is asked for once the book says `claiming`,
 * and that a job has ended is news for one of them.
 */
import type { Bolt11, Key, NostrEvent } from "@farthing/protocol"
import type { Effect, Option, Redacted } from "effect"
import type { Job } from "./Job.ts"
import type { BookUnavailable, Lease } from "./ProviderBook.ts"

/** How many sealed results may be unpaid: what could be paid until now (unix seconds) counts. */
export interface Room {
  readonly inAll: number
  readonly perCustomer: number
  readonly now: number
}

/** One whose preimage is ours. */
export interface SealedJob extends Job {
  readonly preimage: Redacted.Redacted<Bolt11.Preimage>
}

export interface Due {
  readonly job: Job
  /** Whether its money is to be taken; else it is to be given up. */
  readonly isClaiming: boolean
}

export interface LockedJobs {
  /**
   * Whether the customer has had a result in escrow since a unix millisecond or longer whose
   * preimage it has not shown, or never showed one whose lock ended after `forgiven`.
   */
  readonly owesRelease: (
    provider: Key.PublicKey,
    customer: Key.PublicKey,
    when: { readonly since: number; readonly forgiven: number }
  ) => Effect.Effect<boolean, BookUnavailable>
  /** Whether another sealed result of this customer may be unpaid. */
  readonly hasRoom: (
    provider: Key.PublicKey,
    customer: Key.PublicKey,
    room: Room
  ) => Effect.Effect<boolean, BookUnavailable>
  /**
   * Keeps a sealed job, its preimage and what is about to be said with it; the lease begins, as
   * does the work. Whether it is new, and there is room for it.
   */
  readonly sealed: (
    provider: Key.PublicKey,
    job: SealedJob,
    quote: NostrEvent.NostrEvent,
    lease: Lease,
    room: Room
  ) => Effect.Effect<boolean, BookUnavailable>
  /** The escrow whose money is locked until a unix second, for whoever is first to say so. */
  readonly locked: (
    paymentHash: Bolt11.PaymentHash,
    heldUntil: number,
    lease: Lease,
    next: "paid" | "running"
  ) => Effect.Effect<Option.Option<Job>, BookUnavailable>

  /**
   * The answers have reached the relays. The job, if nobody has said so before; with its preimage
   * an escrow's money is to be claimed from now on.
   */
  readonly awaiting: (
    request: NostrEvent.EventId
  ) => Effect.Effect<Option.Option<Job>, BookUnavailable>
  /** An escrow that was begun, and whose preimage was not shown. */
  readonly findEscrow: (
    by: { readonly request: NostrEvent.EventId } | { readonly paymentHash: Bolt11.PaymentHash }
  ) => Effect.Effect<Option.Option<Job>, BookUnavailable>
  /** All of them. */
  readonly escrows: (provider: Key.PublicKey) => Effect.Effect<ReadonlyArray<Job>, BookUnavailable>
  /**
   * Keeps the preimage that an escrow's customer has shown. The job, if it is delivered and its
   * money is to be claimed from now on.
   */
  readonly released: (
    request: NostrEvent.EventId,
    preimage: Redacted.Redacted<Bolt11.Preimage>
  ) => Effect.Effect<Option.Option<Job>, BookUnavailable>
  /** The money of a sealed result is locked. The job, if it is to be claimed from now on. */
  readonly claiming: (
    paymentHash: Bolt11.PaymentHash
  ) => Effect.Effect<Option.Option<Job>, BookUnavailable>
  /** Whether the money of a sealed job may yet be claimed. */
  readonly isAwaited: (paymentHash: Bolt11.PaymentHash) => Effect.Effect<boolean, BookUnavailable>
  /** The wallet has taken the money: the job is delivered. Whether nobody has said so before. */
  readonly collected: (request: NostrEvent.EventId) => Effect.Effect<boolean, BookUnavailable>
  /** The money went back, or never came. Whether nobody has said so before. */
  readonly forgone: (
    request: NostrEvent.EventId,
    reason: string
  ) => Effect.Effect<boolean, BookUnavailable>
  /**
   * What is claimed since a unix millisecond or longer, and what is awaited whose time has come: an
   * escrow locked until `locked`, an invoice that could be paid until `invoiced` (unix seconds).
   */
  readonly dueLocks: (
    provider: Key.PublicKey,
    until: { readonly claiming: number; readonly locked: number; readonly invoiced: number }
  ) => Effect.Effect<ReadonlyArray<Due>, BookUnavailable>

  /**
   * Nothing is delivered: the money goes back. Keeps what was signed to say so, in place of every
   * other answer. Whether the job was the owner's, or an escrow that nobody has begun.
   */
  readonly returning: (
    request: NostrEvent.EventId,
    lease: Lease,
    reason: string,
    answers: ReadonlyArray<NostrEvent.NostrEvent>
  ) => Effect.Effect<boolean, BookUnavailable>
  /** No money is locked any more, and the customer was told. Whether nobody has said so before. */
  readonly returned: (request: NostrEvent.EventId) => Effect.Effect<boolean, BookUnavailable>
}
