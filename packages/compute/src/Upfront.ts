/**
 * Pay, and then be delivered to: the provider holds the preimage. Once the payment is submitted, the
 * purchase belongs to it: every error from then on tells what it cost.
 */
import { Treasury } from "@farthing/budget"
import { Clock, Effect, Fiber } from "effect"
import { logged } from "./Bookkeeping.ts"
import { collect } from "./Collection.ts"
import { insist } from "./Insisting.ts"
import type { Answer } from "./JobTransport.ts"
import { Journal } from "./Journal.ts"
import { nameOf, type InvoiceOffer, termsOf } from "./Negotiation.ts"
import * as Paying from "./Paying.ts"
import { type Purchase, stage } from "./Purchase.ts"
import * as Refund from "./Refund.ts"
import * as Settling from "./Settling.ts"
import * as Undelivery from "./Undelivery.ts"

/** Buys what was offered: pay - deliver - settle. */
export const fulfil = Effect.fnUntraced(function* (purchase: Purchase, offer: InvoiceOffer) {
  const paid = yield* pay(purchase, offer)
  const delivered = yield* deliver(purchase, offer, paid)
  return yield* Settling.settle(purchase, offer, paid, delivered)
})

/** A payment that is done, and when. */
interface Paid extends Settling.Paid {
  /** What came before the payment. */
  readonly early: ReadonlyArray<Answer>
  /** The result is waited for while the payment is noted, and comes after it in the journal. */
  readonly noted: Effect.Effect<void>
}

/** Notes the invoice, pays it, and tells the provider. */
const pay = (purchase: Purchase, offer: InvoiceOffer) =>
  stage(
    purchase,
    "pay",
    `paying ${offer.amount} msat to ${nameOf(offer.provider)}`,
    Effect.gen(function* () {
      const journal = yield* Journal
      const treasury = yield* Treasury.Treasury
      const early = yield* Paying.begin(offer)
      const payment = treasury.pay(Paying.spendOf(purchase, offer))
      const settled = yield* Paying.submit(purchase, offer, payment, asSettled)
      const at = yield* Clock.currentTimeMillis
      yield* tellPaid(offer)
      const noting = yield* logged(
        journal.paid(offer.request.event.id, Settling.paymentOf(settled, at))
      ).pipe(Effect.forkScoped({ startImmediately: true }))
      return { ...settled, at, early, noted: Fiber.join(noting) } satisfies Paid
    }),
    offer.provider
  )

const asSettled = (spend: Treasury.SpendRecord): Treasury.Settled | undefined =>
  spend.state === "settled" && spend.preimage !== undefined
    ? {
        paymentHash: spend.paymentHash,
        preimage: spend.preimage,
        amount: spend.amount,
        fee: spend.fee ?? spend.allowedFee,
        feeKnown: spend.fee !== undefined,
        leftToday: undefined
      }
    : undefined

/** In the background: the provider sees its money anyway, this is for those who wait for a word. */
const tellPaid = ({ conversation, invoice, jobName }: InvoiceOffer) =>
  insist(conversation.tellPaid(jobName, invoice.paymentHash), {
    times: 4,
    warning: "The provider was not told of its payment"
  }).pipe(Effect.forkScoped({ startImmediately: true }))

/** Waits for the text; where none comes, for the money, or takes the loss. */
const deliver = Effect.fnUntraced(function* (purchase: Purchase, offer: InvoiceOffer, paid: Paid) {
  const { firstChunkTimeout, idleTimeout } = purchase.options
  const deadline = Paying.lastMoment(offer, paid.at, purchase.options)
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
