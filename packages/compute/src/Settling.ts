/** The end of a purchase that was paid and delivered: the delivery booked, the receipt written. */
import type { Treasury } from "@farthing/budget"
import { PaymentRequest } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Clock, Effect } from "effect"
import { bookDelivery } from "./Bookkeeping.ts"
import type { Delivered } from "./Delivery.ts"
import type { Payment } from "./Job.ts"
import { askedFor, nameOf, type Offer } from "./Negotiation.ts"
import { modelFor } from "./Provider.ts"
import { type Purchase, stage, stages } from "./Purchase.ts"
import * as Receipt from "./Receipt.ts"

/** What was paid, and when. */
export interface Paid extends Treasury.Settled {
  /** Unix milliseconds. */
  readonly at: number
}

/** What the journal keeps of it; `at` in unix milliseconds. */
export const paymentOf = (
  { fee, feeKnown, leftToday, preimage }: Treasury.Settled,
  at: number
): Payment => ({ preimage, fee, feeKnown, leftToday, paidAt: UnixTime.fromMillis(at) })

/** Books the delivery and writes the receipt. */
export const settle = (purchase: Purchase, offer: Offer, paid: Paid, delivered: Delivered) =>
  stage(
    purchase,
    "settle",
    `writing the receipt of ${nameOf(offer.provider)}`,
    Effect.gen(function* () {
      const receipt = yield* receiptOf(purchase, offer, paid, delivered)
      yield* bookDelivery(receipt, (yield* Clock.currentTimeMillis) - paid.at)
      return receipt
    }),
    offer.provider
  )

export const receiptOf = (
  purchase: Purchase,
  offer: Offer,
  paid: Treasury.Settled,
  delivered: Delivered
) =>
  Effect.map(UnixTime.now, (finishedAt) =>
    Receipt.make(
      {
        purchase: purchase.id,
        request: offer.request.event.id,
        provider: offer.provider.pubkey,
        providerName: offer.provider.name,
        settlement: offer.settlement,
        bolt11: PaymentRequest.textOf(askedFor(offer)),
        paymentHash: paid.paymentHash,
        preimage: paid.preimage,
        amount: paid.amount,
        fee: paid.fee,
        feeKnown: paid.feeKnown,
        leftToday: paid.leftToday,
        finishedAt,
        stages: stages(purchase)
      },
      delivered,
      modelFor(offer.provider, purchase.selection.model)
    )
  )
