/**
 * How a job travels: the request goes out, typed answers to it come back. What a purchase knows
 * of the wire is this interface; each wire format is a layer of it.
 */
import type { Announcement, Msat, TraceContext } from "@farthing/protocol"
import { AgentMessage, Bolt11, Key, NostrEvent, Settlement } from "@farthing/protocol"
import type { Effect, Option, Queue, Redacted, Scope } from "effect"
import { Context, Schema } from "effect"
import type { RelayUnavailable } from "./ComputeError.ts"

/** What is asked of a provider. */
export interface Wish {
  readonly prompt: string
  readonly maxTokens: number
  readonly model: string | undefined
  /** Whether the text should come piece by piece. */
  readonly stream: boolean
  readonly maxPrice: Msat.Msat
  readonly way: Settlement.Way
  /** Unix seconds; a provider that sees the request later need not answer. */
  readonly expiresAt: number
  /** The trace that the purchase belongs to, where the provider may know. */
  readonly trace?: TraceContext.TraceContext
}

/**
 * A signed request and the way to its provider: enough to send it, to listen for its answers,
 * and to listen again in another process.
 */
export const Request = Schema.Struct({
  provider: Key.PublicKey,
  event: NostrEvent.NostrEvent,
  channel: NostrEvent.EventId,
  /** Where the channel is said to be found; may be empty. */
  relay: Schema.String,
  /** Whether the provider's answers carry our key. */
  tagsAnswers: Schema.Boolean
})
export interface Request extends Schema.Schema.Type<typeof Request> {}

/** A request, and the secret that takes its money: ours, where it is settled by escrow. */
export interface Prepared {
  readonly request: Request
  readonly preimage: Option.Option<Redacted.Redacted<Bolt11.Preimage>>
}

interface AnyQuote {
  readonly _tag: "Quoted"
  /** What the provider calls the job. */
  readonly jobName: string
  readonly amount: Msat.Msat
  readonly paymentHash: Bolt11.PaymentHash | undefined
  readonly settlement: Settlement.Settlement
  /** Unix seconds. */
  readonly expiresAt: number | undefined
}

/** An invoice for the job. */
export interface QuotedInvoice extends AnyQuote {
  readonly rail: "lightning"
  readonly bolt11: string
  readonly hold: boolean
}

/** Where money is to be locked for the job over Spark. */
export interface QuotedHtlc extends AnyQuote {
  readonly rail: "spark"
  readonly settlement: "escrow"
  readonly address: string
  readonly paymentHash: Bolt11.PaymentHash
  /** For how long, from when it is locked. */
  readonly lockSeconds: number
}

/** What the provider asks for the job. */
export type Quoted = QuotedInvoice | QuotedHtlc

/** The provider does not do the job, or failed at it. */
export interface Refused {
  readonly _tag: "Refused"
  readonly code: AgentMessage.JobErrorCode
  readonly message: string
}

/** The provider is at it. */
export interface Working {
  readonly _tag: "Working"
  readonly status: "queued" | "processing"
}

/** What a provider says of a whole text. */
export interface Summary {
  readonly model: string | undefined
  readonly sha256: string | undefined
  readonly tokensIn: number | undefined
  readonly tokensOut: number | undefined
  readonly finishReason: string | undefined
}

/** A piece of the text. */
export interface Piece {
  readonly _tag: "Piece"
  /** Its place; undefined from peers that do not number their pieces. */
  readonly seq: number | undefined
  readonly text: string
  /** Unix seconds at which the provider signed it. */
  readonly at: number
  /** Present on the last piece. */
  readonly end: Summary | undefined
}

/** The whole text at once. */
export interface Whole {
  readonly _tag: "Whole"
  readonly text: string
  readonly summary: Summary
}

/** The provider could not do the job that it was paid for, and would give the money back. */
export interface RefundOffered {
  readonly _tag: "RefundOffered"
  readonly amount: Msat.Msat
  /** Unix seconds. */
  readonly expiresAt: number
}

/** A piece of a text that can be read once it is paid for. */
export interface SealedPiece {
  readonly _tag: "SealedPiece"
  readonly seq: number
  readonly ciphertext: string
  /** Signed by the provider: evidence. */
  readonly event: NostrEvent.NostrEvent
}

/** What the provider commits itself to, once every sealed piece is out. */
export interface SealedEnd {
  readonly _tag: "SealedEnd"
  readonly commitment: AgentMessage.SealedResult
  /** Signed by the provider: evidence. */
  readonly event: NostrEvent.NostrEvent
}

export type Answer =
  | Quoted
  | Refused
  | Working
  | Piece
  | Whole
  | SealedPiece
  | SealedEnd
  | RefundOffered

/** Money of ours that is locked for a job. */
export interface LockedMoney {
  readonly rail: Settlement.Rail
  readonly paymentHash: Bolt11.PaymentHash
  readonly amount: Msat.Msat
  /** For how long from now, in seconds. */
  readonly lasts: number
}

/** An open ear for the answers to one request. */
export interface Conversation {
  /** In the order of arrival. The provider's answers only, and only to this request. */
  readonly answers: Queue.Dequeue<Answer, RelayUnavailable>
  /** Waits until everything that the relays had stored stands in `answers`. */
  readonly stored: Effect.Effect<void>
  /** Tells the provider that its invoice is paid. A hint: it believes its own wallet only. */
  readonly tellPaid: (
    jobName: string,
    paymentHash: Bolt11.PaymentHash
  ) => Effect.Effect<void, RelayUnavailable>
  /** Tells the provider that its money is locked. A hint, too. */
  readonly tellLocked: (
    jobName: string,
    locked: LockedMoney
  ) => Effect.Effect<void, RelayUnavailable>
}

export interface Shape {
  /** Signs the request. Nothing is sent yet, so that it can be stored before. */
  readonly prepare: (provider: Announcement.Announced, wish: Wish) => Effect.Effect<Prepared>
  /** Signs the answer to the offer of a refund. Nothing is sent yet, as with the request. */
  readonly prepareRefund: (request: Request, bolt11: string) => Effect.Effect<NostrEvent.NostrEvent>
  /** Signs the message that shows a preimage of ours to the provider alone. Nothing is sent yet. */
  readonly prepareRelease: (
    request: Request,
    jobName: string,
    preimage: Redacted.Redacted<Bolt11.Preimage>
  ) => Effect.Effect<NostrEvent.NostrEvent>
  /** What a message says that was under seal in an event, and was opened. */
  readonly read: (message: string, event: NostrEvent.NostrEvent) => Option.Option<Answer>
  /** What opens the provider's sealed pieces besides the preimage. */
  readonly conversationKey: (request: Request) => Effect.Effect<Redacted.Redacted<Uint8Array>>
  /** Sends a request, or what follows up on it: the very bytes that were signed. */
  readonly send: (
    signed: Readonly<Record<"event", NostrEvent.NostrEvent>>
  ) => Effect.Effect<void, RelayUnavailable>
  /** Listens for answers until the scope closes; to be called before the request is sent. */
  readonly listen: (request: Request) => Effect.Effect<Conversation, never, Scope.Scope>
  /** Listens once more, with everything that was answered since the request was made. */
  readonly listenAgain: (request: Request) => Effect.Effect<Conversation, never, Scope.Scope>
}

export class JobTransport extends Context.Service<JobTransport, Shape>()(
  "@farthing/compute/JobTransport"
) {}
