/**
 * Notes after the fact. Where one cannot be written the purchase goes on, because the truth is
 * in the Treasury's ledger, from which `recover` puts the journal right.
 */
import { Treasury } from "@farthing/budget"
import type { Bolt11 } from "@farthing/protocol"
import { Effect, Option } from "effect"
import type { JobDetail } from "./Job.ts"
import { Journal } from "./Journal.ts"
import type { Receipt } from "./Receipt.ts"

export const logged = <A, R>(
  note: Effect.Effect<A, Treasury.LedgerUnavailable, R>
): Effect.Effect<void, never, R> => Effect.asVoid(Effect.catch(note, logFailure))

/** What the ledger knows of one payment of a purchase; undefined if it knows of none. */
export const findSpend = Effect.fnUntraced(function* (
  purchase: Treasury.PurchaseId,
  paymentHash: Bolt11.PaymentHash | undefined
) {
  const treasury = yield* Treasury.Treasury
  const spends = yield* treasury.find(purchase)
  return spends.find((spend) => spend.paymentHash === paymentHash)
})

const logFailure = (error: Treasury.LedgerUnavailable) =>
  Effect.logError("A step of a job could not be noted", error)

/**
 * Books a delivery, in journal and ledger. The answer is the job where another process has
 * accepted a refund for it meanwhile: it is delivered or refunded, and never both.
 */
export const bookDelivery = (receipt: Receipt, millis?: number) =>
  Effect.flatMap(Journal, (journal) =>
    Effect.catch(journal.together(book(receipt, millis)), (error) =>
      Effect.as(logFailure(error), Option.none<JobDetail>())
    )
  )

const book = Effect.fnUntraced(function* (receipt: Receipt, millis: number | undefined) {
  const journal = yield* Journal
  const treasury = yield* Treasury.Treasury
  const isTaken = yield* Effect.catch(journal.delivered(receipt, millis), (error) =>
    Effect.as(logFailure(error), true)
  )
  const instead = isTaken ? Option.none() : yield* refundInstead(receipt)
  if (Option.isNone(instead)) yield* logged(treasury.conclude(receipt.paymentHash, "delivered"))
  else yield* logged(journal.noted(receipt.request, tooLate))
  return instead
})

/** What the journal says of a result that comes after its refund. */
export const tooLate = "a result came after the refund was accepted: ignored"

const refundInstead = Effect.fnUntraced(function* (receipt: Receipt) {
  const journal = yield* Journal
  const found = yield* Effect.catch(journal.findJob(receipt.request), (error) =>
    Effect.as(logFailure(error), Option.none<JobDetail>())
  )
  return Option.filter(found, ({ job }) => job.state === "refunding" || job.state === "refunded")
})
