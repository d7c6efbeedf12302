/**
 * What a paid job comes to that delivers nothing: the provider gives the money back, or it is
 * lost. Either way the caller is told what it cost.
 */
import { Treasury } from "@farthing/budget"
import { Msat } from "@farthing/protocol"
import { Clock, Duration, Effect, Option, Queue } from "effect"
import { logged, tooLate } from "./Bookkeeping.ts"
import type { Undelivered } from "./Collection.ts"
import * as ComputeError from "./ComputeError.ts"
import type { AcceptedRefund } from "./Job.ts"
import { Journal } from "./Journal.ts"
import { nameOf, type Offer, termsOf } from "./Negotiation.ts"
import type { Provider } from "./Provider.ts"
import { type Purchase, stage } from "./Purchase.ts"
import * as Refund from "./Refund.ts"

/** What was paid. */
type Paid = Pick<Treasury.Settled, "amount" | "fee" | "paymentHash">

const costOf = ({ amount, fee }: Paid): Msat.Msat => Msat.add(amount, fee)

/** Takes the money back where it is offered, else takes the loss. `deadline` as in the job. */
export const resolve = Effect.fnUntraced(function* (
  purchase: Purchase,
  offer: Offer,
  paid: Paid,
  deadline: number,
  undelivered: Undelivered
) {
  if (undelivered.refund === undefined) return yield* lose(offer, paid, undelivered)
  const job = { request: offer.request, offer: termsOf(offer) }
  const accepted = yield* Refund.accept(job, undelivered.refund)
  if (Option.isNone(accepted)) return yield* lose(offer, paid, undelivered)
  const refund = accepted.value
  const received = yield* stage(
    purchase,
    "refund",
    `waiting for ${nameOf(offer.provider)} to give ${refund.amount} msat back`,
    takeBack(offer, refund, yield* lastMoment(deadline, purchase)),
    offer.provider
  )
  return yield* refundOf(offer.provider, paid, undelivered, refund, Option.isSome(received))
})

/** Unix milliseconds: the job's own end, but time enough for a payment. */
const lastMoment = (deadline: number, { options }: Purchase) =>
  Effect.map(Clock.currentTimeMillis, (now) =>
    Math.max(deadline, now + Duration.toMillis(options.idleTimeout))
  )

/** When the money came, if it came in time. A result that comes meanwhile comes too late. */
const takeBack = (offer: Offer, refund: AcceptedRefund, until: number) =>
  Effect.raceFirst(
    Refund.claim({ request: offer.request, offer: termsOf(offer) }, refund, until),
    noteLateResult(offer)
  ).pipe(Effect.scoped)

const noteLateResult = ({ conversation, request }: Offer): Effect.Effect<never, never, Journal> =>
  Queue.take(conversation.answers).pipe(
    Effect.repeat({ until: (answer) => answer._tag === "Piece" || answer._tag === "Whole" }),
    Effect.andThen(Journal),
    Effect.flatMap((journal) => logged(journal.noted(request.event.id, tooLate))),
    Effect.catch((error) => Effect.logDebug("The relays went away during a refund", error)),
    Effect.andThen(Effect.never)
  )

const lose = Effect.fnUntraced(function* (offer: Offer, paid: Paid, undelivered: Undelivered) {
  const journal = yield* Journal
  const treasury = yield* Treasury.Treasury
  yield* logged(journal.ended(offer.request.event.id, "lost", undelivered.message))
  yield* logged(treasury.conclude(paid.paymentHash, "lost"))
  return yield* lossOf(offer.provider, paid, undelivered)
})

const lossOf = (provider: Provider, paid: Paid, { message, reason, refund }: Undelivered) => {
  const cost = costOf(paid)
  const hope =
    refund === undefined
      ? "a late result, or a refund, is still taken by recovery"
      : `${refund.amount} msat were offered back, and recovery goes on with that`
  return ComputeError.undelivered(reason, {
    provider: provider.pubkey,
    cost,
    message: `${nameOf(provider)} was paid (${cost} msat with the fee), but ${message}. It is avoided for now; ${hope}.`
  })
}

const refundOf = (
  provider: Provider,
  paid: Paid,
  { message }: Undelivered,
  { amount }: AcceptedRefund,
  received: boolean
) => {
  const cost = costOf(paid)
  const end = received
    ? `It gave ${amount} msat back.`
    : `It promised to give ${amount} msat back: recovery looks for them.`
  return new ComputeError.DeliveryInvalid({
    provider: provider.pubkey,
    cost,
    ...(received ? { refund: amount } : {}),
    message: `${nameOf(provider)} was paid (${cost} msat with the fee), but ${message}. ${end}`
  })
}

/** Not the provider's fault: the job stays open for recovery. */
export const outOfReach = (
  provider: Provider,
  paid: Paid,
  error: ComputeError.RelayUnavailable
) => {
  const cost = costOf(paid)
  return new ComputeError.DeliveryTimeout({
    provider: provider.pubkey,
    cost,
    message: `${nameOf(provider)} was paid (${cost} msat with the fee), and then the relays went away: ${error.message}. Recovery collects the result once they are back.`
  })
}
