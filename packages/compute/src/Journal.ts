/**
 * What the customer remembers of its jobs: each request before it goes out, what became of it,
 * every receipt, and how each provider did.
 */
import type { Treasury } from "@farthing/budget"
import type { Bolt11, Key, Msat, NostrEvent, Settlement } from "@farthing/protocol"
import type { Effect, Option } from "effect"
import { Context } from "effect"
import type {
  AcceptedRefund,
  Job,
  JobDetail,
  JobState,
  Lock,
  Offer,
  OwnPreimage,
  Payment
} from "./Job.ts"
import type { Request } from "./JobTransport.ts"
import type { Record } from "./Provider.ts"
import type { Receipt } from "./Receipt.ts"

/** A request that is about to go out. */
export interface NewJob {
  readonly request: Request
  readonly purchase: Treasury.PurchaseId
  readonly providerName: string
  readonly settlement: Settlement.Settlement
  /** Present where the money is to be locked to its hash. */
  readonly preimage: Option.Option<OwnPreimage>
  readonly model: string | undefined
  /** Unix seconds. */
  readonly requestedAt: number
}

/** A job as it stands, with all that is needed to go on with it in another process. */
export interface Entry extends Omit<JobDetail, "steps" | "sealed"> {
  readonly model: string | undefined
  readonly preimage: Option.Option<OwnPreimage>
  /** The signed message that shows our preimage, once it may be sent. */
  readonly release: NostrEvent.NostrEvent | undefined
  /** A process, as far as is known a living one, is at it; it may be this one. */
  readonly isLeased: boolean
}

/** What came of a payment, by what the spend ledger knows it by. */
export interface Conclusion {
  readonly request: NostrEvent.EventId
  readonly purchase: Treasury.PurchaseId
  readonly paymentHash: Bolt11.PaymentHash
  readonly outcome: "delivered" | "refunded"
}

/** How a job ends without a result. */
export type EndState = Extract<
  JobState,
  "refused" | "rejected" | "unanswered" | "unpaid" | "unknown" | "lost" | "returned"
>

/** From which states a job comes into each; any other step is not taken. */
export const comesFrom: Readonly<globalThis.Record<JobState, ReadonlyArray<JobState>>> = {
  requested: [],
  quoted: ["requested"],
  sealed: ["requested", "quoted"],
  paying: ["requested", "quoted", "sealed"],
  locked: ["paying", "unknown", "unpaid"],
  released: ["paying", "locked"],
  paid: ["paying", "locked", "unknown", "unpaid"],
  delivered: ["paid", "lost", "released"],
  unclaimed: ["released"],
  refused: ["requested", "quoted", "sealed", "paying"],
  unanswered: ["requested", "quoted"],
  rejected: ["requested", "quoted", "sealed", "paying"],
  unpaid: ["requested", "quoted", "sealed", "paying", "unknown"],
  unknown: ["paying"],
  lost: ["paid", "refunding"],
  returned: ["paying", "locked", "unknown"],
  refunding: ["paid", "lost"],
  refunded: ["refunding"]
}

/**
 * Each step says whether it was taken: not, where somebody else (another process that takes up
 * the same job) was faster. Every step that was taken stands in the job's history for good.
 */
export interface Shape {
  /** Before anything is sent. */
  readonly requested: (job: NewJob) => Effect.Effect<void, Treasury.LedgerUnavailable>
  /** An offer that has to wait for others, with which it is compared. */
  readonly quoted: (request: NostrEvent.EventId, offer: Offer) => OfferStep
  /** Before the money moves. */
  readonly paying: (request: NostrEvent.EventId, offer: Offer) => OfferStep
  /** What the provider signed of a result under seal; before anything is paid for it. */
  readonly sealed: (
    request: NostrEvent.EventId,
    events: ReadonlyArray<NostrEvent.NostrEvent>
  ) => Step
  readonly locked: (request: NostrEvent.EventId, lock: Lock) => Step
  /** The result, and the signed message that shows our preimage: before that is sent. */
  readonly released: (receipt: Receipt, release: NostrEvent.NostrEvent, millis?: number) => Step
  /** The provider has taken what was released; the fee, where it is known. */
  readonly claimed: (request: NostrEvent.EventId, fee: Msat.Msat | undefined) => Step
  /** What was released came back: the result cost nothing. */
  readonly unclaimed: (request: NostrEvent.EventId, note: string) => Step
  readonly paid: (request: NostrEvent.EventId, payment: Payment) => Step
  /** `millis`: from payment to result, if that was watched. */
  readonly delivered: (receipt: Receipt, millis?: number) => Step
  readonly ended: (request: NostrEvent.EventId, state: EndState, note: string) => Step
  /** An offer that was not taken. */
  readonly passedOver: (request: NostrEvent.EventId) => Step
  /** Before our invoice is sent. Until the money is here the job counts as a loss. */
  readonly refunding: (request: NostrEvent.EventId, refund: AcceptedRefund) => Step
  /** The money is back; `receivedAt` in unix seconds. */
  readonly refunded: (request: NostrEvent.EventId, receivedAt: number) => Step
  /** Something worth remembering, once in a row, that leaves the job where it stands. */
  readonly noted: (
    request: NostrEvent.EventId,
    note: string
  ) => Effect.Effect<void, Treasury.LedgerUnavailable>
  /** What is written inside, in the ledger of the same database as well, is durable at once. */
  readonly together: <A, E, R>(
    effect: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | Treasury.LedgerUnavailable, R>
  /** Says that this process is still at these purchases. */
  readonly keepAlive: (
    purchases: ReadonlyArray<Treasury.PurchaseId>
  ) => Effect.Effect<void, Treasury.LedgerUnavailable>
  /** Nobody waits at this job any more: recovery may take it up at once. */
  readonly letGo: (request: NostrEvent.EventId) => Effect.Effect<void, Treasury.LedgerUnavailable>
  /** The same, where the provider has money of ours locked and gave nothing for it in time. */
  readonly stalled: (request: NostrEvent.EventId) => Effect.Effect<void, Treasury.LedgerUnavailable>
  /** How each provider did that we dealt with. */
  readonly records: Effect.Effect<ReadonlyMap<Key.PublicKey, Record>, Treasury.LedgerUnavailable>
  /** All jobs of one purchase, the first attempt first. */
  readonly find: (
    purchase: Treasury.PurchaseId
  ) => Effect.Effect<ReadonlyArray<Entry>, Treasury.LedgerUnavailable>
  /** The job whose request's id begins so; none if there is no such job, or more than one. */
  readonly findJob: (
    prefix: string
  ) => Effect.Effect<Option.Option<JobDetail>, Treasury.LedgerUnavailable>
  /** What the provider signed of a result under seal, its commitment last. */
  readonly sealedEvents: (
    request: NostrEvent.EventId
  ) => Effect.Effect<ReadonlyArray<NostrEvent.NostrEvent>, Treasury.LedgerUnavailable>
  /** Jobs that are not at their end, and those lost since a unix second. */
  readonly unfinished: (options: {
    readonly lostSince: number
  }) => Effect.Effect<ReadonlyArray<Entry>, Treasury.LedgerUnavailable>
  /** Jobs since a unix second that are unpaid as far as is known, though their money was to move. */
  readonly doubtful: (options: {
    readonly since: number
  }) => Effect.Effect<ReadonlyArray<Entry>, Treasury.LedgerUnavailable>
  /** Deliveries and refunds that the spend ledger may not have been told of. */
  readonly unreconciled: Effect.Effect<ReadonlyArray<Conclusion>, Treasury.LedgerUnavailable>
  /** The spend ledger has these. */
  readonly reconciled: (
    requests: ReadonlyArray<NostrEvent.EventId>
  ) => Effect.Effect<void, Treasury.LedgerUnavailable>
  /** Newest first. */
  readonly jobs: (limit: number) => Effect.Effect<ReadonlyArray<Job>, Treasury.LedgerUnavailable>
  /** Newest first. */
  readonly receipts: (
    limit: number
  ) => Effect.Effect<ReadonlyArray<Receipt>, Treasury.LedgerUnavailable>
}

export type Step = Effect.Effect<boolean, Treasury.LedgerUnavailable>

/** `reused`: the payment hash stands on another job. */
export type OfferStep = Effect.Effect<"taken" | "closed" | "reused", Treasury.LedgerUnavailable>

export class Journal extends Context.Service<Journal, Shape>()("@farthing/compute/Journal") {}
