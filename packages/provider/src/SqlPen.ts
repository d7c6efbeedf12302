/** How the parts of the book write: every step of a paid job is in its history. */
import type { NostrEvent } from "@farthing/protocol"
import { Prepared } from "@farthing/sqlite"
import type { Slot, Slots } from "@farthing/sqlite/Prepared"
import type { Schema } from "effect"
import { Clock, Effect } from "effect"
import type { SqlClient, SqlError, Statement } from "effect/sql"
import type { JobState } from "./Job.ts"
import { BookUnavailable } from "./ProviderBook.ts"
import * as Rows from "./ProviderRows.ts"

/** What the parts of the book write with. */
export interface Pen {
  readonly sql: SqlClient.SqlClient
  readonly prepared: ReturnType<typeof Prepared.make>
  /** Changes a job where the condition holds: a step, which the database writes into its history. */
  readonly step: <Values extends object, Row extends object = object>(
    change: (by: Slots<Values>) => Step
  ) => Prepared.Prepared<Values, Row>
  /** What was signed for a job and is kept, in its order. */
  readonly answersOf: (
    request: NostrEvent.EventId
  ) => Effect.Effect<ReadonlyArray<NostrEvent.NostrEvent>, SqlError.SqlError | Schema.SchemaError>
  readonly keepAnswers: KeepAnswers
  /** The same in place of every other answer. */
  readonly replaceAnswers: KeepAnswers
}

interface KeepAnswers {
  (
    request: NostrEvent.EventId,
    answers: ReadonlyArray<NostrEvent.NostrEvent>
  ): Effect.Effect<void, SqlError.SqlError>
}

interface Answer {
  readonly request: NostrEvent.EventId
  readonly position: number
  readonly event: string
}

interface Step {
  /** Missing where the job stays what it is. */
  readonly state?: Cell<JobState>
  readonly note?: Cell<string>
  readonly columns?: Readonly<Record<string, Cell<string | number>>>
  readonly where: Statement.Fragment
  readonly returning?: string
}

interface Now {
  /** Unix milliseconds. */
  readonly now: number
}

type Cell<Value> = Value | Slot<Value>

export const make = (sql: SqlClient.SqlClient): Pen => {
  const prepared = Prepared.make(sql)

  const keepAnswer = prepared(
    (row: Slots<Answer>) => sql`
      INSERT INTO provider_answer ${sql.insert({
        request_id: row.request,
        position: row.position,
        event: row.event
      })}`
  )

  const keepAnswers: KeepAnswers = (request, answers) =>
    Effect.forEach(
      answers,
      (event, position) => keepAnswer({ request, position, event: Rows.encodeEvent(event) }),
      { discard: true }
    )

  return {
    sql,
    prepared,
    keepAnswers,
    replaceAnswers: (request, answers) =>
      Effect.andThen(
        sql`DELETE FROM provider_answer WHERE request_id = ${request}`,
        keepAnswers(request, answers)
      ),
    step: <Values extends object, Row extends object = object>(
      change: (by: Slots<Values>) => Step
    ): Prepared.Prepared<Values, Row> => {
      const write = prepared<Values & Now, Row>((by) => {
        const { columns, note = "", returning = "request_id", where, ...state } = change(by)
        return sql`UPDATE provider_job
          SET ${sql.update({ ...columns, ...state, stepped_at: by.now, step_note: note })}
          WHERE ${where} RETURNING ${sql.literal(returning)}`
      })
      return (values) => Effect.flatMap(Clock.currentTimeMillis, (now) => write({ ...values, now }))
    },
    answersOf: (request) =>
      sql`SELECT event FROM provider_answer WHERE request_id = ${request} ORDER BY position`.pipe(
        Effect.flatMap(Rows.decodeEvents),
        Effect.map((rows) => rows.map(({ event }) => event))
      )
  }
}

/** Whether a statement found what it was to change. */
export const isTaken = (rows: ReadonlyArray<unknown>): boolean => rows.length > 0

export const unavailable = <A, R>(
  effect: Effect.Effect<A, SqlError.SqlError | Schema.SchemaError, R>
) => Effect.mapError(effect, ({ message }) => new BookUnavailable({ message }))
