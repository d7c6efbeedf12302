/** Agents and their leases, in SQL. */
import { Key } from "@farthing/protocol"
import { Clock, Effect, Option, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import type { Leases, Member, Members } from "./AgentBook.ts"
import * as Rows from "./AgentRows.ts"
import { available } from "./AgentRows.ts"
import { LifeState } from "./LifeState.ts"

export const members = (sql: SqlClient.SqlClient): Members => {
  const select = sql.literal(
    `id, account, charter, paused, life, next_heartbeat AS "nextHeartbeat"`
  )

  return {
    enrol: ({ account, charter, id }) =>
      sql`INSERT INTO agent ${sql.insert({
        id,
        account: account ?? null,
        charter: Rows.charter.encode(charter)
      })} ON CONFLICT (id) DO UPDATE SET charter = excluded.charter`.pipe(Effect.asVoid, available),

    find: (agent) =>
      sql`SELECT ${select} FROM agent WHERE id = ${agent}`.pipe(
        Effect.flatMap(decodeMembers),
        Effect.map(([member]) => Option.fromUndefinedOr(member)),
        available
      ),

    all: sql`SELECT ${select} FROM agent ORDER BY id`.pipe(
      Effect.flatMap(decodeMembers),
      available
    ),

    setPaused: (agent, isPaused) =>
      sql`UPDATE agent SET paused = ${isPaused ? 1 : 0} WHERE id = ${agent}`.pipe(
        Effect.asVoid,
        available
      ),

    setHeartbeat: (agent, next) =>
      sql`UPDATE agent SET next_heartbeat = ${next} WHERE id = ${agent}`.pipe(
        Effect.asVoid,
        available
      ),

    state: (agent) =>
      sql<{ readonly state: string | null }>`SELECT state FROM agent WHERE id = ${agent}`.pipe(
        Effect.flatMap(([row]) =>
          row === undefined || row.state === null
            ? Effect.succeedNone
            : Effect.asSome(Rows.state.decode(row.state))
        ),
        available
      )
  }
}

export const leases = (sql: SqlClient.SqlClient): Leases => ({
  claim: (agent, owner, until) =>
    Effect.flatMap(
      Clock.currentTimeMillis,
      (now) => sql`UPDATE agent SET lease_owner = ${owner}, lease_until = ${until}
        WHERE id = ${agent} AND (lease_owner = ${owner} OR lease_until <= ${now}) RETURNING id`
    ).pipe(
      Effect.map((rows) => rows.length > 0),
      available
    ),

  letGo: (agent, owner) =>
    sql`UPDATE agent SET lease_owner = '', lease_until = 0
      WHERE id = ${agent} AND lease_owner = ${owner}`.pipe(Effect.asVoid, available)
})

const MemberRow = Schema.Struct({
  id: Key.PublicKey,
  account: Schema.NullOr(Schema.Int),
  charter: Schema.String,
  paused: Schema.BooleanFromBit,
  life: Schema.NullOr(LifeState),
  nextHeartbeat: Schema.NullOr(Schema.Int)
})

const decodeRows = Schema.decodeUnknownEffect(Schema.Array(MemberRow))

const decodeMembers = (rows: unknown) =>
  Effect.flatMap(decodeRows(rows), (rows) =>
    Effect.forEach(rows, ({ account, charter, life, nextHeartbeat, paused, ...row }) =>
      Effect.map(Rows.charter.decode(charter), (charter): Member => ({
        ...row,
        charter,
        isPaused: paused,
        account: account ?? undefined,
        life: life ?? undefined,
        nextHeartbeat: nextHeartbeat ?? undefined
      }))
    )
  )
