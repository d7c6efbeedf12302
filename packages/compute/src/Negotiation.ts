/**
 * From a provider to an invoice that may be paid, or an HTLC that may be locked. Nothing here costs anything: whatever goes
 * wrong, the next provider may be asked.
 */
import { Treasury } from "@farthing/budget"
import {
  Announcement,
  type Bolt11,
  Msat,
  type NostrEvent,
  PaymentRequest,
  Settlement,
  type SparkHtlc,
  Text
} from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Clock, Duration, Effect, Option, Queue, Result } from "effect"
import { isAhead } from "./ClockHint.ts"
import * as ComputeError from "./ComputeError.ts"
import * as InvoiceGate from "./InvoiceGate.ts"
import {
  type Answer,
  type Conversation,
  JobTransport,
  type Quoted,
  type Refused,
  type Request
} from "./JobTransport.ts"
import type { OwnPreimage as Preimage, Offer as Terms } from "./Job.ts"
import { type EndState, Journal } from "./Journal.ts"
import { logged } from "./Bookkeeping.ts"
import * as Mode from "./Mode.ts"
import * as OwnPreimage from "./OwnPreimage.ts"
import { modelFor, type Provider } from "./Provider.ts"
import { type Purchase, stage } from "./Purchase.ts"

/** A request on its way, and the open ear for what is answered. */
interface Job {
  readonly provider: Provider
  readonly request: Request
  readonly conversation: Conversation
  readonly settlement: Settlement.Settlement
  readonly way: Settlement.Way
  /** What takes the money that is locked; ours in escrow. */
  readonly preimage: Option.Option<Preimage>
  /** Unix milliseconds at which the job is over. */
  readonly deadline: number
}

/** A provider's quote, checked. */
interface AnyOffer extends Job {
  readonly jobName: string
  readonly amount: Msat.Msat
  /** What the provider said before its invoice: hasty ones deliver first. */
  readonly early: ReadonlyArray<Answer>
}

export interface InvoiceOffer extends AnyOffer {
  readonly invoice: Bolt11.Invoice
}

/** Only an escrow is ever locked over Spark. */
export interface HtlcOffer extends AnyOffer {
  readonly settlement: "escrow"
  readonly htlc: SparkHtlc.SparkHtlc
}

export type Offer = InvoiceOffer | HtlcOffer

/** What the provider asks for. */
export const askedFor = (offer: Offer): PaymentRequest.PaymentRequest =>
  "htlc" in offer ? offer.htlc : offer.invoice

/**
 * Asks one provider: reserve - request - quote - check. What is to be compared with others waits, and
 * is noted; what is taken at once is noted when it is paid.
 */
export const negotiate = Effect.fnUntraced(function* (
  purchase: Purchase,
  provider: Provider,
  isCompared: boolean
) {
  yield* reserve(purchase, provider)
  const job = yield* request(purchase, provider)
  return yield* quote(purchase, job).pipe(
    Effect.flatMap((answered) => check(purchase, job, answered)),
    Effect.tap((offer) => (isCompared ? keep(offer) : Effect.void)),
    Effect.tapError((error) => endJob(job.request, endOf(error), noteOf(error))),
    Effect.onInterrupt(() => endJob(job.request, "unanswered", "interrupted"))
  )
})

/** Refuses what the budget could not pay, before anybody hears of it. */
const reserve = (purchase: Purchase, provider: Provider) =>
  stage(
    purchase,
    "reserve",
    "looking whether the budget allows it",
    Effect.flatMap(Treasury.Treasury, (treasury) =>
      treasury.check({
        purchase: purchase.id,
        tick: purchase.tick,
        amount: Option.getOrElse(priceOf(purchase, provider), () => leastAmount),
        payee: provider.pubkey,
        approved: purchase.approved
      })
    ),
    provider
  )

/** What is announced for the model that is asked for, or for none in particular. */
const priceOf = ({ selection }: Purchase, { announcement }: Provider): Option.Option<Msat.Msat> =>
  Announcement.priceOf(announcement, selection.model)

/** Where the price is not known yet: whether anything could be paid at all. */
const leastAmount = Msat.make(1)

/** Stores the signed request and then sends it. */
const request = (purchase: Purchase, provider: Provider) =>
  stage(
    purchase,
    "request",
    `asking ${nameOf(provider)}${howOf(purchase, provider)}`,
    Effect.gen(function* () {
      const journal = yield* Journal
      const transport = yield* JobTransport
      const requestedAt = yield* UnixTime.now
      const { jobTimeout } = purchase.options
      const way = wayOf(purchase, provider)
      const settlement = Settlement.modeOf(way)
      const { preimage, request } = yield* transport.prepare(provider.announcement, {
        prompt: purchase.prompt,
        maxTokens: purchase.maxTokens,
        model: purchase.selection.model,
        stream: purchase.stream,
        maxPrice: mostFor(purchase, provider),
        way,
        expiresAt: requestedAt + Math.ceil(Duration.toSeconds(jobTimeout)),
        ...(yield* traceOf(purchase))
      })
      const deadline = (yield* Clock.currentTimeMillis) + Duration.toMillis(jobTimeout)
      yield* journal.requested({
        request,
        purchase: purchase.id,
        providerName: provider.name,
        settlement,
        preimage,
        model: modelFor(provider, purchase.selection.model),
        requestedAt
      })
      const conversation = yield* transport.listen(request)
      yield* transport
        .send(request)
        .pipe(Effect.tapError((error) => endJob(request, "unanswered", error.message)))
      return {
        provider,
        request,
        conversation,
        settlement,
        way,
        preimage,
        deadline
      } satisfies Job
    }),
    provider
  )

/** What this provider is asked for; only those are asked that offer something of what is wanted. */
const wayOf = ({ usable }: Purchase, { announcement }: Provider): Settlement.Way =>
  Option.getOrElse(Mode.choose(usable.ways, Announcement.waysOf(announcement)), () => "upfront")

/** How it is to be settled, where that is not what was wanted most. */
const howOf = (purchase: Purchase, provider: Provider): string => {
  const way = wayOf(purchase, provider)
  const skipped = Mode.passedOver(purchase.usable, way)
  return skipped.length === 0 ? "" : `, ${Settlement.inWords(way)} (${Mode.inWords(skipped)})`
}

/** Ours, where it is recorded and the provider may know of it. */
const traceOf = Effect.fnUntraced(function* ({ options }: Purchase) {
  if (!options.traceContext) return {}
  const span = yield* Effect.option(Effect.currentSpan)
  if (Option.isNone(span) || !span.value.sampled) return {}
  const { sampled, spanId, traceId } = span.value
  return { trace: { traceId, spanId, sampled } }
})

/** The smallest of what is announced, what the selection allows and what the caller pays. */
const mostFor = (purchase: Purchase, provider: Provider): Msat.Msat =>
  Msat.min(
    capOf(purchase),
    Option.getOrElse(priceOf(purchase, provider), () => Msat.most)
  )

const capOf = ({ budget, selection }: Purchase): Msat.Msat =>
  Msat.min(budget, selection.maxPrice ?? Msat.most)

/** Waits for the invoice. */
const quote = (purchase: Purchase, job: Job) =>
  stage(
    purchase,
    "quote",
    `waiting for the invoice of ${nameOf(job.provider)}`,
    Effect.gen(function* () {
      const { jobTimeout, quoteTimeout } = purchase.options
      return yield* awaitQuote(job).pipe(
        Effect.timeoutOrElse({
          duration: Duration.min(quoteTimeout, jobTimeout),
          orElse: () => quoteTimedOut(job.provider, quoteTimeout)
        })
      )
    }),
    job.provider
  )

/** The invoice, and what came before it. */
const awaitQuote = Effect.fnUntraced(function* ({ conversation, provider }: Job) {
  const early: Array<Answer> = []
  while (true) {
    const answer = yield* Queue.take(conversation.answers)
    if (answer._tag === "Quoted") return { quoted: answer, early }
    if (answer._tag === "Refused") return yield* refused(provider, answer)
    early.push(answer)
  }
})

export const refused = (provider: Provider, { code, message }: Refused) =>
  new ComputeError.ProviderRefused({
    provider: provider.pubkey,
    code,
    message: `${nameOf(provider)} refused (${code}): ${Text.printable(message)}`
  })

const quoteTimedOut = Effect.fnUntraced(function* (provider: Provider, after: Duration.Duration) {
  const why = likelyReason(provider, yield* UnixTime.now)
  return yield* new ComputeError.QuoteTimeout({
    provider: provider.pubkey,
    message: `${nameOf(provider)} sent no invoice within ${Duration.format(after)}. ${why}; nothing was paid.`
  })
})

/** Who is far behind is not heard: providers take a request of an hour ago for an old one. */
const likelyReason = ({ announcement: { event } }: Provider, now: number): string =>
  isAhead(event.created_at, now)
    ? `Its announcement is dated ${event.created_at - now} s ahead, so this machine's clock may be slow`
    : "It may be offline"

/** Lets only an invoice through that is exactly what was asked for. */
const check = (
  purchase: Purchase,
  job: Job,
  { early, quoted }: { readonly quoted: Quoted; readonly early: ReadonlyArray<Answer> }
) =>
  stage(
    purchase,
    "check",
    "checking the invoice",
    Effect.gen(function* () {
      const judged = InvoiceGate.check(
        quoted,
        {
          network: purchase.options.network,
          price: priceOf(purchase, job.provider),
          cap: capOf(purchase),
          way: job.way,
          ownHash: Option.map(job.preimage, OwnPreimage.hashOf),
          leastLock: Duration.toSeconds(purchase.options.jobTimeout) + Settlement.lockMargin
        },
        yield* UnixTime.now
      )
      if (Result.isFailure(judged)) return yield* rejected(job.provider, judged.failure)
      const { amount, jobName } = quoted
      const asked = judged.success
      const offer: Offer = PaymentRequest.isHtlc(asked)
        ? { ...job, settlement: "escrow", jobName, amount, early, htlc: asked }
        : { ...job, jobName, amount, early, invoice: asked }
      return offer
    }),
    job.provider
  )

/** Notes the offer; of two with the same invoice the first one counts, for it cannot be a copy. */
const keep = Effect.fnUntraced(function* (offer: Offer) {
  const journal = yield* Journal
  const request = offer.request.event.id
  switch (yield* journal.quoted(request, termsOf(offer))) {
    case "taken":
      return yield* Effect.addFinalizer(() => logged(journal.passedOver(request)))
    case "closed":
      return yield* closed(request)
    case "reused":
      return yield* reused(offer.provider)
  }
})

export const termsOf = (offer: Offer): Terms => {
  const asked = askedFor(offer)
  return {
    jobName: offer.jobName,
    bolt11: PaymentRequest.textOf(asked),
    amount: offer.amount,
    paymentHash: asked.paymentHash
  }
}

/** Somebody else has closed the job. */
export const closed = (request: NostrEvent.EventId) =>
  new Treasury.LedgerUnavailable({
    message: `The job ${request} is closed in the journal: it is not paid any more`
  })

export const rejected = (provider: Provider, fault: InvoiceGate.Fault) =>
  new ComputeError.InvoiceRejected({
    provider: provider.pubkey,
    reason: fault.reason,
    message: `The invoice of ${nameOf(provider)} is not one to pay: ${fault.message}. Nothing was paid.`
  })

/** Two jobs were given the same invoice: the one fault that only the journal can find. */
export const reused = (provider: Provider) =>
  rejected(provider, { reason: "reused", message: "its payment hash was seen on another job" })

/** How a job ends in the journal that did not come to a payment. */
const endOf = (error: { readonly _tag: string }): EndState => {
  switch (error._tag) {
    case "ProviderRefused":
      return "refused"
    case "InvoiceRejected":
      return "rejected"
    default:
      return "unanswered"
  }
}

/** What the journal says of it: the reason in one word first, where there is one. */
export const noteOf = (error: { readonly message: string; readonly reason?: unknown }): string =>
  typeof error.reason === "string" ? `${error.reason}: ${error.message}` : error.message

const endJob = (request: Request, state: EndState, note: string) =>
  Effect.flatMap(Journal, (journal) => logged(journal.ended(request.event.id, state, note)))

/** Names are what others wrote. */
export const nameOf = (provider: Provider): string =>
  Text.printable(provider.name) || provider.pubkey.slice(0, 12)
