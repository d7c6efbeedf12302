/**
 * Takes up the jobs that an earlier process left, or that were given up: asks the Treasury what
 * became of their payments, and looks for the results of those that were paid.
 */
import { Treasury } from "@farthing/budget"
import { Msat } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Clock, Duration, Effect, Option, Result } from "effect"
import { logged } from "./Bookkeeping.ts"
import { collect } from "./Collection.ts"
import { DeliveryInvalid, DeliveryTimeout } from "./ComputeError.ts"
import type { ComputeOptions } from "./ComputeOptions.ts"
import type { Delivered } from "./Delivery.ts"
import type { Job, JobState, Offer, Payment, Recovered } from "./Job.ts"
import { JobTransport, type RefundOffered } from "./JobTransport.ts"
import { type Entry, Journal } from "./Journal.ts"
import type { Purchase } from "./Purchase.ts"
import * as Receipt from "./Receipt.ts"
import * as Refund from "./Refund.ts"

/** How many jobs are taken up at once; each has a subscription of its own. */
const concurrency = 8

/** How long a job whose time is over is still listened for, once the relays sent what they had. */
const grace = Duration.seconds(1)

/**
 * `isLive` tells the purchases that go on in this process. Fails without a wallet only if the end
 * of a payment hangs on it, and only after everything else was taken up.
 */
export const recover = Effect.fnUntraced(function* (
  options: ComputeOptions,
  isLive: (purchase: Treasury.PurchaseId) => boolean
) {
  const journal = yield* Journal
  yield* reconcile
  const wallet = yield* askWallet
  const now = yield* UnixTime.now
  const lostSince = now - Math.floor(Duration.toSeconds(options.lateDelivery))
  const left = (yield* journal.unfinished({ lostSince })).filter(({ job }) => !isLive(job.purchase))
  const recovered = yield* Effect.forEach(left, (entry) => resume(entry, options), { concurrency })
  if (recovered.some(({ job }) => needsWallet(job))) yield* Effect.fromResult(wallet)
  return recovered
})

/** A process may have ended between what the journal noted of an end and what the Treasury did. */
const reconcile = Effect.gen(function* () {
  const journal = yield* Journal
  const treasury = yield* Treasury.Treasury
  const known = yield* Effect.filter(
    yield* journal.unreconciled,
    Effect.fnUntraced(function* ({ outcome, paymentHash, purchase }) {
      const spends = yield* treasury.find(purchase)
      const spend = spends.find((one) => one.paymentHash === paymentHash)
      if (spend === undefined) return false
      if (spend.outcome !== outcome) yield* treasury.conclude(paymentHash, outcome)
      return true
    })
  )
  yield* journal.reconciled(known.map(({ request }) => request))
})

/** Has the Treasury look up what is not known; without a wallet it knows what it knew before. */
const askWallet = Effect.gen(function* () {
  const treasury = yield* Treasury.Treasury
  return yield* treasury.recover.pipe(
    Effect.map(Result.succeed),
    Effect.catchTag("WalletUnavailable", (error) => Effect.succeed(Result.fail(error)))
  )
})

const needsWallet = ({ state }: Job): boolean => state === "paying" || state === "unknown"

/**
 * Goes on with a purchase that was begun before: its receipt if there is one now, none if it
 * never came to a payment, and an error while its money is under way or its result is missing.
 */
export const goOn = Effect.fnUntraced(function* (purchase: Purchase) {
  const { id, options } = purchase
  const journal = yield* Journal
  const begun = yield* journal.find(id)
  if (begun.length === 0) return Option.none<Receipt.Receipt>()
  const wallet = yield* askWallet
  for (const entry of begun) {
    const { job, receipt, refund } = yield* resume(entry, options)
    if (receipt !== undefined) return Option.some(receipt)
    if (needsWallet(job)) yield* Effect.fromResult(wallet)
    yield* refuseSecondPayment({ ...entry, job, refund })
  }
  return Option.none()
})

const refuseSecondPayment = ({ job, offer, payment, refund }: Entry) => {
  if (offer === undefined) return Effect.void
  const { provider } = job
  const cost = Msat.add(offer.amount, payment?.fee ?? Msat.zero)
  switch (job.state) {
    case "paying":
    case "unknown":
      return Effect.fail(
        new Treasury.PaymentUnknown({
          paymentHash: offer.paymentHash,
          message: `This purchase has a payment whose end is not known (${job.note}): it is not paid again.`
        })
      )
    case "paid":
    case "lost":
      return Effect.fail(
        new DeliveryTimeout({
          provider,
          cost,
          message: `This purchase is paid (${cost} msat), but its result has not come: it is not paid again.`
        })
      )
    case "refunding":
      return Effect.fail(
        new DeliveryInvalid({
          provider,
          cost,
          message: `This purchase was paid (${cost} msat) without a result, and ${refund?.amount ?? 0} msat were promised back: it is not paid again.`
        })
      )
    case "refunded":
      return Effect.fail(
        new DeliveryInvalid({
          provider,
          cost,
          ...(refund === undefined ? {} : { refund: refund.amount }),
          message: `This purchase was paid (${cost} msat) without a result, and ${refund?.amount ?? 0} msat came back: it is not paid again. Ask anew for another one.`
        })
      )
    default:
      return Effect.void
  }
}

/** Brings one job as far as it comes now, by what the Treasury knows. */
export const resume = Effect.fnUntraced(function* (entry: Entry, options: ComputeOptions) {
  if (entry.isLeased && isBeforePayment(entry.job)) return unchanged(entry)
  switch (entry.job.state) {
    case "requested":
      return yield* abandon(entry, "unanswered")
    case "quoted":
      return yield* abandon(entry, "unpaid")
    case "paying":
    case "unknown":
      return yield* learn(entry, options)
    case "paid":
    case "lost":
      return yield* lookForResult(entry, options)
    case "refunding":
      return yield* goOnWithRefund(entry, options)
    default:
      return unchanged(entry)
  }
})

const unchanged = ({ job, receipt, refund }: Entry): Recovered => ({ job, receipt, refund })

const became = (entry: Entry, state: JobState, note: string): Recovered => ({
  job: { ...entry.job, state, note },
  receipt: undefined,
  refund: entry.refund
})

/** What a living process may still do something about; after the payment it only waits. */
const isBeforePayment = ({ state }: Job): boolean =>
  state === "requested" || state === "quoted" || state === "paying"

/** Closes what nobody is at any more. */
const abandon = Effect.fnUntraced(function* (entry: Entry, state: "unanswered" | "unpaid") {
  const journal = yield* Journal
  const note = "the process ended before anything was paid"
  yield* journal.ended(entry.job.request, state, note)
  return became(entry, state, note)
})

/** What the Treasury knows of the payment. */
const learn = Effect.fnUntraced(function* (entry: Entry, options: ComputeOptions) {
  const { job, offer } = entry
  const journal = yield* Journal
  const treasury = yield* Treasury.Treasury
  const spends = yield* treasury.find(job.purchase)
  const spend = spends.find(({ paymentHash }) => paymentHash === offer?.paymentHash)
  if (spend === undefined) return yield* abandon(entry, "unpaid")
  if (spend.state === "failed") {
    yield* journal.ended(job.request, "unpaid", "the payment failed")
    return became(entry, "unpaid", "the payment failed")
  }
  if (spend.state !== "settled" || spend.preimage === undefined) {
    yield* journal.ended(job.request, "unknown", `the payment is ${spend.state}`)
    return became(entry, "unknown", `the payment is ${spend.state}`)
  }
  const payment: Payment = {
    preimage: spend.preimage,
    fee: spend.fee ?? spend.allowedFee,
    leftToday: undefined,
    paidAt: yield* UnixTime.now
  }
  yield* journal.paid(job.request, payment)
  const paid: Entry = { ...entry, job: { ...job, state: "paid" }, payment }
  return yield* lookForResult(paid, options)
})

/** Listens from the time of the request on for what was paid for. */
const lookForResult = Effect.fnUntraced(function* (entry: Entry, options: ComputeOptions) {
  const { job, offer, payment, request } = entry
  if (offer === undefined || payment === undefined) return unchanged(entry)
  const transport = yield* JobTransport
  const conversation = yield* transport.listenAgain(request)
  if (job.state === "paid")
    yield* conversation
      .tellPaid(offer.jobName, offer.paymentHash)
      .pipe(Effect.ignore({ log: "Debug" }), Effect.forkScoped)
  const heard = yield* conversation.stored.pipe(Effect.timeoutOption(options.discoveryTimeout))
  const patience = {
    first: options.firstChunkTimeout,
    idle: options.idleTimeout,
    deadline: yield* lastMoment(job, payment, options)
  }
  const listener = { tell: () => Effect.void, wants: yield* wantsRefund(entry, offer) }
  return yield* collect(conversation.answers, patience, listener).pipe(
    Effect.flatMap((delivered) => take(entry, offer, payment, delivered)),
    Effect.catchTags({
      RelayUnavailable: () => Effect.succeed(unchanged(entry)),
      Undelivered: ({ message, refund }) => {
        if (refund !== undefined) return takeBack(entry, offer, refund, options)
        const isLost = job.state === "paid" && Option.isSome(heard) && !entry.isLeased
        return isLost ? lose(entry, offer, message) : Effect.succeed(unchanged(entry))
      }
    })
  )
}, Effect.scoped)

/** There is one invoice for a refund: who has not paid it in time has lost our faith. */
const wantsRefund = ({ refund, request }: Entry, offer: Offer) =>
  refund === undefined
    ? Refund.judge({ offer, request })
    : Effect.succeed(() => Effect.succeed(false))

/** Takes up an offer that came while nobody listened. */
const takeBack = Effect.fnUntraced(function* (
  entry: Entry,
  offer: Offer,
  offered: RefundOffered,
  options: ComputeOptions
) {
  const accepted = yield* Refund.accept({ request: entry.request, offer }, offered)
  if (Option.isNone(accepted)) return unchanged(entry)
  const job: Job = { ...entry.job, state: "refunding", note: "a refund was accepted" }
  const refund = { ...accepted.value, receivedAt: undefined }
  return yield* goOnWithRefund({ ...entry, job, refund }, options)
})

/** Sends our invoice again and asks our wallet. */
const goOnWithRefund = Effect.fnUntraced(function* (entry: Entry, options: ComputeOptions) {
  const { offer, refund, request } = entry
  if (offer === undefined || refund === undefined) return unchanged(entry)
  const now = yield* Clock.currentTimeMillis
  const until = Math.max(
    refund.acceptedAt * 1000 + Duration.toMillis(options.idleTimeout),
    now + Duration.toMillis(grace)
  )
  if (yield* Refund.claim({ offer, request }, refund, until))
    return became(entry, "refunded", "the money is back")
  return (yield* Refund.isOver(refund))
    ? yield* lose(entry, offer, "the refund that was promised never came")
    : unchanged(entry)
}, Effect.scoped)

/** Unix milliseconds: the job's own end, or what a provider needs that was paid only now. */
const lastMoment = (job: Job, payment: Payment, options: ComputeOptions) =>
  Effect.map(Clock.currentTimeMillis, (now) =>
    Math.max(
      job.requestedAt * 1000 + Duration.toMillis(options.jobTimeout),
      payment.paidAt * 1000 + Duration.toMillis(options.firstChunkTimeout),
      now + Duration.toMillis(grace)
    )
  )

const take = Effect.fnUntraced(function* (
  entry: Entry,
  offer: Offer,
  payment: Payment,
  delivered: Delivered
) {
  const { job } = entry
  const journal = yield* Journal
  const treasury = yield* Treasury.Treasury
  const receipt = Receipt.make(
    {
      purchase: job.purchase,
      request: job.request,
      provider: job.provider,
      providerName: job.providerName,
      bolt11: offer.bolt11,
      paymentHash: offer.paymentHash,
      preimage: payment.preimage,
      amount: offer.amount,
      fee: payment.fee,
      leftToday: payment.leftToday,
      finishedAt: yield* UnixTime.now,
      stages: []
    },
    delivered,
    entry.model
  )
  yield* journal.delivered(receipt)
  yield* logged(treasury.conclude(offer.paymentHash, "delivered"))
  const recovered: Recovered = {
    job: { ...job, state: "delivered", note: "" },
    receipt,
    refund: undefined
  }
  return recovered
})

const lose = Effect.fnUntraced(function* (entry: Entry, offer: Offer, note: string) {
  const journal = yield* Journal
  const treasury = yield* Treasury.Treasury
  yield* journal.ended(entry.job.request, "lost", note)
  yield* logged(treasury.conclude(offer.paymentHash, "lost"))
  return became(entry, "lost", note)
})
