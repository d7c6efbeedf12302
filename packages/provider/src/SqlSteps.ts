/** What happened to the paid jobs of a book: written in the same stroke as what changes. */
import type { NostrEvent } from "@farthing/protocol"
import type { Schema } from "effect"
import { Clock, Effect } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import type { JobState } from "./Job.ts"
import { BookUnavailable } from "./ProviderBook.ts"
import * as Rows from "./ProviderRows.ts"

/** What the parts of the book write with. */
export interface Pen {
  readonly sql: SqlClient.SqlClient
  readonly steps: Steps
  /** What was signed for a job and is kept, in its order. */
  readonly answersOf: (
    request: NostrEvent.EventId
  ) => Effect.Effect<ReadonlyArray<NostrEvent.NostrEvent>, SqlError.SqlError | Schema.SchemaError>
}

export type Steps = ReturnType<typeof make>

export const make = (sql: SqlClient.SqlClient) => {
  const append = (request: NostrEvent.EventId, at: number, state: JobState, note: string) =>
    sql`INSERT INTO provider_step (request_id, seq, at, state, note)
        SELECT ${request}, COALESCE(MAX(seq), 0) + 1, ${at}, ${state}, ${note}
        FROM provider_step WHERE request_id = ${request}`

  return {
    append,
    /** As of now. */
    add: (request: NostrEvent.EventId, state: JobState, note = "") =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => append(request, now, state, note)),
    of: (request: NostrEvent.EventId) =>
      sql`SELECT at, state, note FROM provider_step WHERE request_id = ${request}
          ORDER BY seq`.pipe(Effect.flatMap(Rows.decodeSteps))
  }
}

/** Whether a statement found what it was to change. */
export const isTaken = (rows: ReadonlyArray<unknown>): boolean => rows.length > 0

export const unavailable = <A, R>(
  effect: Effect.Effect<A, SqlError.SqlError | Schema.SchemaError, R>
) => Effect.mapError(effect, ({ message }) => new BookUnavailable({ message }))
