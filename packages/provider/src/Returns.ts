/**
 * Where nothing is delivered and locked money goes back: what is to be said is kept, the hold
 * invoice is cancelled, so that nobody can pay it any more, and the customer is told.
 */
import type { AgentMessage, NostrEvent } from "@farthing/protocol"
import type { Wallet } from "@farthing/wallet"
import { Effect, Option, type Schedule } from "effect"
import type { Answers } from "./Answers.ts"
import * as Errands from "./Errands.ts"
import type { Job } from "./Job.ts"
import type { BookUnavailable, Lease, Shape as ProviderBook } from "./ProviderBook.ts"
import type { ProviderEvent } from "./ProviderEvent.ts"

/** What is needed of a job to give its money back. */
export type Returned = Pick<Job, "id" | "customer" | "amount" | "paymentHash">

export interface Returns {
  /** Keeps that it is to go back, and what is to be said; none if the job is somebody else's. */
  readonly begin: (
    job: Returned,
    reason: string,
    message: AgentMessage.JobError
  ) => Effect.Effect<Option.Option<() => Effect.Effect<void, BookUnavailable>>, BookUnavailable>
  /** Goes on with what was kept. */
  readonly resume: (
    job: Returned,
    reason: string,
    events: ReadonlyArray<NostrEvent.NostrEvent>
  ) => Effect.Effect<void, BookUnavailable>
}

export const make = (services: {
  readonly wallet: Wallet.Shape
  readonly book: ProviderBook
  readonly answers: Answers
  readonly newLease: Effect.Effect<Lease>
  readonly tell: (event: ProviderEvent) => Effect.Effect<void>
  /** For how long a book that cannot be written is waited for. */
  readonly bookReturns: Schedule.Schedule<unknown>
}): Returns => {
  const { answers, book, bookReturns, newLease, tell, wallet } = services

  const begin: Returns["begin"] = Effect.fnUntraced(function* (job, reason, message) {
    const events = [yield* answers.sign(job, message)]
    const lease = yield* newLease
    const isOurs = yield* Effect.retry(book.returning(job.id, lease, reason, events), bookReturns)
    return isOurs ? Option.some(() => resume(job, reason, events)) : Option.none()
  })

  const resume: Returns["resume"] = Effect.fnUntraced(function* (job, reason, events) {
    // The one waits for the wallet, the other for the relays: neither for the other.
    yield* Effect.all([cancel(job), Effect.forEach(events, say, { discard: true })], {
      concurrency: "unbounded",
      discard: true
    })
    if (!(yield* Effect.retry(book.returned(job.id), bookReturns))) return
    const { amount, customer, id: request } = job
    yield* tell({ _tag: "Returned", request, customer, amount, reason })
  })

  /** Until the wallet shows that nothing is locked, nor can be. */
  const cancel = ({ id, paymentHash }: Returned) =>
    wallet.cancelHoldInvoice(paymentHash).pipe(
      Effect.catch((refusal) =>
        Effect.flatMap(wallet.lookupIncoming(paymentHash), (found) =>
          Option.exists(found, isOver) || Option.isNone(found) ? Effect.void : refusal
        )
      ),
      Effect.tapError(({ message }) =>
        Effect.flatMap(book.noted(id, `the money waits to go back: ${message}`), (isNew) =>
          isNew
            ? tell({ _tag: "Trouble", message: `the money for ${id}: ${message}` })
            : Effect.void
        ).pipe(Effect.ignore)
      ),
      Effect.retry(Errands.untilItAnswers),
      Effect.ignore
    )

  /** Whoever cannot be told sees that the money is back. */
  const say = (event: NostrEvent.NostrEvent) => Effect.ignore(answers.deliver(event))

  return { begin, resume }
}

const isOver = ({ state }: Wallet.Incoming): boolean => state === "cancelled" || state === "expired"
