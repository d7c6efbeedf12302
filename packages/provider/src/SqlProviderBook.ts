/** The provider's book in a database: every step is durable before the next one is taken. */
import type { NostrEvent } from "@farthing/protocol"
import { GroupCommit } from "@farthing/sqlite"
import { Effect, Layer, Option, Schema } from "effect"
import type { Migrator, SqlError } from "effect/sql"
import { SqlClient } from "effect/sql"
import type { JobState, Outcome } from "./Job.ts"
import { BookUnavailable, type Lease, ProviderBook, type Unfinished } from "./ProviderBook.ts"
import * as Tables from "./ProviderTables.ts"

export const make = Effect.gen(function* () {
  yield* Tables.migrate
  const sql = yield* SqlClient.SqlClient
  const durably = yield* GroupCommit.make

  const answersOf = (request: NostrEvent.EventId) =>
    sql`SELECT event FROM provider_answer WHERE request_id = ${request} ORDER BY position`.pipe(
      Effect.flatMap(decodeEvents),
      Effect.map((rows) => rows.map(({ event }) => event))
    )

  const insert = (columns: Readonly<Record<string, string | number>>, state: JobState) =>
    sql`INSERT INTO provider_job ${sql.insert({ ...columns, state })}
        ON CONFLICT (request_id) DO NOTHING RETURNING request_id`.pipe(
      durably,
      Effect.map(isTaken),
      unavailable
    )

  return ProviderBook.of({
    keepChannel: (created) =>
      sql`
        INSERT INTO provider_channel (provider, event)
        VALUES (${created.pubkey}, ${Tables.encodeEvent(created)})
        ON CONFLICT (provider) DO UPDATE SET event = event RETURNING event`.pipe(
        Effect.flatMap(decodeEvents),
        Effect.map(([row]) => row?.event ?? created),
        unavailable
      ),

    findChannel: (provider) =>
      sql`SELECT event FROM provider_channel WHERE provider = ${provider}`.pipe(
        Effect.flatMap(decodeEvents),
        Effect.map(([row]) => Option.fromUndefinedOr(row?.event)),
        unavailable
      ),

    dateAnnouncement: (provider, now) =>
      sql<{ announced_at: number }>`
        UPDATE provider_channel SET announced_at = MAX(${now}, announced_at + 1)
        WHERE provider = ${provider} RETURNING announced_at`.pipe(
        Effect.map(([row]) => row?.announced_at ?? now),
        unavailable
      ),

    knows: (request) =>
      sql`SELECT 1 FROM provider_job WHERE request_id = ${request}`.pipe(
        Effect.map(isTaken),
        unavailable
      ),

    refused: (provider, request, code) =>
      insert(
        {
          request_id: request.id,
          provider,
          customer: request.customer,
          received_at: request.receivedAt,
          note: code
        },
        "refused"
      ),

    quoted: (provider, job) =>
      insert(
        {
          request_id: job.id,
          provider,
          customer: job.customer,
          received_at: job.receivedAt,
          request: Tables.encodeRequest(job.message),
          model: job.model,
          amount: job.amount,
          bolt11: job.bolt11,
          payment_hash: job.paymentHash,
          invoice_expires_at: job.invoiceExpiresAt
        },
        "quoted"
      ),

    unpaid: (provider, since) =>
      sql`SELECT * FROM provider_job
          WHERE provider = ${provider} AND state = 'quoted' AND received_at >= ${since}
          ORDER BY received_at`.pipe(
        Effect.flatMap(decodeJobs),
        Effect.map((rows) => rows.map(Tables.toJob)),
        unavailable
      ),

    paid: (paymentHash, lease, next) =>
      sql`UPDATE provider_job
          SET ${sql.update({ ...leased(lease), state: next, begun: next === "running" ? 1 : 0 })}
          WHERE payment_hash = ${paymentHash} AND state = 'quoted' RETURNING *`.pipe(
        durably,
        Effect.flatMap(decodeJobs),
        Effect.map(([row]) => Option.map(Option.fromUndefinedOr(row), Tables.toJob)),
        unavailable
      ),

    running: (request, lease) =>
      sql`UPDATE provider_job
          SET state = 'running', begun = begun + 1, lease_until = ${lease.until}
          WHERE request_id = ${request} AND lease_owner = ${lease.owner}
            AND state IN ('paid', 'running') RETURNING request_id`.pipe(
        durably,
        Effect.map(isTaken),
        unavailable
      ),

    answered: Effect.fnUntraced(
      function* (request, owner, outcome, answers) {
        const rows = yield* sql`
          UPDATE provider_job SET ${sql.update({
            state: "answered",
            outcome: wordOf(outcome),
            note: noteOf(outcome)
          })}
          WHERE request_id = ${request} AND lease_owner = ${owner} AND state = 'running'
          RETURNING request_id`
        if (!isTaken(rows)) return false
        yield* Effect.forEach(
          answers,
          (event, position) =>
            sql`INSERT INTO provider_answer ${sql.insert({
              request_id: request,
              position,
              event: Tables.encodeEvent(event)
            })}`,
          { discard: true }
        )
        return true
      },
      durably,
      unavailable
    ),

    ended: Effect.fnUntraced(
      function* (request, outcome) {
        yield* sql`UPDATE provider_job SET ${sql.update({
          state: wordOf(outcome),
          outcome: wordOf(outcome),
          note: noteOf(outcome)
        })} WHERE request_id = ${request} AND state = 'answered'`
        yield* sql`DELETE FROM provider_answer WHERE request_id = ${request}`
      },
      durably,
      unavailable
    ),

    renew: (lease, jobs) =>
      sql`UPDATE provider_job SET lease_until = ${lease.until}
          WHERE lease_owner = ${lease.owner} AND state IN ('paid', 'running', 'answered')
            AND ${sql.in("request_id", jobs)}`.pipe(Effect.asVoid, unavailable),

    release: (owner) =>
      sql`UPDATE provider_job SET lease_owner = '', lease_until = 0
          WHERE lease_owner = ${owner} AND state IN ('paid', 'running', 'answered')`.pipe(
        Effect.asVoid,
        unavailable
      ),

    takeOver: Effect.fnUntraced(
      function* (provider, lease, now) {
        const rows = yield* sql`
          UPDATE provider_job SET ${sql.update(leased(lease))}
          WHERE state IN ('paid', 'running', 'answered') AND lease_until <= ${now}
            AND provider = ${provider} RETURNING *`.pipe(Effect.flatMap(decodeJobs))
        return yield* Effect.forEach(rows, (row) =>
          Effect.map(answersOf(row.request_id), (answers): Unfinished => ({
            job: Tables.toJob(row),
            begun: row.begun,
            answers,
            outcome: outcomeOf(row)
          }))
        )
      },
      sql.withTransaction,
      unavailable
    ),

    prune: (provider, before) =>
      sql`DELETE FROM provider_job
          WHERE state IN ('refused', 'quoted') AND received_at < ${before}
            AND provider = ${provider}`.pipe(durably, Effect.asVoid, unavailable),

    counts: (provider) =>
      sql`SELECT state, COUNT(*) AS jobs, COALESCE(SUM(amount), 0) AS amount
          FROM provider_job WHERE provider = ${provider} GROUP BY state`.pipe(
        Effect.flatMap(decodeCounts),
        unavailable
      )
  })
})

export const layer: Layer.Layer<
  ProviderBook,
  Migrator.MigrationError | SqlError.SqlError,
  SqlClient.SqlClient
> = Layer.effect(ProviderBook, make)

const decodeEvents = Schema.decodeUnknownEffect(Schema.Array(Tables.EventRow))

const decodeJobs = Schema.decodeUnknownEffect(Schema.Array(Tables.JobRow))

const decodeCounts = Schema.decodeUnknownEffect(Schema.Array(Tables.CountRow))

const leased = (lease: Lease) => ({ lease_owner: lease.owner, lease_until: lease.until })

const isTaken = (rows: ReadonlyArray<unknown>): boolean => rows.length > 0

const wordOf = (outcome: Outcome) => (outcome._tag === "Delivered" ? "delivered" : "failed")

const noteOf = (outcome: Outcome): string => (outcome._tag === "Failed" ? outcome.reason : "")

const outcomeOf = (row: {
  readonly outcome: "delivered" | "failed" | null
  readonly note: string
}): Outcome | undefined => {
  if (row.outcome === null) return undefined
  return row.outcome === "delivered" ? { _tag: "Delivered" } : { _tag: "Failed", reason: row.note }
}

const unavailable = <A, R>(effect: Effect.Effect<A, SqlError.SqlError | Schema.SchemaError, R>) =>
  Effect.mapError(effect, ({ message }) => new BookUnavailable({ message }))
