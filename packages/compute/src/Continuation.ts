/** A purchase that was begun before: gone on with where it stands, and never paid a second time. */
import { Treasury } from "@farthing/budget"
import { Msat } from "@farthing/protocol"
import { Effect, Option } from "effect"
import { DeliveryInvalid, DeliveryTimeout } from "./ComputeError.ts"
import { type Entry, Journal } from "./Journal.ts"
import type { Purchase } from "./Purchase.ts"
import type { Receipt } from "./Receipt.ts"
import * as Recovery from "./Recovery.ts"

/**
 * Goes on with a purchase that was begun before: its receipt if there is one now, none if it
 * never came to a payment, and an error while its money is under way or its result is missing.
 */
export const goOn = Effect.fnUntraced(function* (purchase: Purchase) {
  const { id, options } = purchase
  const journal = yield* Journal
  const begun = yield* journal.find(id)
  if (begun.length === 0) return Option.none<Receipt>()
  const wallet = yield* Recovery.askWallet
  for (const entry of begun) {
    const { job, receipt, refund } = yield* Recovery.resume(entry, options)
    if (receipt !== undefined) return Option.some(receipt)
    if (Recovery.needsWallet(job)) yield* Effect.fromResult(wallet)
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
    case "locked":
      return Effect.fail(
        new DeliveryTimeout({
          provider,
          cost: Msat.zero,
          held: offer.amount,
          message: `This purchase has ${offer.amount} msat locked for a result that has not come: no other one is paid before they are back.`
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
