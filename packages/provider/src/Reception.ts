/**
 * Where requests come in: each is quoted, or refused with a reason, once. Strangers who ask too
 * often get no answer at all, because answering is what they would cost us.
 */
import { AgentMessage, type NostrEvent, type Settlement } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Clock, Duration, Effect, Option, Result } from "effect"
import * as Allowance from "./Allowance.ts"
import type { Answers } from "./Answers.ts"
import type { Invoicing } from "./Invoicing.ts"
import type { Job, Request } from "./Job.ts"
import { judge, type Refusal } from "./Judgement.ts"
import type { Locks } from "./Locks.ts"
import type { Refunds } from "./Refunds.ts"
import type { Presence } from "./Presence.ts"
import type { BookUnavailable, Shape as ProviderBook } from "./ProviderBook.ts"
import * as Prices from "./Prices.ts"
import type { ProviderEvent } from "./ProviderEvent.ts"
import type { Resolved } from "./ProviderOptions.ts"
import type { Routing } from "./Routing.ts"
import type { Till } from "./Till.ts"
import type { Tracing } from "./Tracing.ts"
import type { Workshop } from "./Workshop.ts"

export interface Reception {
  /** Whatever was said in our channel. */
  readonly receive: (event: NostrEvent.NostrEvent) => Effect.Effect<void, BookUnavailable>
  /** Quotes that may have been booked and never said, by a process that died in between. */
  readonly sayAgain: (quotes: ReadonlyArray<NostrEvent.NostrEvent>) => Effect.Effect<void>
}

export const make = (services: {
  readonly provider: NostrEvent.NostrEvent["pubkey"]
  readonly invoicing: Invoicing
  readonly book: ProviderBook
  readonly presence: Presence
  readonly routing: Routing
  readonly answers: Answers
  readonly workshop: Workshop
  readonly till: Till
  readonly refunds: Refunds
  readonly locks: Locks
  readonly tracing: Tracing
  readonly options: Resolved
  readonly ways: ReadonlyArray<Settlement.Way>
  readonly tell: (event: ProviderEvent) => Effect.Effect<void>
}): Reception => {
  const { answers, book, invoicing, locks, options, presence, provider, refunds } = services
  const { routing, tell, till, tracing, ways, workshop } = services
  const allowance = Allowance.make(options.requestsPerMinute)

  const receive = Effect.fnUntraced(function* (event: NostrEvent.NostrEvent) {
    const judgement = judge(event, {
      provider,
      channel: presence.channel,
      priceOf: (model) => Prices.of(options, model),
      models: routing.models(),
      ways,
      maxPromptBytes: options.maxPromptBytes,
      now: yield* UnixTime.now,
      requestAge: Duration.toSeconds(options.requestAge)
    })
    switch (judgement._tag) {
      case "Ignore":
        return
      case "Hint":
        return yield* till.hint(event, judgement.message)
      case "Cancel":
        return yield* cancel(event, judgement.message)
      case "Claim":
        return yield* refunds.claim(event, judgement.message)
      case "Release":
        return yield* locks.release(event, judgement.message)
      case "Refuse":
        if (yield* isNew(judgement.request))
          yield* tracing.request(event)(refuse(judgement.request, judgement.refusal))
        return
      case "Request":
        if (yield* isNew(judgement.request))
          yield* tracing.request(event)(accept(judgement.request))
    }
  })

  const isNew = Effect.fnUntraced(function* (request: Pick<Request, "id" | "customer">) {
    const now = yield* Clock.currentTimeMillis
    return allowance.take(request.customer, now) && !(yield* book.knows(request.id))
  })

  const accept = Effect.fnUntraced(function* (request: Request) {
    const { customer, id, model } = request
    yield* tracing.note("model", model)
    yield* tracing.keep(id)
    yield* tell({ _tag: "Requested", request: id, customer, model })
    yield* quoteOrRefuse(request)
  })

  /** Room for the quote is taken by the same stroke that finds it: others are at it meanwhile. */
  const quoteOrRefuse = (request: Request) =>
    Effect.suspend(() => {
      const refusal = overload(request)
      if (refusal !== undefined) return refuse(request, refusal)
      const quoting = Effect.flatMap(mistrust(request), (refusal) =>
        refusal === undefined ? tracing.stage("quote")(quote(request)) : refuse(request, refusal)
      )
      return Effect.ensuring(quoting, Effect.sync(till.begin(request.customer)))
    })

  /** Why this customer is not worked for before it pays. */
  const mistrust = Effect.fnUntraced(function* ({
    customer,
    settlement
  }: Request): Effect.fn.Return<Refusal | undefined, BookUnavailable> {
    switch (settlement) {
      case "upfront":
        return undefined
      case "escrow": {
        const now = yield* Clock.currentTimeMillis
        const owes = yield* book.owesRelease(provider, customer, {
          since: now - releasePatience,
          forgiven: now - releaseForgiven
        })
        return owes ? unreleased : undefined
      }
      case "sealed":
        return (yield* book.hasRoom(provider, customer, yield* sealedRoom))
          ? undefined
          : tooManySealed
    }
  })

  const sealedRoom = Effect.map(UnixTime.now, (now) => ({
    inAll: options.maxUnpaidSealed,
    perCustomer: Math.max(1, Math.floor(options.maxUnpaidSealed / 4)),
    now
  }))

  const overload = ({ customer }: Request): Refusal | undefined => {
    const { running, waiting } = workshop.load()
    if (running + waiting >= routing.capacity() + options.queue) return tooManyJobs
    return till.unpaid(customer) >= options.unpaidPerCustomer ||
      till.unpaid() >= options.unpaidInAll
      ? tooManyQuotes
      : undefined
  }

  const quote = Effect.fnUntraced(function* (request: Request) {
    const startedAt = yield* Clock.currentTimeMillis
    const invoiced = yield* invoicing.invoice(request)
    if (Result.isFailure(invoiced)) return yield* refuse(request, invoiced.failure)
    const { job, says } = invoiced.success
    const answer = yield* answers.sign(job, says)
    const begin = yield* keep(job, answer)
    if (Option.isNone(begin)) return
    yield* till.expect(job)
    const { amount, customer, paymentHash, settlement } = job
    const millis = (yield* Clock.currentTimeMillis) - startedAt
    const about = { request: job.id, customer, amount, paymentHash, settlement, millis }
    yield* tell({ _tag: "Quoted", ...about })
    yield* Effect.all([offer(answer), begin.value], { concurrency: "unbounded", discard: true })
  })

  /** What is to be done as soon as it is quoted; none if it is not to be quoted. */
  const keep = Effect.fnUntraced(function* (
    { preimage, ...job }: Job,
    answer: NostrEvent.NostrEvent
  ) {
    if (preimage === undefined) {
      const isNew = yield* book.quoted(provider, job, answer)
      return isNew ? Option.some(Effect.void) : Option.none()
    }
    const sealed = { ...job, preimage }
    const lease = yield* workshop.newLease
    if (yield* book.sealed(provider, sealed, answer, lease, yield* sealedRoom))
      return Option.some(workshop.begin(sealed, lease))
    // Others are at it as well: in the meantime they have quoted this one, or taken the room.
    yield* invoicing.withdraw(sealed)
    yield* refuse(job, tooManySealed)
    return Option.none()
  })

  /** A courtesy: the customer may ask for another quote. Who pays this one still gets its job. */
  const cancel = Effect.fnUntraced(function* (
    event: NostrEvent.NostrEvent,
    message: AgentMessage.JobCancel
  ) {
    const cancelled = yield* till.cancel(event, message)
    if (Option.isNone(cancelled)) return
    const { customer, id: request } = cancelled.value
    if (yield* book.cancelled(request, customer))
      yield* tell({ _tag: "Cancelled", request, customer })
  })

  const refuse = Effect.fnUntraced(function* (
    request: Pick<Request, "id" | "customer" | "receivedAt">,
    refusal: Refusal
  ) {
    if (!(yield* book.refused(provider, request, refusal.code))) return
    const { customer, id } = request
    yield* tracing.note("refusal", refusal.code)
    yield* tell({ _tag: "Refused", request: id, customer, ...refusal })
    const answer = yield* answers.sign(request, {
      type: "JobError",
      request_id: id,
      job_id: AgentMessage.jobIdOf(id),
      ...refusal
    })
    yield* offer(answer)
  })

  /** An answer that no relay takes is lost: its customer asks somebody else. */
  const offer = (answer: NostrEvent.NostrEvent) =>
    Effect.catch(answers.offer(answer), ({ message }) => tell({ _tag: "Trouble", message }))

  const sayAgain: Reception["sayAgain"] = (quotes) =>
    Effect.forEach(quotes, offer, { concurrency: 4, discard: true })

  return { receive, sayAgain }
}

/** In milliseconds: an honest customer shows its preimage as soon as it has its text. */
const releasePatience = 60_000

/** In milliseconds: for how long it is remembered that the preimage was never shown. */
const releaseForgiven = 24 * 60 * 60_000

const unreleased: Refusal = {
  code: "settlement_unsupported",
  message: "an escrow of yours was delivered and not released: release it, or pay first"
}

const tooManyJobs: Refusal = {
  code: "over_capacity",
  message: "too many jobs are waiting; try again later"
}

const tooManyQuotes: Refusal = {
  code: "over_capacity",
  message: "too many quotes are unpaid; pay one or wait"
}

const tooManySealed: Refusal = {
  code: "over_capacity",
  message: "too many sealed results are unpaid; pay one or wait"
}
