/** Ticks and actions, in SQL. */
import { Effect, Option } from "effect"
import type { SqlClient } from "effect/sql"
import type { Ticks } from "./AgentBook.ts"
import * as Rows from "./AgentRows.ts"
import { available } from "./AgentRows.ts"

export const make = (sql: SqlClient.SqlClient): Ticks => {
  const tickColumns = sql.literal(
    `agent, number, "trigger", stage, prompt, mail, reply, cost, provider, note,
     started_at AS "startedAt", finished_at AS "finishedAt"`
  )
  const actionColumns = sql.literal(
    `agent, tick, position, action, state, note, approved, bolt11, cost, event`
  )

  return {
    unfinished: (agent) =>
      sql`SELECT ${tickColumns} FROM agent_tick
        WHERE agent = ${agent} AND stage IN ('thinking', 'acting')`.pipe(
        Effect.flatMap(Rows.ticks),
        Effect.map(([tick]) => Option.fromUndefinedOr(tick)),
        available
      ),

    latest: (agent, limit) =>
      sql`SELECT ${tickColumns} FROM agent_tick WHERE agent = ${agent}
        ORDER BY number DESC LIMIT ${limit}`.pipe(Effect.flatMap(Rows.ticks), available),

    actions: (agent, tick) =>
      sql`SELECT ${actionColumns} FROM agent_action
        WHERE agent = ${agent} AND tick = ${tick} ORDER BY position`.pipe(
        Effect.flatMap(Rows.actions),
        available
      ),

    actionsIn: (agent, states) =>
      sql`SELECT ${actionColumns} FROM agent_action
        WHERE agent = ${agent} AND ${sql.in("state", states)} ORDER BY tick, position`.pipe(
        Effect.flatMap(Rows.actions),
        available
      ),

    decide: ({ agent, position, tick }, isApproved) =>
      sql`UPDATE agent_action SET ${sql.update(
        isApproved
          ? { state: "approved", approved: 1, note: "a person has agreed" }
          : { state: "rejected", note: "a person has said no" }
      )} WHERE agent = ${agent} AND tick = ${tick} AND position = ${position}
          AND state = 'waiting' RETURNING position`.pipe(
        Effect.map((rows) => rows.length > 0),
        available
      )
  }
}
