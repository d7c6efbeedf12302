/**
 * What stands before every payment, and what its failure means to the job: the same whether money
 * is paid at once or locked.
 */
import { Treasury } from "@farthing/budget"
import { Duration, Effect, Option, Queue } from "effect"
import { findSpend, logged } from "./Bookkeeping.ts"
import { type EndState, Journal } from "./Journal.ts"
import {
  askedFor,
  closed,
  type InvoiceOffer,
  noteOf,
  type Offer,
  refused,
  rejected,
  reused,
  termsOf
} from "./Negotiation.ts"
import type { Purchase } from "./Purchase.ts"

/**
 * Notes what is about to be paid, so that it is known whatever happens next, and takes a last look:
 * what the provider has said so far; a quote that was taken back is not paid.
 */
export const begin = Effect.fnUntraced(function* (offer: Offer) {
  yield* commit(offer)
  return yield* stillStands(offer)
})

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

/** Unix milliseconds. What took long to pay takes nothing from the time that it was paid for. */
export const lastMoment = (
  { deadline }: Offer,
  paidAt: number,
  { firstChunkTimeout, jobTimeout }: Purchase["options"]
): number =>
  Math.max(deadline, paidAt + Duration.toMillis(Duration.min(firstChunkTimeout, jobTimeout)))

/** What the Treasury is asked for. */
export const spendOf = (purchase: Purchase, offer: InvoiceOffer): Treasury.Spend => ({
  ...wishOf(purchase, offer),
  invoice: offer.invoice
})

/** What it is asked to lock. */
export const lockOf = (purchase: Purchase, offer: Offer): Treasury.LockSpend =>
  "htlc" in offer
    ? {
        ...wishOf(purchase, offer),
        htlc: offer.htlc,
        preimage: Option.getOrThrow(offer.preimage)
      }
    : spendOf(purchase, offer)

const wishOf = (purchase: Purchase, { provider }: Offer) => ({
  purchase: purchase.id,
  tick: purchase.tick,
  payee: provider.pubkey,
  cap: purchase.budget,
  approved: purchase.approved
})

/**
 * The Treasury's work within the purchase's time. When that is up the ledger knows how far it came:
 * `settled` takes a payment that was done all the same.
 */
export const submit = <A>(
  purchase: Purchase,
  offer: Offer,
  payment: Effect.Effect<A, Treasury.PayError>,
  settled: (spend: Treasury.SpendRecord) => A | undefined
) =>
  payment.pipe(
    Effect.timeoutOrElse({
      duration: purchase.options.paymentTimeout,
      orElse: () => whatBecameOfIt(purchase, offer, settled)
    }),
    Effect.catchTag("PaymentRefused", ({ message, reason }) =>
      reason === "already_used"
        ? Effect.fail(reused(offer.provider))
        : Effect.fail(rejected(offer.provider, { reason, message }))
    ),
    Effect.tapError((error) => noteEnd(offer, endOf(error), noteOf(error))),
    Effect.onInterrupt(() => noteEnd(offer, "unknown", "interrupted while paying"))
  )

const noteEnd = ({ request }: Offer, state: EndState, note: string) =>
  Effect.flatMap(Journal, (journal) => logged(journal.ended(request.event.id, state, note)))

const whatBecameOfIt = Effect.fnUntraced(function* <A>(
  purchase: Purchase,
  offer: Offer,
  settled: (spend: Treasury.SpendRecord) => A | undefined
) {
  const { paymentHash } = askedFor(offer)
  const time = Duration.format(purchase.options.paymentTimeout)
  const spend = yield* findSpend(purchase.id, paymentHash)
  if (spend === undefined || spend.state === "failed")
    return yield* new Treasury.PaymentFailed({
      reason: "unreachable",
      message: `The payment was given up after ${time}. Nothing was paid.`
    })
  const done = settled(spend)
  if (done !== undefined) return done
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
