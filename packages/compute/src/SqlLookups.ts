/** What the journal in a database is asked: nothing here changes a job. */
import { Treasury } from "@farthing/budget"
import type { NostrEvent } from "@farthing/protocol"
import { Array as Arr, Clock, Effect, Option, Schema } from "effect"
import type { SqlClient, SqlError, Statement } from "effect/sql"
import { underWay } from "./Job.ts"
import type { Shape } from "./Journal.ts"
import * as Rows from "./JournalRows.ts"

type Lookups = Pick<
  Shape,
  | "find"
  | "findJob"
  | "sealedEvents"
  | "unfinished"
  | "doubtful"
  | "unreconciled"
  | "jobs"
  | "receipts"
>

export const make = (sql: SqlClient.SqlClient, budget: string): Lookups => {
  const jobs = (condition: Statement.Fragment) =>
    sql`SELECT * FROM compute_job ${condition}`.pipe(Effect.flatMap(decodeJobs))

  const entries = (condition: Statement.Fragment) =>
    Effect.zipWith(jobs(condition), Clock.currentTimeMillis, (rows, now) =>
      rows.map((row) => Rows.toEntry(row, now))
    )

  const stepsOf = (request: NostrEvent.EventId) =>
    sql`SELECT at, state, note FROM compute_step WHERE request_id = ${request} ORDER BY seq`.pipe(
      Effect.flatMap(decodeSteps)
    )

  const sealedEventsOf = (request: NostrEvent.EventId) =>
    sql`SELECT event FROM compute_sealed WHERE request_id = ${request} ORDER BY position`.pipe(
      Effect.flatMap(decodeEvents),
      Effect.map(Arr.map(({ event }) => event))
    )

  return {
    sealedEvents: (request) => unavailable(sealedEventsOf(request)),

    find: (purchase) =>
      entries(
        sql`WHERE budget = ${budget} AND purchase = ${purchase} ORDER BY requested_at, request_id`
      ).pipe(unavailable),

    findJob: Effect.fnUntraced(function* (prefix) {
      const first = prefix.toLowerCase()
      // Every digit that could follow is less than `g`.
      const found = yield* entries(sql`WHERE budget = ${budget}
        AND request_id >= ${first} AND request_id < ${`${first}g`} LIMIT 2`)
      const [entry] = found
      if (entry === undefined || found.length > 1) return Option.none()
      return Option.some({
        ...entry,
        sealed: yield* sealedEventsOf(entry.job.request),
        steps: yield* stepsOf(entry.job.request)
      })
    }, unavailable),

    unfinished: ({ lostSince }) =>
      entries(sql`WHERE budget = ${budget} AND (${sql.in("state", underWay)}
        OR (state = 'lost' AND requested_at >= ${lostSince})) ORDER BY requested_at`).pipe(
        unavailable
      ),

    doubtful: ({ since }) =>
      entries(sql`WHERE budget = ${budget} AND state = 'unpaid' AND requested_at >= ${since}
        AND EXISTS (SELECT 1 FROM compute_step step
          WHERE step.request_id = compute_job.request_id AND step.state = 'paying')
        ORDER BY requested_at`).pipe(unavailable),

    unreconciled: sql`
      SELECT request_id AS request, purchase, payment_hash AS "paymentHash", state AS outcome
      FROM compute_job
      WHERE budget = ${budget} AND state IN ('delivered', 'refunded') AND reconciled = 0`.pipe(
      Effect.flatMap(decodeConclusions),
      unavailable
    ),

    jobs: (limit) =>
      jobs(
        sql`WHERE budget = ${budget} ORDER BY requested_at DESC, request_id LIMIT ${limit}`
      ).pipe(Effect.map(Arr.map(Rows.toJob)), unavailable),

    receipts: (limit) =>
      jobs(sql`WHERE budget = ${budget} AND state IN ('delivered', 'released', 'unclaimed')
        ORDER BY finished_at DESC, request_id LIMIT ${limit}`).pipe(
        Effect.map(Arr.flatMap((row) => Arr.fromOption(Rows.toReceipt(row)))),
        unavailable
      )
  }
}

const decodeJobs = Schema.decodeUnknownEffect(Schema.Array(Rows.JobRow))
const decodeEvents = Schema.decodeUnknownEffect(Schema.Array(Rows.EventRow))
const decodeSteps = Schema.decodeUnknownEffect(Schema.Array(Rows.StepRow))
const decodeConclusions = Schema.decodeUnknownEffect(Schema.Array(Rows.ConclusionRow))

/** Whatever goes wrong with the database, in one word. */
export const unavailable = <A, R>(
  effect: Effect.Effect<A, SqlError.SqlError | Schema.SchemaError, R>
): Effect.Effect<A, Treasury.LedgerUnavailable, R> =>
  Effect.mapError(
    effect,
    (error) => new Treasury.LedgerUnavailable({ message: `The job journal: ${error.message}` })
  )
