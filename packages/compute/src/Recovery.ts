/**
 * Takes up the jobs that an earlier process left, or that were given up: asks the Treasury what
 * became of their payments, and looks for the results of those that were paid.
 */
import { Treasury } from "@farthing/budget"
import { UnixTime } from "@farthing/relay"
import { Clock, Duration, Effect, Option, Result } from "effect"
import { bookDelivery, findSpend, logged } from "./Bookkeeping.ts"
import { collect } from "./Collection.ts"
import type { ComputeOptions } from "./ComputeOptions.ts"
import type { Delivered } from "./Delivery.ts"
import type { Job, Offer, Payment, Recovered } from "./Job.ts"
import { JobTransport, type RefundOffered } from "./JobTransport.ts"
import { type Entry, Journal } from "./Journal.ts"
import * as LockRecovery from "./LockRecovery.ts"
import * as Refund from "./Refund.ts"
import * as Unsealing from "./Unsealing.ts"
import { became, end, grace, lastMoment, receiptOf, spendOf, unchanged } from "./Resuming.ts"

/** How many jobs are taken up at once; each has a subscription of its own. */
const concurrency = 8

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
  const paidAfterAll = yield* Effect.filter(
    yield* journal.doubtful({ since: lostSince }),
    Effect.fnUntraced(function* (entry) {
      return (yield* spendOf(entry))?.state === "settled"
    })
  )
  const unfinished = yield* journal.unfinished({ lostSince })
  const left = [...unfinished, ...paidAfterAll].filter(({ job }) => !isLive(job.purchase))
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
      const spend = yield* findSpend(purchase, paymentHash)
      if (spend === undefined) return false
      if (spend.outcome !== outcome) yield* treasury.conclude(paymentHash, outcome)
      return true
    })
  )
  yield* journal.reconciled(known.map(({ request }) => request))
})

/** Has the Treasury look up what is not known; without a wallet it knows what it knew before. */
export const askWallet = Effect.gen(function* () {
  const treasury = yield* Treasury.Treasury
  return yield* treasury.recover.pipe(
    Effect.map(Result.succeed),
    Effect.catchTag("WalletUnavailable", (error) => Effect.succeed(Result.fail(error)))
  )
})

export const needsWallet = ({ state }: Job): boolean =>
  state === "paying" || state === "unknown" || state === "locked" || state === "released"

/** Brings one job as far as it comes now, by what the Treasury knows. */
export const resume = Effect.fnUntraced(function* (entry: Entry, options: ComputeOptions) {
  if (entry.isLeased && isBeforePayment(entry.job)) return unchanged(entry)
  switch (entry.job.state) {
    case "requested":
      return yield* abandon(entry, "unanswered")
    case "quoted":
    case "sealed":
      return yield* abandon(entry, "unpaid")
    case "paying":
    case "unknown":
      return yield* learn(entry, options)
    case "unpaid":
      return yield* learnBetter(entry, options)
    case "locked":
      return yield* resumeLocked(entry, options)
    case "released":
      return yield* LockRecovery.resumeReleased(entry)
    case "paid":
    case "lost":
      return yield* lookForResult(entry, options)
    case "refunding":
      return yield* goOnWithRefund(entry, options)
    default:
      return unchanged(entry)
  }
})

/** What a living process may still do something about; after the payment it only waits. */
const isBeforePayment = ({ state }: Job): boolean =>
  state === "requested" || state === "quoted" || state === "sealed" || state === "paying"

/** Closes what nobody is at any more. */
const abandon = (entry: Entry, state: "unanswered" | "unpaid") =>
  end(entry, state, "the process ended before anything was paid")

/** What became of the payment, as far as the Treasury knows. */
const learn = Effect.fnUntraced(function* (entry: Entry, options: ComputeOptions) {
  const spend = yield* spendOf(entry)
  if (spend === undefined) return yield* abandon(entry, "unpaid")
  if (spend.state === "failed") return yield* end(entry, "unpaid", "the payment failed")
  if (spend.state === "held")
    return yield* resumeLocked(yield* LockRecovery.takeForLocked(entry, spend), options)
  if (spend.state !== "settled" || spend.preimage === undefined)
    return yield* end(entry, "unknown", `the payment is ${spend.state}`)
  return yield* takeForPaid(entry, spend, spend.preimage, options)
})

/** A wallet may say that a payment failed, and find out later that it made it. */
const learnBetter = Effect.fnUntraced(function* (entry: Entry, options: ComputeOptions) {
  const spend = yield* spendOf(entry)
  return spend?.state === "settled" && spend.preimage !== undefined
    ? yield* takeForPaid(entry, spend, spend.preimage, options)
    : unchanged(entry)
})

/** What is locked is taken, comes back, or waits for a result of the provider's. */
const resumeLocked = Effect.fnUntraced(function* (entry: Entry, options: ComputeOptions) {
  const spend = yield* spendOf(entry)
  if (spend?.state === "failed") return yield* end(entry, "returned", spend.note)
  if (spend?.state === "settled" && spend.preimage !== undefined)
    return yield* takeForPaid(entry, spend, spend.preimage, options)
  return spend === undefined || entry.isLeased
    ? unchanged(entry)
    : yield* LockRecovery.lookForResult(entry, spend, options)
})

const takeForPaid = Effect.fnUntraced(function* (
  entry: Entry,
  { allowedFee, fee }: Treasury.SpendRecord,
  preimage: Payment["preimage"],
  options: ComputeOptions
) {
  const journal = yield* Journal
  const payment: Payment = {
    preimage,
    fee: fee ?? allowedFee,
    feeKnown: fee !== undefined,
    leftToday: undefined,
    paidAt: yield* UnixTime.now
  }
  yield* journal.paid(entry.job.request, payment)
  const job: Job = { ...entry.job, state: "paid", note: "" }
  return yield* lookForResult({ ...entry, job, payment }, options)
})

/** Listens from the time of the request on for what was paid for. */
const lookForResult = Effect.fnUntraced(function* (entry: Entry, options: ComputeOptions) {
  const { job, offer, payment, request } = entry
  if (offer === undefined || payment === undefined) return unchanged(entry)
  if (job.settlement === "sealed") return yield* unseal(entry, offer, payment)
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
    deadline: yield* lastMoment(job, payment.paidAt, options)
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

/** What is under seal is stored: nothing more of it comes. */
const unseal = Effect.fnUntraced(function* (entry: Entry, offer: Offer, payment: Payment) {
  if (entry.job.state !== "paid") return unchanged(entry)
  return yield* LockRecovery.openStored(entry, offer, payment).pipe(
    Effect.flatMap((delivered) => take(entry, offer, payment, delivered)),
    Effect.catchTag("Garbage", ({ message }) =>
      Effect.as(
        Unsealing.lose(entry.job.request, offer.paymentHash, message),
        became(entry, "lost", message)
      )
    )
  )
})

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
  const received = yield* Refund.claim({ offer, request }, refund, until)
  if (Option.isSome(received)) {
    const receivedAt = received.value
    return became({ ...entry, refund: { ...refund, receivedAt } }, "refunded", "the money is back")
  }
  return (yield* Refund.isOver(refund))
    ? yield* lose(entry, offer, "the refund that was promised never came")
    : unchanged(entry)
}, Effect.scoped)

const take = Effect.fnUntraced(function* (
  entry: Entry,
  offer: Offer,
  payment: Payment,
  delivered: Delivered
) {
  const { job } = entry
  const receipt = yield* receiptOf(entry, offer, payment, delivered)
  const instead = yield* bookDelivery(receipt)
  return Option.match(instead, {
    onNone: (): Recovered => ({
      job: { ...job, state: "delivered", note: "" },
      receipt,
      refund: undefined
    }),
    onSome: (refunded): Recovered => ({ ...refunded, receipt: undefined })
  })
})

const lose = Effect.fnUntraced(function* (entry: Entry, offer: Offer, note: string) {
  const journal = yield* Journal
  const treasury = yield* Treasury.Treasury
  yield* journal.ended(entry.job.request, "lost", note)
  yield* logged(treasury.conclude(offer.paymentHash, "lost"))
  return became(entry, "lost", note)
})
