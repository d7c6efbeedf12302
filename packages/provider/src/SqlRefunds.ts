/** The book's pages on refunds: what is on offer, what was claimed, and how it ended. */
import { Effect, Option } from "effect"
import type { Owed, Shape } from "./ProviderBook.ts"
import * as Rows from "./ProviderRows.ts"
import { isTaken, type Pen, unavailable } from "./SqlSteps.ts"

type Refunds = Pick<
  Shape,
  "offers" | "dueOffers" | "findOffer" | "usesHash" | "claimed" | "refunded" | "lost"
>

export const make = ({ answersOf, sql, steps }: Pen): Refunds => {
  const withAnswers = (rows: Effect.Success<ReturnType<typeof Rows.decodeJobs>>) =>
    Effect.forEach(rows, (row) =>
      Effect.map(answersOf(row.request_id), (answers): Owed => Rows.toOwed(row, answers))
    )

  return {
    offers: (provider) =>
      sql`SELECT * FROM provider_job WHERE provider = ${provider} AND state = 'owed'
          ORDER BY refund_expires_at`.pipe(
        Effect.flatMap(Rows.decodeJobs),
        Effect.flatMap(withAnswers),
        unavailable
      ),

    dueOffers: (provider, now) =>
      sql`SELECT * FROM provider_job WHERE provider = ${provider} AND state = 'owed'
            AND (refund_bolt11 IS NOT NULL OR refund_expires_at <= ${now})`.pipe(
        Effect.flatMap(Rows.decodeJobs),
        Effect.flatMap(withAnswers),
        unavailable
      ),

    findOffer: (request) =>
      sql`SELECT * FROM provider_job WHERE request_id = ${request} AND state = 'owed'`.pipe(
        Effect.flatMap(Rows.decodeJobs),
        Effect.flatMap(withAnswers),
        Effect.map(([owed]) => Option.fromUndefinedOr(owed)),
        unavailable
      ),

    usesHash: (paymentHash) =>
      sql`SELECT 1 FROM provider_job
          WHERE payment_hash = ${paymentHash} OR refund_hash = ${paymentHash}`.pipe(
        Effect.map(isTaken),
        unavailable
      ),

    claimed: Effect.fnUntraced(
      function* (request, invoice) {
        const rows = yield* sql`
          UPDATE provider_job
          SET refund_bolt11 = ${invoice.bolt11}, refund_hash = ${invoice.paymentHash}
          WHERE request_id = ${request} AND state = 'owed' AND refund_bolt11 IS NULL
            AND NOT EXISTS (SELECT 1 FROM provider_job AS other
              WHERE other.payment_hash = ${invoice.paymentHash}
                OR other.refund_hash = ${invoice.paymentHash})
          RETURNING request_id`
        if (!isTaken(rows)) return false
        yield* steps.add(request, "owed", `to be paid to ${invoice.paymentHash}`)
        return true
      },
      sql.withTransaction,
      unavailable
    ),

    // Money that has left tells the truth, even where the offer was given up meanwhile.
    refunded: Effect.fnUntraced(
      function* (request, note) {
        const rows = yield* sql`
          UPDATE provider_job SET state = 'refunded', busy = 0
          WHERE request_id = ${request} AND state IN ('owed', 'lost')
            AND refund_bolt11 IS NOT NULL
          RETURNING request_id`
        if (!isTaken(rows)) return false
        yield* sql`DELETE FROM provider_answer WHERE request_id = ${request}`
        yield* steps.add(request, "refunded", note)
        return true
      },
      sql.withTransaction,
      unavailable
    ),

    lost: Effect.fnUntraced(
      function* (request, reason) {
        const rows = yield* sql`
          UPDATE provider_job SET state = 'lost', busy = 0
          WHERE request_id = ${request} AND state = 'owed' RETURNING request_id`
        if (!isTaken(rows)) return false
        yield* sql`DELETE FROM provider_answer WHERE request_id = ${request}`
        yield* steps.add(request, "lost", reason)
        return true
      },
      sql.withTransaction,
      unavailable
    )
  }
}
