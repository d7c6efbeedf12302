/** The book's pages on paid jobs: who works on them, and what was signed for them. */
import type { NostrEvent } from "@farthing/protocol"
import type { Slots } from "@farthing/sqlite/Prepared"
import { Array as Arr, Clock, Effect, Option } from "effect"
import type { JobState } from "./Job.ts"
import type { Lease, Shape } from "./ProviderBook.ts"
import type * as Refund from "./Refund.ts"
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

export const make = ({ answersOf, keepAnswers, replaceAnswers, sql, step }: Pen): PaidJobs => {
  const pay = step((by: Slots<Lease & Payment>) => ({
    state: by.state,
    columns: {
      lease_owner: by.owner,
      lease_until: by.until,
      begun: by.begun,
      busy: 1,
      note: ""
    },
    where: sql`payment_hash = ${by.paymentHash} AND state = 'quoted' AND settlement = 'upfront'`,
    returning: "*"
  }))

  const answer = step((by: Slots<Mine>) => ({
    state: "answered",
    where: sql`request_id = ${by.request} AND lease_owner = ${by.owner} AND state = 'running'`
  }))

  const deliver = step((by: Slots<Of>) => ({
    state: "delivered",
    columns: { busy: 0 },
    where: sql`request_id = ${by.request} AND state = 'answered' AND settlement = 'upfront'`
  }))

  const owe = step((by: Slots<Mine & Refund.Offer & { readonly note: string }>) => ({
    state: "owed",
    note: by.note,
    columns: {
      refund_amount: by.amount,
      refund_expires_at: by.expiresAt,
      reason: by.reason
    },
    where: sql`request_id = ${by.request} AND lease_owner = ${by.owner}
      AND state IN ('running', 'answered') AND settlement = 'upfront'`
  }))

  const note = step((by: Slots<Of & { readonly note: string }>) => ({
    note: by.note,
    columns: { note: by.note },
    where: sql`request_id = ${by.request} AND state NOT IN ('refused', 'quoted')
      AND note <> ${by.note}`
  }))

  return {
    paid: (paymentHash, lease, next) =>
      pay({ ...lease, paymentHash, state: next, begun: next === "running" ? 1 : 0 }).pipe(
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
            AND (state IN ('paid', 'running') OR (state = 'quoted' AND settlement = 'sealed'))
          RETURNING request_id`
      ).pipe(sql.withTransaction, Effect.map(isTaken), unavailable),

    answered: Effect.fnUntraced(
      function* (request, owner, answers) {
        const rows = yield* answer({ request, owner })
        if (isTaken(rows)) yield* keepAnswers(request, answers)
        return isTaken(rows)
      },
      sql.withTransaction,
      unavailable
    ),

    delivered: (request) =>
      deliver({ request }).pipe(sql.withTransaction, Effect.map(isTaken), unavailable),

    owed: Effect.fnUntraced(
      function* (request, owner, offer, answers) {
        const said = `${offer.amount} msats on offer: ${offer.reason}`
        const rows = yield* owe({ request, owner, ...offer, note: said })
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

    noted: (request, said) =>
      note({ request, note: said }).pipe(sql.withTransaction, Effect.map(isTaken), unavailable),

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

interface Of {
  readonly request: NostrEvent.EventId
}

interface Mine extends Of {
  readonly owner: string
}

interface Payment {
  readonly paymentHash: string
  readonly state: JobState
  readonly begun: number
}
