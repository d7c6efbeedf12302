/**
 * Where requests come in: each is quoted, or refused with a reason, once. Strangers who ask too
 * often get no answer at all, because answering is what they would cost us.
 */
import { AgentMessage, type NostrEvent } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import type { Wallet } from "@farthing/wallet"
import { Clock, Duration, Effect, Option } from "effect"
import * as Allowance from "./Allowance.ts"
import type { Answers } from "./Answers.ts"
import { isModern, type Job, type Request } from "./Job.ts"
import { judge, type Refusal } from "./Judgement.ts"
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

/** For the wallet to make an invoice. */
const patience = "15 seconds"

export const make = (services: {
  readonly provider: NostrEvent.NostrEvent["pubkey"]
  readonly wallet: Wallet.Shape
  readonly book: ProviderBook
  readonly presence: Presence
  readonly routing: Routing
  readonly answers: Answers
  readonly workshop: Workshop
  readonly till: Till
  readonly refunds: Refunds
  readonly tracing: Tracing
  readonly options: Resolved
  readonly tell: (event: ProviderEvent) => Effect.Effect<void>
}): Reception => {
  const { answers, book, options, presence, provider, refunds, routing, tell, till } = services
  const { tracing, wallet, workshop } = services
  const allowance = Allowance.make(options.requestsPerMinute)

  const receive = Effect.fnUntraced(function* (event: NostrEvent.NostrEvent) {
    const judgement = judge(event, {
      provider,
      channel: presence.channel,
      priceOf: (model) => Prices.of(options, model),
      models: routing.models(),
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
      const quoting = tracing.stage("quote")(quote(request))
      return Effect.ensuring(quoting, Effect.sync(till.begin(request.customer)))
    })

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
    const invoice = yield* makeInvoice(request)
    if (Option.isNone(invoice)) return yield* refuse(request, noInvoice)
    const job: Job = {
      ...request,
      amount: invoice.value.amount,
      bolt11: invoice.value.bolt11,
      paymentHash: invoice.value.paymentHash,
      invoiceExpiresAt: invoice.value.createdAt + expirySeconds
    }
    const answer = yield* answers.sign(job, toInvoice(job))
    if (!(yield* book.quoted(provider, job, answer))) return
    yield* till.expect(job)
    const { amount, customer, paymentHash } = job
    const millis = (yield* Clock.currentTimeMillis) - startedAt
    yield* tell({ _tag: "Quoted", request: job.id, customer, amount, paymentHash, millis })
    yield* offer(answer)
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

  const expirySeconds = Math.ceil(Duration.toSeconds(options.invoiceExpiry))

  /** None if the wallet cannot make one now. */
  const makeInvoice = (request: Request) =>
    wallet
      .makeInvoice({
        amount: Prices.of(options, request.model),
        description: `Inference, ${AgentMessage.jobIdOf(request.id)}`,
        expiry: options.invoiceExpiry
      })
      .pipe(
        Effect.timeout(patience),
        Effect.tapError(({ message }) => tell({ _tag: "Trouble", message })),
        Effect.option
      )

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

const toInvoice = (job: Job): AgentMessage.Invoice => ({
  type: "Invoice",
  job_id: AgentMessage.jobIdOf(job.id),
  bolt11: job.bolt11,
  amount_msats: job.amount,
  payment_hash: job.paymentHash,
  ...(isModern(job.message)
    ? { request_id: job.id, settlement: "upfront", expires_at: job.invoiceExpiresAt }
    : {})
})

const tooManyJobs: Refusal = {
  code: "over_capacity",
  message: "too many jobs are waiting; try again later"
}

const tooManyQuotes: Refusal = {
  code: "over_capacity",
  message: "too many quotes are unpaid; pay one or wait"
}

const noInvoice: Refusal = {
  code: "over_capacity",
  message: "no invoice can be made now; try again later"
}
