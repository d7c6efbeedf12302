/** The book's pages on paid jobs: who works on them, and what was signed for them. */
import type { NostrEvent } from "@farthing/protocol"
import { Effect, Option } from "effect"
import type { Lease, Shape } from "./ProviderBook.ts"
import * as Rows from "./ProviderRows.ts"
import { isTaken, type Pen, unavailable } from "./SqlSteps.ts"

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

export const make = ({ answersOf, sql, steps }: Pen): PaidJobs => {
  const keepAnswers = Effect.fnUntraced(function* (
    request: NostrEvent.EventId,
    answers: ReadonlyArray<NostrEvent.NostrEvent>
  ) {
    yield* sql`DELETE FROM provider_answer WHERE request_id = ${request}`
    yield* Effect.forEach(
      answers,
      (event, position) =>
        sql`INSERT INTO provider_answer ${sql.insert({
          request_id: request,
          position,
          event: Rows.encodeEvent(event)
        })}`,
      { discard: true }
    )
  })

  return {
    paid: Effect.fnUntraced(
      function* (paymentHash, lease, next) {
        const before = yield* sql<{ note: string }>`
          SELECT note FROM provider_job WHERE payment_hash = ${paymentHash} AND state = 'quoted'`
        const [row] = yield* sql`
          UPDATE provider_job SET ${sql.update({
            ...leased(lease),
            state: next,
            begun: next === "running" ? 1 : 0,
            busy: 1,
            note: ""
          })}
          WHERE payment_hash = ${paymentHash} AND state = 'quoted' RETURNING *`.pipe(
          Effect.flatMap(Rows.decodeJobs)
        )
        if (row === undefined) return Option.none()
        const id = row.request_id
        yield* steps.append(id, row.received_at * 1_000, "quoted", before[0]?.note ?? "")
        yield* steps.add(id, "paid", `${row.amount} msats for ${paymentHash}`)
        if (next === "running") yield* steps.add(id, "running")
        return Option.some(Rows.toJob(row))
      },
      sql.withTransaction,
      unavailable
    ),

    running: Effect.fnUntraced(
      function* (request, lease) {
        const rows = yield* sql<{ begun: number }>`
          UPDATE provider_job
          SET state = 'running', begun = begun + 1, lease_until = ${lease.until}
          WHERE request_id = ${request} AND lease_owner = ${lease.owner}
            AND state IN ('paid', 'running') RETURNING begun`
        if (!isTaken(rows)) return false
        yield* steps.add(request, "running", rows[0]?.begun === 1 ? "" : "begun anew")
        return true
      },
      sql.withTransaction,
      unavailable
    ),

    answered: Effect.fnUntraced(
      function* (request, owner, answers) {
        const rows = yield* sql`
          UPDATE provider_job SET state = 'answered'
          WHERE request_id = ${request} AND lease_owner = ${owner} AND state = 'running'
          RETURNING request_id`
        if (!isTaken(rows)) return false
        yield* keepAnswers(request, answers)
        yield* steps.add(request, "answered")
        return true
      },
      sql.withTransaction,
      unavailable
    ),

    delivered: Effect.fnUntraced(
      function* (request) {
        const rows = yield* sql`
          UPDATE provider_job SET state = 'delivered', busy = 0
          WHERE request_id = ${request} AND state = 'answered' RETURNING request_id`
        if (!isTaken(rows)) return false
        yield* keepAnswers(request, [])
        yield* steps.add(request, "delivered")
        return true
      },
      sql.withTransaction,
      unavailable
    ),

    owed: Effect.fnUntraced(
      function* (request, owner, offer, answers) {
        const rows = yield* sql`
          UPDATE provider_job SET ${sql.update({
            state: "owed",
            refund_amount: offer.amount,
            refund_expires_at: offer.expiresAt,
            reason: offer.reason
          })}
          WHERE request_id = ${request} AND lease_owner = ${owner}
            AND state IN ('running', 'answered') RETURNING request_id`
        if (!isTaken(rows)) return false
        yield* keepAnswers(request, answers)
        yield* steps.add(request, "owed", `${offer.amount} msats on offer: ${offer.reason}`)
        return true
      },
      sql.withTransaction,
      unavailable
    ),

    offered: Effect.fnUntraced(
      function* (request, owner, answers) {
        const rows = yield* sql`
          SELECT 1 FROM provider_job
          WHERE request_id = ${request} AND lease_owner = ${owner} AND state = 'owed'`
        if (isTaken(rows)) yield* keepAnswers(request, answers)
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

    noted: Effect.fnUntraced(
      function* (request, note) {
        const [row] = yield* sql`
          UPDATE provider_job SET note = ${note}
          WHERE request_id = ${request} AND state NOT IN ('refused', 'quoted') AND note <> ${note}
          RETURNING *`.pipe(Effect.flatMap(Rows.decodeJobs))
        if (row === undefined) return false
        yield* steps.add(request, row.state, note)
        return true
      },
      sql.withTransaction,
      unavailable
    ),

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
