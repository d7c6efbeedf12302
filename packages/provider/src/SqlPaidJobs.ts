/** The book's pages on paid jobs: who works on them, and what was signed for them. */
import type { NostrEvent } from "@farthing/protocol"
import { Array as Arr, Clock, Effect, Option } from "effect"
import type { Lease, Shape } from "./ProviderBook.ts"
import * as Rows from "./ProviderRows.ts"
import { isTaken, type Pen, unavailable } from "./SqlPen.ts"

type PaidJobs = Pick<
  Shape,
  | "paid"
  | "running"
  | "answered"
  | "delivered"
  | "owed"
  | "offered"
  | "told"
  | "noted"
  | "renew"
  | "release"
  | "takeOver"
>

export const make = ({ answersOf, sql, step }: Pen): PaidJobs => {
  const keepAnswers = (
    request: NostrEvent.EventId,
    answers: ReadonlyArray<NostrEvent.NostrEvent>
  ) =>
    Arr.isReadonlyArrayNonEmpty(answers)
      ? Effect.asVoid(
          sql`INSERT INTO provider_answer ${sql.insert(
            Arr.map(answers, (event, position) => ({
              request_id: request,
              position,
              event: Rows.encodeEvent(event)
            }))
          )}`
        )
      : Effect.void

  const replaceAnswers = (
    request: NostrEvent.EventId,
    answers: ReadonlyArray<NostrEvent.NostrEvent>
  ) =>
    Effect.andThen(
      sql`DELETE FROM provider_answer WHERE request_id = ${request}`,
      keepAnswers(request, answers)
    )

  return {
    paid: (paymentHash, lease, next) =>
      step(
        {
          state: next,
          columns: { ...leased(lease), begun: next === "running" ? 1 : 0, busy: 1, note: "" }
        },
        sql`payment_hash = ${paymentHash} AND state = 'quoted'`,
        "*"
      ).pipe(
        sql.withTransaction,
        Effect.flatMap(Rows.decodeJobs),
        Effect.map((rows) => Option.map(Arr.head(rows), Rows.toJob)),
        unavailable
      ),

    running: (request, lease) =>
      Effect.flatMap(
        Clock.currentTimeMillis,
        (now) => sql`
          UPDATE provider_job SET state = 'running', begun = begun + 1,
            lease_until = ${lease.until}, stepped_at = ${now},
            step_note = CASE begun WHEN 0 THEN '' ELSE 'begun anew' END
          WHERE request_id = ${request} AND lease_owner = ${lease.owner}
            AND state IN ('paid', 'running') RETURNING request_id`
      ).pipe(sql.withTransaction, Effect.map(isTaken), unavailable),

    answered: Effect.fnUntraced(
      function* (request, owner, answers) {
        const rows = yield* step(
          { state: "answered" },
          sql`request_id = ${request} AND lease_owner = ${owner} AND state = 'running'`
        )
        if (isTaken(rows)) yield* keepAnswers(request, answers)
        return isTaken(rows)
      },
      sql.withTransaction,
      unavailable
    ),

    delivered: (request) =>
      step(
        { state: "delivered", columns: { busy: 0 } },
        sql`request_id = ${request} AND state = 'answered'`
      ).pipe(sql.withTransaction, Effect.map(isTaken), unavailable),

    owed: Effect.fnUntraced(
      function* (request, owner, offer, answers) {
        const rows = yield* step(
          {
            state: "owed",
            note: `${offer.amount} msats on offer: ${offer.reason}`,
            columns: {
              refund_amount: offer.amount,
              refund_expires_at: offer.expiresAt,
              reason: offer.reason
            }
          },
          sql`request_id = ${request} AND lease_owner = ${owner}
            AND state IN ('running', 'answered')`
        )
        if (isTaken(rows)) yield* replaceAnswers(request, answers)
        return isTaken(rows)
      },
      sql.withTransaction,
      unavailable
    ),

    offered: Effect.fnUntraced(
      function* (request, owner, answers) {
        const rows = yield* sql`
          SELECT 1 FROM provider_job
          WHERE request_id = ${request} AND lease_owner = ${owner} AND state = 'owed'`
        if (isTaken(rows)) yield* replaceAnswers(request, answers)
        return isTaken(rows)
      },
      sql.withTransaction,
      unavailable
    ),

    told: (request) =>
      sql`UPDATE provider_job SET busy = 0 WHERE request_id = ${request} AND state = 'owed'`.pipe(
        sql.withTransaction,
        Effect.asVoid,
        unavailable
      ),

    noted: (request, note) =>
      step(
        { note, columns: { note } },
        sql`request_id = ${request} AND state NOT IN ('refused', 'quoted') AND note <> ${note}`
      ).pipe(sql.withTransaction, Effect.map(isTaken), unavailable),

    renew: (lease, jobs) =>
      sql<{ request_id: NostrEvent.EventId }>`
        UPDATE provider_job SET lease_until = ${lease.until}
        WHERE lease_owner = ${lease.owner} AND busy = 1 AND ${sql.in("request_id", jobs)}
        RETURNING request_id`.pipe(
        Effect.map((rows) => rows.map(({ request_id }) => request_id)),
        unavailable
      ),

    release: (owner, now) =>
      sql`UPDATE provider_job SET lease_owner = '', lease_until = MIN(lease_until, ${now})
          WHERE lease_owner = ${owner} AND busy = 1`.pipe(Effect.asVoid, unavailable),

    // A job that was running may have said something up to the end of the lease.
    takeOver: Effect.fnUntraced(
      function* (provider, lease, now) {
        const rows = yield* sql`
          UPDATE provider_job SET
            said_until =
              CASE state WHEN 'running' THEN MAX(said_until, lease_until / 1000) ELSE said_until END,
            ${sql.update(leased(lease))}
          WHERE busy = 1 AND lease_until <= ${now} AND provider = ${provider}
          RETURNING *`.pipe(Effect.flatMap(Rows.decodeJobs))
        return yield* Effect.forEach(rows, (row) =>
          Effect.map(answersOf(row.request_id), (answers) => Rows.toUnfinished(row, answers))
        )
      },
      sql.withTransaction,
      unavailable
    )
  }
}

const leased = (lease: Lease) => ({ lease_owner: lease.owner, lease_until: lease.until })
