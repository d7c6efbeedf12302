/**
 * From an invoice to a receipt. Once the payment is submitted, the purchase belongs to it: every
 * error from then on tells what it cost.
 */
import { Treasury } from "@farthing/budget"
import { UnixTime } from "@farthing/relay"
import { Clock, Duration, Effect, Fiber, Queue, Schedule } from "effect"
import type { Scope } from "effect"
import { bookDelivery, logged } from "./Bookkeeping.ts"
import { collect } from "./Collection.ts"
import type { Delivered } from "./Delivery.ts"
import type { Answer, Conversation } from "./JobTransport.ts"
import { type EndState, Journal } from "./Journal.ts"
import {
  closed,
  nameOf,
  noteOf,
  type Offer,
  refused,
  rejected,
  reused,
  termsOf
} from "./Negotiation.ts"
import { modelFor } from "./Provider.ts"
import { type Purchase, stage, stages } from "./Purchase.ts"
import * as Receipt from "./Receipt.ts"
import * as Refund from "./Refund.ts"
import * as Undelivery from "./Undelivery.ts"

/** Buys what was offered: pay - deliver - settle. */
export const fulfil = Effect.fnUntraced(function* (purchase: Purchase, offer: Offer) {
  const paid = yield* pay(purchase, offer)
  const delivered = yield* deliver(purchase, offer, paid)
  return yield* settle(purchase, offer, paid, delivered)
})

/** A payment that is done, and when. */
interface Paid extends Treasury.Settled {
  /** Unix milliseconds. */
  readonly at: number
  /** What came before the payment. */
  readonly early: ReadonlyArray<Answer>
  /** The result is waited for while the payment is noted, and comes after it in the journal. */
  readonly noted: Effect.Effect<void>
}

/** Notes the invoice, pays it, and tells the provider. */
const pay = (purchase: Purchase, offer: Offer) =>
  stage(
    purchase,
    "pay",
    `paying ${offer.amount} msat to ${nameOf(offer.provider)}`,
    Effect.gen(function* () {
      const journal = yield* Journal
      const request = offer.request.event.id
      yield* commit(offer)
      const early = yield* stillStands(offer)
      const settled = yield* submit(purchase, offer).pipe(
        Effect.tapError((error) => logged(journal.ended(request, endOf(error), noteOf(error)))),
        Effect.onInterrupt(() =>
          logged(journal.ended(request, "unknown", "interrupted while paying"))
        )
      )
      const at = yield* Clock.currentTimeMillis
      yield* tellPaid(offer.conversation, offer)
      const noting = yield* logged(
        journal.paid(request, {
          preimage: settled.preimage,
          fee: settled.fee,
          leftToday: settled.leftToday,
          paidAt: UnixTime.fromMillis(at)
        })
      ).pipe(Effect.forkScoped({ startImmediately: true }))
      return { ...settled, at, early, noted: Fiber.join(noting) } satisfies Paid
    }),
    offer.provider
  )

/** The last look before the money moves: what came so far; a quote that was taken back is not paid. */
const stillStands = Effect.fnUntraced(function* (offer: Offer) {
  const { conversation, provider, request } = offer
  const journal = yield* Journal
  return yield* Queue.clear(conversation.answers).pipe(
    Effect.tap((early) => {
      const refusal = early.find((answer) => answer._tag === "Refused")
      return refusal === undefined ? Effect.void : Effect.fail(refused(provider, refusal))
    }),
    // Nothing was paid that could be given back.
    Effect.map((since) =>
      [...offer.early, ...since].filter((answer) => answer._tag !== "RefundOffered")
    ),
    Effect.tapError((error) =>
      logged(
        journal.ended(
          request.event.id,
          error._tag === "ProviderRefused" ? "refused" : "unpaid",
          error.message
        )
      )
    )
  )
})

/** Notes what is about to be paid, so that it is known whatever happens next. */
const commit = Effect.fnUntraced(function* (offer: Offer) {
  const journal = yield* Journal
  const request = offer.request.event.id
  switch (yield* journal.paying(request, termsOf(offer))) {
    case "taken":
      return
    case "closed":
      return yield* closed(request)
    case "reused": {
      const error = reused(offer.provider)
      yield* logged(journal.ended(request, "rejected", noteOf(error)))
      return yield* error
    }
  }
})

const submit = Effect.fnUntraced(function* (purchase: Purchase, offer: Offer) {
  const treasury = yield* Treasury.Treasury
  const { invoice, provider } = offer
  return yield* treasury
    .pay({
      purchase: purchase.id,
      tick: purchase.tick,
      payee: provider.pubkey,
      invoice,
      cap: purchase.budget,
      approved: purchase.approved
    })
    .pipe(
      Effect.timeoutOrElse({
        duration: purchase.options.paymentTimeout,
        orElse: () => whatBecameOfIt(purchase, offer)
      }),
      Effect.catchTag("PaymentRefused", ({ message, reason }) =>
        reason === "already_used" ? reused(provider) : rejected(provider, { reason, message })
      )
    )
})

/** The time is up: the ledger knows how far the payment came. */
const whatBecameOfIt = Effect.fnUntraced(function* (purchase: Purchase, { invoice }: Offer) {
  const treasury = yield* Treasury.Treasury
  const { paymentHash } = invoice
  const time = Duration.format(purchase.options.paymentTimeout)
  const spends = yield* treasury.find(purchase.id)
  const spend = spends.find((one) => one.paymentHash === paymentHash)
  if (spend === undefined || spend.state === "failed")
    return yield* new Treasury.PaymentFailed({
      reason: "unreachable",
      message: `The payment was given up after ${time}. Nothing was paid.`
    })
  if (spend.state === "settled" && spend.preimage !== undefined)
    return {
      paymentHash,
      preimage: spend.preimage,
      amount: spend.amount,
      fee: spend.fee ?? spend.allowedFee,
      feeKnown: spend.fee !== undefined,
      leftToday: undefined
    } satisfies Treasury.Settled
  return yield* new Treasury.PaymentUnknown({
    paymentHash,
    message: `The payment did not end within ${time}. It may have been made: its amount stays held until a look-up tells.`
  })
})

/** How a job ends in the journal whose payment did not come through. */
const endOf = (error: { readonly _tag: string; readonly reason?: unknown }): EndState => {
  switch (error._tag) {
    case "InvoiceRejected":
      return error.reason === "purchase_already_paid" ? "unpaid" : "rejected"
    case "PaymentUnknown":
    case "LedgerUnavailable":
      return "unknown"
    default:
      return "unpaid"
  }
}

/** In the background: the provider sees its money anyway, this is for those who wait for a word. */
const tellPaid = (
  conversation: Conversation,
  { invoice, jobName }: Offer
): Effect.Effect<void, never, Scope.Scope> =>
  conversation.tellPaid(jobName, invoice.paymentHash).pipe(
    Effect.retry(Schedule.exponential("200 millis").pipe(Schedule.upTo({ times: 4 }))),
    Effect.catch((error) => Effect.logWarning("The provider was not told of its payment", error)),
    Effect.forkScoped({ startImmediately: true }),
    Effect.asVoid
  )

/** Waits for the text; where none comes, for the money, or takes the loss. */
const deliver = Effect.fnUntraced(function* (purchase: Purchase, offer: Offer, paid: Paid) {
  const { firstChunkTimeout, idleTimeout } = purchase.options
  const deadline = lastMoment(offer, paid, purchase.options)
  const wants = yield* Refund.judge({ request: offer.request, offer: termsOf(offer) })
  return yield* stage(
    purchase,
    "deliver",
    `waiting for the result of ${nameOf(offer.provider)}`,
    collect(
      offer.conversation.answers,
      { first: firstChunkTimeout, idle: idleTimeout, deadline },
      { tell: purchase.tell, wants },
      paid.early
    ).pipe(Effect.ensuring(paid.noted)),
    offer.provider
  ).pipe(
    Effect.catchTags({
      Undelivered: (error) => Undelivery.resolve(purchase, offer, paid, deadline, error),
      RelayUnavailable: (error) => Effect.fail(Undelivery.outOfReach(offer.provider, paid, error))
    })
  )
})

/** Unix milliseconds. A payment that took long takes nothing from the time that it was paid for. */
const lastMoment = (offer: Offer, paid: Paid, options: Purchase["options"]): number => {
  const atLeast = Duration.min(options.firstChunkTimeout, options.jobTimeout)
  return Math.max(offer.deadline, paid.at + Duration.toMillis(atLeast))
}

/** Books the delivery and writes the receipt. */
const settle = (purchase: Purchase, offer: Offer, paid: Paid, delivered: Delivered) =>
  stage(
    purchase,
    "settle",
    "writing the receipt",
    Effect.gen(function* () {
      const receipt = Receipt.make(
        {
          purchase: purchase.id,
          request: offer.request.event.id,
          provider: offer.provider.pubkey,
          providerName: offer.provider.name,
          bolt11: offer.invoice.bolt11,
          paymentHash: paid.paymentHash,
          preimage: paid.preimage,
          amount: paid.amount,
          fee: paid.fee,
          leftToday: paid.leftToday,
          finishedAt: yield* UnixTime.now,
          stages: stages(purchase)
        },
        delivered,
        modelFor(offer.provider, purchase.selection.model)
      )
      const millis = (yield* Clock.currentTimeMillis) - paid.at
      yield* bookDelivery(receipt, millis)
      return receipt
    }),
    offer.provider
  )
