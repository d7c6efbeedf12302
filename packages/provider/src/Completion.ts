/**
 * How the work for a job ends: its text is kept and delivered, or what was paid for it is owed; where
 * the money is locked and not taken, it goes back. What is kept decides, so that of several
 * processes one has its way.
 */
import type { AgentMessage, NostrEvent } from "@farthing/protocol"
import type { Relay } from "@farthing/relay"
import { UnixTime } from "@farthing/relay"
import { Clock, Duration, Effect, Option, type Schedule } from "effect"
import type { Answer } from "./Answering.ts"
import type { Answers } from "./Answers.ts"
import { InferenceError } from "./InferenceBackend.ts"
import type { Job } from "./Job.ts"
import * as Lock from "./Lock.ts"
import type { Locks } from "./Locks.ts"
import { isLocked } from "./Mode.ts"
import type { BookUnavailable, Owed, Shape as ProviderBook } from "./ProviderBook.ts"
import type { ProviderEvent } from "./ProviderEvent.ts"
import * as Refund from "./Refund.ts"
import * as Result from "./Result.ts"
import type { Returns } from "./Returns.ts"

/** Sends what was kept, of a job that was begun at a unix millisecond. */
export type Say = (startedAt: number) => Effect.Effect<void, BookUnavailable>

export interface Completion {
  /** Keeps the text. */
  readonly keep: (
    job: Job,
    text: Answer & { readonly _tag: "Text" }
  ) => Effect.Effect<Say, BookUnavailable>
  /** Offers the money back, or gives it back where it is locked. */
  readonly fail: (job: Job, error: InferenceError) => Effect.Effect<Say, BookUnavailable>
  /** Sends a text that was kept before. */
  readonly resumeText: (
    job: Job,
    events: ReadonlyArray<NostrEvent.NostrEvent>
  ) => Effect.Effect<void, BookUnavailable>
  /** Tells a customer that it is owed something, if that may not have happened. */
  readonly resumeDebt: (owed: Owed) => Effect.Effect<void, BookUnavailable>
}

export const make = (services: {
  readonly owner: string
  readonly book: ProviderBook
  readonly answers: Answers
  readonly locks: Locks
  readonly returns: Returns
  readonly tell: (event: ProviderEvent) => Effect.Effect<void>
  /** For how long a book that cannot be written is waited for. */
  readonly bookReturns: Schedule.Schedule<unknown>
}): Completion => {
  const { answers, book, bookReturns, locks, owner, returns, tell } = services

  const sign = (job: Job, messages: ReadonlyArray<AgentMessage.Answer>) =>
    Effect.forEach(messages, (message) => answers.sign(job, message))

  const keep: Completion["keep"] = Effect.fnUntraced(function* (job, { events, tokensOut }) {
    const isOurs = yield* Effect.retry(book.answered(job.id, owner, events), bookReturns)
    return isOurs ? (startedAt) => sendText(job, events, { startedAt, tokensOut }) : nothing
  })

  const sendText = Effect.fnUntraced(function* (
    job: Job,
    events: ReadonlyArray<NostrEvent.NostrEvent>,
    {
      startedAt,
      tokensOut
    }: { readonly startedAt: number; readonly tokensOut?: number | undefined }
  ) {
    const error = yield* deliver(job, events)
    if (error !== undefined) return yield* giveUp(job, error, startedAt)
    const isNews = isLocked(job.settlement) ? locks.expect(job) : book.delivered(job.id)
    if (!(yield* Effect.retry(isNews, bookReturns))) return
    const millis = (yield* Clock.currentTimeMillis) - startedAt
    const { amount, customer, id: request, settlement } = job
    const about = { request, customer, amount, tokensOut, millis }
    yield* isLocked(settlement)
      ? tell({ _tag: "Awaiting", ...about })
      : tell({ _tag: "Delivered", settlement, ...about })
  })

  /** Why it was not; where the money is locked, as long as that is of use to the customer. */
  const deliver = Effect.fnUntraced(function* (
    job: Job,
    events: ReadonlyArray<NostrEvent.NostrEvent>
  ) {
    const all = Effect.forEach(events, answers.deliver, { discard: true }).pipe(
      Effect.as(undefined),
      Effect.catch(Effect.succeed)
    )
    const end = Lock.mustBeSaidBy(job)
    if (end === undefined) return yield* all
    const left = end - (yield* UnixTime.now)
    if (left <= 0) return "late"
    return yield* Effect.timeoutOrElse(all, {
      duration: Duration.seconds(left),
      orElse: () => Effect.succeed("late" as const)
    })
  })

  /** What is too large for the relays stays so; what they refuse today is sent another day. */
  const giveUp = Effect.fnUntraced(function* (
    job: Job,
    error: Relay.RelayError | "late",
    startedAt: number
  ) {
    const isLate = error === "late"
    if (!isLate && error.reason._tag !== "TooLarge") return
    const say = yield* end(
      job,
      isLate ? "no relay took it in time" : error.message,
      isLate ? Result.tooLate(job) : Result.tooLarge(job)
    )
    yield* say(startedAt)
  })

  const fail: Completion["fail"] = (job, error) =>
    end(job, `${error.reason}: ${error.message}`, Result.failure(job, error))

  const end = (job: Job, reason: string, failure: AgentMessage.JobError) =>
    isLocked(job.settlement)
      ? Effect.map(
          returns.begin(job, reason, failure),
          Option.getOrElse(() => nothing)
        )
      : record(job, reason, failure)

  /** Keeps what is owed, and what the customer is to hear of it. */
  const record = Effect.fnUntraced(function* (
    job: Job,
    reason: string,
    failure: AgentMessage.JobError
  ) {
    const offer = Refund.offerFor(job.amount, yield* UnixTime.now, reason)
    const events = yield* sign(job, [failure, ...Result.refundOffer(job, offer)])
    const isOurs = yield* Effect.retry(book.owed(job.id, owner, offer, events), bookReturns)
    if (!isOurs) return nothing
    const { customer, id: request } = job
    yield* tell({ _tag: "Owed", request, customer, ...offer })
    const say: Say = () => sendDebt(job, events)
    return say
  })

  const sendDebt = (job: Job, events: ReadonlyArray<NostrEvent.NostrEvent>) =>
    Effect.forEach(events, answers.deliver, { discard: true }).pipe(
      Effect.matchEffect({
        onSuccess: () => Effect.retry(book.told(job.id), bookReturns),
        onFailure: ({ message }) => tell({ _tag: "Trouble", message })
      })
    )

  return {
    keep,
    fail,
    resumeText: (job, events) =>
      Effect.flatMap(Clock.currentTimeMillis, (startedAt) => sendText(job, events, { startedAt })),
    resumeDebt: Effect.fnUntraced(function* ({ answers: kept, job, offer }) {
      if (kept.length > 0) return yield* sendDebt(job, kept)
      // A book from before refunds knows no offer that was signed.
      const error = new InferenceError({ reason: "failed", message: offer.reason })
      const events = yield* sign(job, [
        Result.failure(job, error),
        ...Result.refundOffer(job, offer)
      ])
      if (yield* book.offered(job.id, owner, events)) yield* sendDebt(job, events)
    })
  }
}

const nothing: Say = () => Effect.void
