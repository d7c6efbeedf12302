/** The provider's book in a database: every step is durable before the next one is taken. */
import { type Key, Msat, type NostrEvent } from "@farthing/protocol"
import { Prepared } from "@farthing/sqlite"
import type { Slots } from "@farthing/sqlite/Prepared"
import { Effect, Layer, Option } from "effect"
import type { Migrator, SqlError } from "effect/sql"
import { SqlClient } from "effect/sql"
import type { JobState } from "./Job.ts"
import { ProviderBook } from "./ProviderBook.ts"
import * as Rows from "./ProviderRows.ts"
import * as Tables from "./ProviderTables.ts"
import * as SqlLockedJobs from "./SqlLockedJobs.ts"
import * as SqlPaidJobs from "./SqlPaidJobs.ts"
import * as SqlRefunds from "./SqlRefunds.ts"
import * as SqlPen from "./SqlPen.ts"
import { isTaken, unavailable } from "./SqlPen.ts"

export const make = Effect.gen(function* () {
  yield* Tables.migrate
  const sql = yield* SqlClient.SqlClient
  const pen = SqlPen.make(sql)

  const insert = <Column extends string>(state: JobState, columns: ReadonlyArray<Column>) => {
    const write = pen.prepared(
      (by: Slots<{ readonly [Name in Column]: string | number }>) => sql`
        INSERT INTO provider_job ${sql.insert({ ...Prepared.pick(by, columns), state })}
        ON CONFLICT (request_id) DO NOTHING RETURNING request_id`
    )
    return (cells: { readonly [Name in Column]: string | number }) =>
      write(cells).pipe(sql.withTransaction, Effect.map(isTaken), unavailable)
  }

  const refuse = insert("refused", [...Rows.arrivalColumns, "note"])
  const quote = insert("quoted", Rows.quoteColumns)
  const find = pen.prepared(
    (by: Slots<{ readonly request: NostrEvent.EventId }>) =>
      sql`SELECT 1 FROM provider_job WHERE request_id = ${by.request}`
  )

  /** What can still be paid; for what is sealed that is so while it is done, and afterwards. */
  const open = (provider: Key.PublicKey, since: number) => sql`
    SELECT * FROM provider_job
    WHERE provider = ${provider} AND state = 'quoted' AND received_at >= ${since}
    UNION ALL
    SELECT * FROM provider_job
    WHERE provider = ${provider} AND settlement = 'sealed'
      AND state IN ('quoted', 'running', 'answered', 'awaiting')
      AND state <> 'quoted' AND received_at >= ${since}`

  return ProviderBook.of({
    ...SqlPaidJobs.make(pen),
    ...SqlLockedJobs.make(pen),
    ...SqlRefunds.make(pen),

    keepChannel: (created) =>
      sql`
        INSERT INTO provider_channel (provider, event)
        VALUES (${created.pubkey}, ${Rows.encodeEvent(created)})
        ON CONFLICT (provider) DO UPDATE SET event = event RETURNING event`.pipe(
        Effect.flatMap(Rows.decodeEvents),
        Effect.map(([row]) => row?.event ?? created),
        unavailable
      ),

    findChannel: (provider) =>
      sql`SELECT event FROM provider_channel WHERE provider = ${provider}`.pipe(
        Effect.flatMap(Rows.decodeEvents),
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

    knows: (request) => find({ request }).pipe(Effect.map(isTaken), unavailable),

    refused: (provider, request, code) =>
      refuse({
        request_id: request.id,
        provider,
        customer: request.customer,
        received_at: request.receivedAt,
        note: code
      }),

    quoted: (provider, job, said) => quote(Rows.quoteCells(provider, job, said)),

    unpaid: (provider, since) =>
      sql`${open(provider, since)} ORDER BY received_at`.pipe(
        Effect.flatMap(Rows.decodeJobs),
        Effect.map((rows) => rows.map(Rows.toJob)),
        unavailable
      ),

    quotes: (provider, since) =>
      sql`SELECT quote AS event FROM (${open(provider, since)})
          WHERE quote IS NOT NULL ORDER BY received_at`.pipe(
        Effect.flatMap(Rows.decodeEvents),
        Effect.map((rows) => rows.map(({ event }) => event)),
        unavailable
      ),

    cancelled: (request, customer) =>
      sql`UPDATE provider_job SET note = 'cancelled by its customer'
          WHERE request_id = ${request} AND customer = ${customer} AND state = 'quoted'
          RETURNING request_id`.pipe(sql.withTransaction, Effect.map(isTaken), unavailable),

    prune: (provider, before) =>
      sql`DELETE FROM provider_job
          WHERE provider = ${provider} AND state IN ('refused', 'quoted')
            AND received_at < CASE state WHEN 'refused' THEN ${before.refused}
                                         ELSE ${before.quoted} END`.pipe(
        sql.withTransaction,
        Effect.asVoid,
        unavailable
      ),

    counts: (provider) =>
      sql`SELECT state, COUNT(*) AS jobs, COALESCE(SUM(amount), 0) AS amount,
            COALESCE(SUM(amount) FILTER (WHERE state = 'delivered' OR (settlement = 'upfront'
              AND state IN ('paid', 'running', 'answered', 'lost'))), 0) AS earned
          FROM provider_job WHERE provider = ${provider} GROUP BY state`.pipe(
        Effect.flatMap(Rows.decodeCounts),
        unavailable
      ),

    obligations: (provider) =>
      sql`SELECT COALESCE(SUM(amount), 0) AS amount FROM provider_job
          WHERE provider = ${provider} AND busy = 1 AND settlement = 'upfront'
            AND state IN ('paid', 'running', 'answered')
          UNION ALL
          SELECT COALESCE(SUM(amount), 0) FROM provider_job
          WHERE provider = ${provider} AND state = 'owed'`.pipe(
        Effect.flatMap(Rows.decodeAmounts),
        Effect.map((rows) => Msat.sum(rows.map(({ amount }) => amount))),
        unavailable
      ),

    steps: (request) =>
      sql`SELECT at, state, note FROM provider_step WHERE request_id = ${request}
          ORDER BY seq`.pipe(Effect.flatMap(Rows.decodeSteps), unavailable)
  })
})

export const layer: Layer.Layer<
  ProviderBook,
  Migrator.MigrationError | SqlError.SqlError,
  SqlClient.SqlClient
> = Layer.effect(ProviderBook, make)
