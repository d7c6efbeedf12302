/** The book's pages on refunds: what is on offer, what was claimed, and how it ended. */
import type { NostrEvent } from "@farthing/protocol"
import { Effect, Option } from "effect"
import type { Slots } from "@farthing/sqlite/Prepared"
import type { Owed, Shape } from "./ProviderBook.ts"
import * as Rows from "./ProviderRows.ts"
import { isTaken, type Pen, unavailable } from "./SqlPen.ts"

type Refunds = Pick<
  Shape,
  "offers" | "dueOffers" | "findOffer" | "usesHash" | "claimed" | "refunded" | "lost"
>

export const make = ({ answersOf, sql, step }: Pen): Refunds => {
  const withAnswers = (rows: Effect.Success<ReturnType<typeof Rows.decodeJobs>>) =>
    Effect.forEach(rows, (row) =>
      Effect.map(answersOf(row.request_id), (answers): Owed => Rows.toOwed(row, answers))
    )

  const claim = step(
    (
      by: Slots<
        Of & { readonly bolt11: string; readonly paymentHash: string; readonly note: string }
      >
    ) => ({
      note: by.note,
      columns: { refund_bolt11: by.bolt11, refund_hash: by.paymentHash },
      where: sql`request_id = ${by.request} AND state = 'owed' AND refund_bolt11 IS NULL
      AND NOT EXISTS (SELECT 1 FROM provider_job AS other
        WHERE other.payment_hash = ${by.paymentHash} OR other.refund_hash = ${by.paymentHash})`
    })
  )

  // Money that has left tells the truth, even where the offer was given up meanwhile.
  const refund = step((by: Slots<Of & { readonly note: string }>) => ({
    state: "refunded",
    note: by.note,
    columns: { busy: 0 },
    where: sql`request_id = ${by.request} AND state IN ('owed', 'lost')
      AND refund_bolt11 IS NOT NULL`
  }))

  const lose = step((by: Slots<Of & { readonly note: string }>) => ({
    state: "lost",
    note: by.note,
    columns: { busy: 0 },
    where: sql`request_id = ${by.request} AND state = 'owed'`
  }))

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

    claimed: (request, invoice) =>
      claim({ request, ...invoice, note: `to be paid to ${invoice.paymentHash}` }).pipe(
        sql.withTransaction,
        Effect.map(isTaken),
        unavailable
      ),

    refunded: (request, note) =>
      refund({ request, note }).pipe(sql.withTransaction, Effect.map(isTaken), unavailable),

    lost: (request, note) =>
      lose({ request, note }).pipe(sql.withTransaction, Effect.map(isTaken), unavailable)
  }
}

interface Of {
  readonly request: NostrEvent.EventId
}
