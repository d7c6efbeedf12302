/** How the parts of the book write: every step of a paid job is in its history. */
import type { NostrEvent } from "@farthing/protocol"
import type { Schema } from "effect"
import { Clock, Effect } from "effect"
import type { SqlClient, SqlError, Statement } from "effect/sql"
import type { JobState } from "./Job.ts"
import { BookUnavailable } from "./ProviderBook.ts"
import * as Rows from "./ProviderRows.ts"

/** What the parts of the book write with. */
export interface Pen {
  readonly sql: SqlClient.SqlClient
  /** Changes a job where the condition holds: a step, which the database writes into its history. */
  readonly step: <A extends object = object>(
    change: Step,
    condition: Statement.Fragment,
    returning?: string
  ) => Effect.Effect<ReadonlyArray<A>, SqlError.SqlError>
  /** What was signed for a job and is kept, in its order. */
  readonly answersOf: (
    request: NostrEvent.EventId
  ) => Effect.Effect<ReadonlyArray<NostrEvent.NostrEvent>, SqlError.SqlError | Schema.SchemaError>
}

interface Step {
  /** Missing where the job stays what it is. */
  readonly state?: JobState
  readonly note?: string
  readonly columns?: Readonly<Record<string, string | number>>
}

export const make = (sql: SqlClient.SqlClient): Pen => ({
  sql,
  step: ({ columns = {}, note = "", ...state }, condition, returning = "request_id") =>
    Effect.flatMap(
      Clock.currentTimeMillis,
      (now) =>
        sql`UPDATE provider_job
          SET ${sql.update({ ...columns, ...state, stepped_at: now, step_note: note })}
          WHERE ${condition} RETURNING ${sql.literal(returning)}`
    ),
  answersOf: (request) =>
    sql`SELECT event FROM provider_answer WHERE request_id = ${request} ORDER BY position`.pipe(
      Effect.flatMap(Rows.decodeEvents),
      Effect.map((rows) => rows.map(({ event }) => event))
    )
})

/** Whether a statement found what it was to change. */
export const isTaken = (rows: ReadonlyArray<unknown>): boolean => rows.length > 0

export const unavailable = <A, R>(
  effect: Effect.Effect<A, SqlError.SqlError | Schema.SchemaError, R>
) => Effect.mapError(effect, ({ message }) => new BookUnavailable({ message }))
