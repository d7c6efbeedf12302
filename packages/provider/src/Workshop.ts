/**
 * Where paid jobs are done: a bounded number at once, the others in turn. What was signed is
 * kept before it is sent, and who holds a job says so as long as it lives.
 */
import { AgentMessage, type Bolt11, type NostrEvent } from "@farthing/protocol"
import type { Relay } from "@farthing/relay"
import {
  Clock,
  Duration,
  Effect,
  FiberSet,
  Option,
  Result as Outcomes,
  Schedule,
  Semaphore
} from "effect"
import type { Answers } from "./Answers.ts"
import { infer } from "./Inference.ts"
import { InferenceError } from "./InferenceBackend.ts"
import type * as InferenceBackend from "./InferenceBackend.ts"
import { isModern, type Job, type Outcome } from "./Job.ts"
import type { BookUnavailable, ProviderBook, Unfinished } from "./ProviderBook.ts"
import * as Outflow from "./Outflow.ts"
import type { ProviderEvent } from "./ProviderEvent.ts"
import type { Resolved } from "./ProviderOptions.ts"
import * as Result from "./Result.ts"

export interface Workshop {
  /** How many jobs are inferred, and how many wait for their turn. */
  readonly load: () => { readonly running: number; readonly waiting: number }
  /** Takes the job of a settled invoice, if nobody has taken it yet. */
  readonly take: (
    paymentHash: Bolt11.PaymentHash
  ) => Effect.Effect<Option.Option<Job>, BookUnavailable>
  /** Keeps hold of our jobs and takes over what others left behind, until it is interrupted. */
  readonly tend: Effect.Effect<never>
  /** Waits for the jobs that were taken. */
  readonly idle: Effect.Effect<void>
  /** Lets go of what could not be done. */
  readonly close: Effect.Effect<void, BookUnavailable>
}

/** Quick answers need no word that somebody works on them. */
const silence = "1 second"

/** A job that was begun more often than this brings the process down with it. */
const mostBegun = 5

export const make = Effect.fnUntraced(function* (services: {
  readonly owner: string
  readonly provider: NostrEvent.NostrEvent["pubkey"]
  readonly backend: InferenceBackend.Shape
  readonly book: ProviderBook["Service"]
  readonly relay: Relay.Shape
  readonly answers: Answers
  readonly options: Resolved
  readonly tell: (event: ProviderEvent) => Effect.Effect<void>
}) {
  const { answers, backend, book, options, owner, provider, relay, tell } = services
  const hands = yield* Semaphore.make(options.capacity)
  const jobs = yield* FiberSet.make<void>()
  const held = new Set<NostrEvent.EventId>()
  let running = 0
  let waiting = 0

  const lease = Effect.map(Clock.currentTimeMillis, (now) => ({
    owner,
    until: now + Duration.toMillis(options.lease)
  }))

  /** Infers, and hands a stream out on the way; the rest of what is to be said is returned. */
  const answer = Effect.fnUntraced(function* (job: Job, begun: number) {
    const streams = job.message.stream === true && begun === 1
    const outflow = yield* Outflow.make(job, { answers, relay })
    if (isModern(job.message)) {
      yield* Effect.suspend(() =>
        outflow.signed() === 0 ? sayStatus(job, "processing") : Effect.void
      ).pipe(Effect.delay(silence), Effect.forkScoped)
    }
    const inferred = yield* infer(
      backend,
      job,
      options.maxTokens,
      streams ? outflow.handOut : undefined
    ).pipe(Effect.result)
    const limit = yield* relay.maxEventBytes
    const left = Outcomes.isSuccess(inferred) ? yield* outflow.left : []
    return Outcomes.match(inferred, {
      onSuccess: (inferred) => ({
        outcome: { _tag: "Delivered" } satisfies Outcome,
        tokensOut: inferred.tokensOut,
        left,
        messages:
          begun > 1
            ? Result.replacement(job, inferred, limit)
            : Result.ending(job, inferred, outflow.signed(), limit)
      }),
      onFailure: (error) => ({
        outcome: { _tag: "Failed", reason: `${error.reason}: ${error.message}` } satisfies Outcome,
        tokensOut: undefined,
        left,
        messages: [Result.failure(job, error)]
      })
    })
  }, Effect.scoped)

  const sayStatus = (job: Job, status: AgentMessage.JobStatus["status"], position?: number) =>
    answers.mention(job, {
      type: "JobStatus",
      request_id: job.id,
      job_id: AgentMessage.jobIdOf(job.id),
      status,
      ...(position === undefined ? {} : { position })
    })

  /** The answers as they were kept; nothing if the job is somebody else's by now. */
  const work = Effect.fnUntraced(function* (job: Job, begun: number) {
    const { left, messages, outcome, tokensOut } =
      begun > mostBegun ? givenUp(job) : yield* answer(job, begun)
    const signed = yield* Effect.forEach(messages, (message) => answers.sign(job, message))
    const events = [...left, ...signed]
    const isOurs = yield* book
      .answered(job.id, owner, outcome, events)
      .pipe(Effect.retry(bookReturns))
    return isOurs ? { events, outcome, tokensOut } : undefined
  })

  /** What is too large for the relays stays so: the customer is told that it is owed. */
  const ownUp = Effect.fnUntraced(function* (job: Job, reason: string) {
    yield* Effect.ignore(answers.deliver(yield* answers.sign(job, Result.tooLarge(job))))
    return { _tag: "Failed", reason } satisfies Outcome
  })

  /** From the claim to the last event at the relays. */
  const finish = Effect.fnUntraced(function* (
    job: Job,
    startedAt: number,
    { events, outcome: answered, tokensOut }: Done
  ) {
    const outcome = yield* Effect.forEach(events, answers.deliver, { discard: true }).pipe(
      Effect.as(answered),
      Effect.catch(({ message }) => ownUp(job, message))
    )
    yield* book.ended(job.id, outcome).pipe(Effect.retry(bookReturns))
    const { customer, id: request } = job
    const millis = (yield* Clock.currentTimeMillis) - startedAt
    yield* outcome._tag === "Delivered"
      ? tell({ _tag: "Delivered", request, customer, tokensOut, millis })
      : tell({ _tag: "Failed", request, customer, reason: outcome.reason })
  })

  /** Waits for a free hand; those who wait are told where they stand. */
  const inTurn = <A, E, R>(job: Job, effect: Effect.Effect<A, E, R>) =>
    Effect.gen(function* () {
      waiting++
      let waits = true
      if (running >= options.capacity && isModern(job.message))
        yield* Effect.forkChild(sayStatus(job, "queued", waiting))
      const begin = Effect.sync(() => {
        waits = false
        waiting--
        running++
      })
      return yield* Effect.acquireUseRelease(
        begin,
        () => effect,
        () => Effect.sync(() => running--)
      ).pipe(hands.withPermit, Effect.ensuring(Effect.sync(() => (waits ? waiting-- : undefined))))
    })

  /** A job that fails here without an end keeps its lease no longer, and is begun again. */
  const start = (job: Job, task: Effect.Effect<void, BookUnavailable>) => {
    held.add(job.id)
    return FiberSet.run(
      jobs,
      task.pipe(
        Effect.catch(({ message }) => tell({ _tag: "Trouble", message })),
        Effect.catchDefect((defect) => tell({ _tag: "Trouble", message: `a bug: ${defect}` })),
        Effect.ensuring(Effect.sync(() => held.delete(job.id)))
      )
    ).pipe(Effect.asVoid)
  }

  const doJob = (job: Job, begun: number, claim: Effect.Effect<boolean, BookUnavailable>) =>
    start(
      job,
      Effect.gen(function* () {
        const startedAt = yield* Clock.currentTimeMillis
        const done = yield* inTurn(
          job,
          Effect.gen(function* () {
            return (yield* claim) ? yield* work(job, begun) : undefined
          })
        )
        if (done !== undefined) yield* finish(job, startedAt, done)
      })
    )

  const take = Effect.fnUntraced(function* (paymentHash: Bolt11.PaymentHash) {
    // A job that finds a free hand is begun by the same stroke of the pen.
    const next = running + waiting < options.capacity ? "running" : "paid"
    const job = yield* book.paid(paymentHash, yield* lease, next)
    if (Option.isSome(job)) {
      const { amount, customer, id: request } = job.value
      yield* tell({ _tag: "Paid", request, customer, amount })
      yield* doJob(job.value, 1, next === "running" ? Effect.succeed(true) : begin(job.value))
    }
    return job
  })

  const begin = (job: Job) => Effect.flatMap(lease, (lease) => book.running(job.id, lease))

  const resume = Effect.fnUntraced(function* ({ answers, begun, job, outcome }: Unfinished) {
    if (held.has(job.id)) return
    const now = yield* Clock.currentTimeMillis
    yield* outcome === undefined
      ? doJob(job, begun + 1, begin(job))
      : start(job, finish(job, now, { events: answers, outcome, tokensOut: undefined }))
  })

  const takeOver = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    yield* book.renew(yield* lease, [...held])
    const left = yield* book.takeOver(provider, yield* lease, now)
    yield* Effect.forEach(left, resume, { discard: true })
  })

  return {
    load: () => ({ running, waiting }),
    take,
    tend: takeOver.pipe(
      Effect.catch(({ message }) => tell({ _tag: "Trouble", message })),
      Effect.andThen(Effect.sleep(Duration.times(options.lease, 1 / 3))),
      Effect.forever
    ),
    idle: FiberSet.awaitEmpty(jobs),
    close: Effect.andThen(FiberSet.clear(jobs), book.release(owner))
  } satisfies Workshop
})

interface Done {
  readonly events: ReadonlyArray<NostrEvent.NostrEvent>
  readonly outcome: Outcome
  readonly tokensOut: number | undefined
}

const bookReturns = Schedule.exponential("200 millis").pipe(Schedule.upTo({ times: 6 }))

const givenUp = (job: Job) => {
  const error = new InferenceError({ reason: "failed", message: "begun too often" })
  return {
    outcome: { _tag: "Failed", reason: error.message } satisfies Outcome,
    tokensOut: undefined,
    left: [],
    messages: [Result.failure(job, error)]
  }
}
