/**
 * Where jobs are done: a bounded number at once, the others in turn. What was signed is
 * kept before it is sent, and who holds a job says so as long as it lives.
 */
import { AgentMessage, type Bolt11, type NostrEvent } from "@farthing/protocol"
import type { Relay, Signer } from "@farthing/relay"
import type { Wallet } from "@farthing/wallet"
import { Clock, Duration, Effect, FiberSet, Option, Schedule, Semaphore } from "effect"
import * as Answering from "./Answering.ts"
import type { Answers } from "./Answers.ts"
import * as Completion from "./Completion.ts"
import type * as InferenceBackend from "./InferenceBackend.ts"
import { isModern, type Job } from "./Job.ts"
import type { Locks } from "./Locks.ts"
import type { BookUnavailable, Lease, ProviderBook, Unfinished } from "./ProviderBook.ts"
import type { ProviderEvent } from "./ProviderEvent.ts"
import type { Resolved } from "./ProviderOptions.ts"
import * as Result from "./Result.ts"
import * as Returns from "./Returns.ts"
import type { Quote } from "./Till.ts"
import type { Tracing } from "./Tracing.ts"

export interface Workshop {
  /** How many jobs are inferred, and how many wait for their turn. */
  readonly load: () => { readonly running: number; readonly waiting: number }
  /**
   * Takes the job of an invoice that is settled, or whose money is locked until a unix second, if
   * nobody has taken it yet.
   */
  readonly take: (
    paymentHash: Bolt11.PaymentHash,
    heldUntil?: number
  ) => Effect.Effect<void, BookUnavailable>
  /** Whoever works on a job now does so until then, unless it is renewed. */
  readonly newLease: Effect.Effect<Lease>
  /** Does a job that is held by a lease of ours, and not paid for. */
  readonly begin: (job: Job, lease: Lease) => Effect.Effect<void>
  /** Gives the money of an escrow back that is not to be begun. */
  readonly giveBack: (quote: Quote, why: string) => Effect.Effect<void, BookUnavailable>
  /** Keeps hold of our jobs and takes over what others left behind, until it is interrupted. */
  readonly tend: Effect.Effect<never>
  /** As many jobs at once as can be done now; what is under way goes on. */
  readonly fit: Effect.Effect<void>
  /** Waits for the jobs that were taken; but for no relay that refuses what is to be said. */
  readonly idle: Effect.Effect<void>
  /** Lets go of what could not be done. */
  readonly close: Effect.Effect<void, BookUnavailable>
}

export const make = Effect.fnUntraced(function* (services: {
  readonly owner: string
  readonly provider: NostrEvent.NostrEvent["pubkey"]
  readonly backend: InferenceBackend.Shape
  /** Jobs at once, as far as the backends are healthy. */
  readonly capacity: () => number
  readonly book: ProviderBook["Service"]
  readonly relay: Relay.Shape
  readonly signer: Signer.Shape
  readonly wallet: Wallet.Shape
  readonly locks: Locks
  readonly answers: Answers
  readonly tracing: Tracing
  readonly options: Resolved
  readonly tell: (event: ProviderEvent) => Effect.Effect<void>
}) {
  const { answers, book, capacity, options, owner, provider, tell, tracing } = services
  const hands = yield* Semaphore.make(options.capacity)
  const jobs = yield* FiberSet.make<void>()
  /** What this process works on, and until when (unix milliseconds) it is known to be ours. */
  const held = new Map<NostrEvent.EventId, number>()
  let running = 0
  let waiting = 0

  const newLease = Effect.map(Clock.currentTimeMillis, (now) => ({
    owner,
    until: now + Duration.toMillis(options.lease)
  }))

  const isOurs = ({ id }: Job) =>
    Effect.map(Clock.currentTimeMillis, (now) => now < (held.get(id) ?? 0))

  const sayStatus = (job: Job, status: AgentMessage.JobStatus["status"], position?: number) =>
    answers.mention(job, {
      type: "JobStatus",
      request_id: job.id,
      job_id: AgentMessage.jobIdOf(job.id),
      status,
      ...(position === undefined ? {} : { position })
    })

  const answering = Answering.make({
    ...services,
    sayStatus,
    onAnew: (job, { message }) =>
      tell({ _tag: "Trouble", message: `another backend is asked: ${message}` }).pipe(
        Effect.andThen(book.noted(job.id, `another backend was asked: ${message}`)),
        Effect.ignore
      )
  })
  const returns = Returns.make({ ...services, newLease, bookReturns })
  const completion = Completion.make({ ...services, returns, bookReturns })

  /** Waits for a free hand; those who wait are told where they stand. */
  const inTurn = <A, E, R>(job: Job, effect: Effect.Effect<A, E, R>) =>
    Effect.gen(function* () {
      waiting++
      let waits = true
      if (running >= capacity() && isModern(job.message))
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

  /**
   * A job is held by one fiber at a time, from before anything else happens. One that fails here
   * without an end keeps its lease no longer, and is begun again.
   */
  const hold = (job: Pick<Job, "id">, until: number, task: Effect.Effect<void, BookUnavailable>) =>
    Effect.suspend(() => {
      if (held.has(job.id)) return Effect.void
      held.set(job.id, until)
      return FiberSet.run(
        jobs,
        task.pipe(
          tracing.job(job.id),
          Effect.catch(({ message }) => tell({ _tag: "Trouble", message })),
          Effect.catchDefect((defect) => tell({ _tag: "Trouble", message: `a bug: ${defect}` })),
          Effect.ensuring(Effect.sync(() => held.delete(job.id)))
        )
      ).pipe(Effect.asVoid)
    })

  /** Infers, and keeps what was signed; nothing if the job is somebody else's by now. */
  const work = Effect.fnUntraced(function* (
    job: Job,
    beginning: Omit<Answering.Beginning, "isOurs">
  ) {
    const answer = yield* tracing.stage("infer")(
      answering.answer(job, { ...beginning, isOurs: isOurs(job) })
    )
    yield* tracing.note("answer", answer._tag === "Text" ? "text" : answer.error.reason)
    return yield* answer._tag === "Text"
      ? completion.keep(job, answer)
      : completion.fail(job, answer.error)
  })

  const doJob = Effect.fnUntraced(function* (
    job: Job,
    beginning: Omit<Answering.Beginning, "isOurs">,
    claim: Effect.Effect<boolean, BookUnavailable>
  ) {
    const startedAt = yield* Clock.currentTimeMillis
    const say = yield* inTurn(
      job,
      Effect.flatMap(claim, (isClaimed) => (isClaimed ? work(job, beginning) : nothingToSay))
    )
    yield* tracing.stage("deliver")(say(startedAt))
  })

  const take: Workshop["take"] = Effect.fnUntraced(function* (paymentHash, heldUntil) {
    // A job that finds a free hand is begun by the same stroke of the pen.
    const next = running + waiting < capacity() ? "running" : "paid"
    const lease = yield* newLease
    const job = yield* heldUntil === undefined
      ? book.paid(paymentHash, lease, next)
      : book.locked(paymentHash, heldUntil, lease, next)
    if (Option.isNone(job)) return
    const { amount, customer, id: request } = job.value
    const claim = next === "running" ? unlessLapsed(job.value) : begin(job.value)
    yield* hold(job.value, lease.until, doJob(job.value, first, claim))
    yield* heldUntil === undefined
      ? tell({ _tag: "Paid", request, customer, amount })
      : tell({ _tag: "Locked", request, customer, amount, until: heldUntil })
  })

  const giveBack: Workshop["giveBack"] = Effect.fnUntraced(function* (quote, why) {
    const { until } = yield* newLease
    const resume = yield* returns.begin(quote, why, Result.badLock(quote, why))
    if (Option.isSome(resume)) yield* hold(quote, until, resume.value())
  })

  const begin = (job: Job) => Effect.flatMap(newLease, (lease) => book.running(job.id, lease))

  /** A process that stood still for longer than its lease may find its job taken, or done. */
  const unlessLapsed = (job: Job) =>
    Effect.flatMap(isOurs(job), (isOurs) => (isOurs ? Effect.succeed(true) : begin(job)))

  const resume = (unfinished: Unfinished, until: number) => {
    const { job } = unfinished
    switch (unfinished._tag) {
      case "Unanswered": {
        const { begun, saidUntil } = unfinished
        return hold(job, until, doJob(job, { begun: begun + 1, saidUntil }, begin(job)))
      }
      case "Answered":
        return hold(job, until, completion.resumeText(job, unfinished.answers))
      case "Owed":
        return hold(job, until, completion.resumeDebt(unfinished))
      case "Returning":
        return hold(job, until, returns.resume(job, unfinished.reason, unfinished.answers))
    }
  }

  const keepHold = Effect.gen(function* () {
    const lease = yield* newLease
    for (const id of yield* book.renew(lease, [...held.keys()]))
      if (held.has(id)) held.set(id, lease.until)
  })

  const takeOver = Effect.gen(function* () {
    yield* keepHold
    const lease = yield* newLease
    const left = yield* book.takeOver(provider, lease, yield* Clock.currentTimeMillis)
    yield* Effect.forEach(left, (unfinished) => resume(unfinished, lease.until), { discard: true })
  })

  return {
    load: () => ({ running, waiting }),
    take,
    newLease,
    begin: (job, lease) => hold(job, lease.until, doJob(job, first, begin(job))),
    giveBack,
    // One at least, so that what was paid is tried, and given back where that fails.
    fit: Effect.suspend(() => hands.resize(Math.max(1, capacity()))),
    tend: takeOver.pipe(
      Effect.catch(({ message }) => tell({ _tag: "Trouble", message })),
      Effect.andThen(Effect.sleep(Duration.times(options.lease, 1 / 3))),
      Effect.forever
    ),
    idle: Effect.andThen(answers.hurry, FiberSet.awaitEmpty(jobs)),
    close: FiberSet.clear(jobs).pipe(
      Effect.andThen(Clock.currentTimeMillis),
      Effect.flatMap((now) => book.release(owner, now))
    )
  } satisfies Workshop
})

const first = { begun: 1, saidUntil: 0 }

const nothingToSay = Effect.succeed(() => Effect.void)

const bookReturns = Schedule.exponential("200 millis").pipe(Schedule.upTo({ times: 6 }))
