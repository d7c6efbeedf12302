/**
 * The money back instead of a result: an offer is judged, our invoice stored with the signed
 * message that carries it, and only then sent. From then on our own wallet has the word.
 */
import { Treasury } from "@farthing/budget"
import { Bolt11, type Msat } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Wallet } from "@farthing/wallet"
import { Clock, Duration, Effect, Option, Result, Schedule, Stream } from "effect"
import { logged } from "./Bookkeeping.ts"
import { insist } from "./Insisting.ts"
import type { AcceptedRefund, Offer } from "./Job.ts"
import { Journal } from "./Journal.ts"
import { JobTransport, type RefundOffered, type Request } from "./JobTransport.ts"

/** A job that was paid: what can be given back for it. */
export interface PaidJob {
  readonly request: Request
  readonly offer: Pick<Offer, "amount" | "paymentHash">
}

/** In seconds: how long our invoice can be paid, at least and at most. */
const shortestExpiry = 3_600
const longestExpiry = 7 * 24 * 3_600

/** Why an offer is not one to take; `now` in unix seconds. */
export const objectionTo = (
  { amount, expiresAt }: RefundOffered,
  paid: Msat.Msat,
  now: number
): string | undefined => {
  if (amount === 0) return "it is over nothing"
  if (amount > paid) return `it is over ${amount} msat, and ${paid} were paid`
  if (expiresAt <= now) return `it expired ${now - expiresAt} s ago`
  return undefined
}

/** Judges the offers that come for a job; the first one that is no good is noted. */
export const judge = Effect.fnUntraced(function* ({ offer, request }: PaidJob) {
  const journal = yield* Journal
  const note = (text: string) => logged(journal.noted(request.event.id, text))
  let isNoted = false
  return Effect.fnUntraced(function* (offered: RefundOffered) {
    const objection = objectionTo(offered, offer.amount, yield* UnixTime.now)
    if (objection === undefined) {
      yield* note(`refund offered: ${offered.amount} msat`)
      return true
    }
    if (!isNoted) yield* note(`refund offer ignored: ${objection}`)
    isNoted = true
    return false
  })
})

/**
 * Makes our invoice and stores it; the answer is that one, or the one of another process that was
 * faster. None if the job was delivered meanwhile, or the wallet makes no invoice now: the offer
 * is taken up by recovery as long as it stands.
 */
export const accept = (job: PaidJob, offered: RefundOffered) =>
  storeInvoice(job, offered).pipe(
    Effect.catch((error) =>
      Effect.as(
        Effect.logWarning("The offer of a refund could not be accepted", error),
        Option.none<AcceptedRefund>()
      )
    )
  )

const storeInvoice = Effect.fnUntraced(function* (job: PaidJob, offered: RefundOffered) {
  const journal = yield* Journal
  const transport = yield* JobTransport
  const invoice = yield* makeInvoice(job.request, offered)
  const refund: AcceptedRefund = {
    amount: offered.amount,
    bolt11: invoice.bolt11,
    paymentHash: invoice.paymentHash,
    event: yield* transport.prepareRefund(job.request, invoice.bolt11),
    expiresAt: offered.expiresAt,
    acceptedAt: yield* UnixTime.now
  }
  const { id } = job.request.event
  if (yield* journal.refunding(id, refund)) return Option.some(refund)
  const detail = yield* journal.findJob(id)
  return Option.flatMapNullishOr(detail, (found) =>
    found.job.state === "refunding" ? found.refund : undefined
  )
})

const makeInvoice = Effect.fnUntraced(function* (
  { event }: Request,
  { amount, expiresAt }: RefundOffered
) {
  const wallet = yield* Wallet.Wallet
  const lasts = expiresAt - (yield* UnixTime.now)
  const invoice = yield* wallet
    .makeInvoice({
      amount,
      description: `Refund of job ${event.id.slice(0, 16)}`,
      expiry: Duration.seconds(Math.min(Math.max(lasts, shortestExpiry), longestExpiry))
    })
    .pipe(
      Effect.mapError(({ message }) => new Treasury.WalletUnavailable({ message })),
      Effect.timeoutOrElse({ duration: walletTimeout, orElse: () => Effect.fail(noAnswer) })
    )
  if (invoice.amount === amount) return invoice
  return yield* new Treasury.WalletUnavailable({
    message: `The wallet made an invoice over ${invoice.amount} msat, and ${amount} are to come back`
  })
})

/** For one answer of the wallet. */
const walletTimeout = "10 seconds"

const noAnswer = new Treasury.WalletUnavailable({
  message: "The wallet did not answer in time."
})

/** Sends our invoice, the very bytes that were stored; it may be sent any number of times. */
const send = Effect.fnUntraced(function* (refund: AcceptedRefund) {
  const transport = yield* JobTransport
  yield* insist(transport.send(refund), {
    times: 4,
    warning: "The invoice for a refund was not sent"
  })
})

/** Sends our invoice and waits for the money until a unix millisecond; when it came, if it did. */
export const claim = Effect.fnUntraced(function* (
  job: PaidJob,
  refund: AcceptedRefund,
  until: number
) {
  yield* Effect.forkScoped(send(refund))
  const now = yield* Clock.currentTimeMillis
  const received = yield* arrival(refund.paymentHash).pipe(
    Effect.timeoutOption(Math.max(until - now, 0)),
    Effect.map(Option.flatten)
  )
  if (Option.isSome(received)) yield* conclude(job, received.value)
  return received
})

/** When the money came (unix seconds), once it is here. What the wallet tells is a hint to look. */
const arrival = Effect.fnUntraced(function* (paymentHash: Bolt11.PaymentHash) {
  const wallet = yield* Wallet.Wallet
  const hints = wallet.incoming.pipe(
    Stream.filter((incoming) => incoming.paymentHash === paymentHash),
    Stream.catch(() => Stream.empty)
  )
  return yield* Stream.succeed(0).pipe(
    Stream.concat(Stream.fromSchedule(inquiries)),
    Stream.merge(hints),
    Stream.mapEffect(() => settledAt(paymentHash)),
    Stream.filter(Option.isSome),
    Stream.runHead,
    Effect.map(Option.flatten)
  )
})

const inquiries = Schedule.min([Schedule.exponential("200 millis"), Schedule.spaced("5 seconds")])

const settledAt = (paymentHash: Bolt11.PaymentHash) =>
  Effect.zipWith(lookUp(paymentHash), UnixTime.now, (found, now) =>
    Option.map(
      Option.filter(found, ({ state }) => state === "settled"),
      (incoming) => Option.getOrElse(incoming.settledAt, () => now)
    )
  )

/** What our wallet says of our invoice; none too where it cannot be asked. */
const lookUp = (paymentHash: Bolt11.PaymentHash) =>
  Effect.flatMap(Wallet.Wallet, (wallet) => wallet.lookupIncoming(paymentHash)).pipe(
    Effect.timeoutOrElse({ duration: walletTimeout, orElse: () => Effect.fail(noAnswer) }),
    Effect.catch((error) =>
      Effect.as(
        Effect.logDebug("The wallet could not be asked for a refund", error),
        Option.none<Wallet.Incoming>()
      )
    )
  )

/** Whether our wallet says that the invoice was not paid and can be paid no more. */
export const isOver = Effect.fnUntraced(function* ({ bolt11, paymentHash }: AcceptedRefund) {
  const invoice = Bolt11.decode(bolt11)
  const found = yield* lookUp(paymentHash)
  const now = yield* UnixTime.now
  return (
    Result.isSuccess(invoice) &&
    now > invoice.success.expiresAt + clockMargin &&
    Option.exists(found, ({ state }) => state !== "settled")
  )
})

/** In seconds: by how much the wallet's clock may differ from ours. */
const clockMargin = 120

const conclude = Effect.fnUntraced(function* (job: PaidJob, receivedAt: number) {
  const journal = yield* Journal
  const treasury = yield* Treasury.Treasury
  yield* logged(journal.refunded(job.request.event.id, receivedAt))
  yield* logged(treasury.conclude(job.offer.paymentHash, "refunded"))
})
