/** What comes to agents and what they publish, in SQL. */
import { Key, NostrEvent } from "@farthing/protocol"
import { Effect, Option, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import type { Post } from "./AgentBook.ts"
import * as Rows from "./AgentRows.ts"
import { available } from "./AgentRows.ts"
import { Listening } from "./Charter.ts"
import { triggerOf } from "./Mail.ts"

/** What an agent may have unread, and what one author may have sent of it. */
const mostUnread = 256
const mostOfAuthor = 16

const decodeLetters = Schema.decodeUnknownEffect(
  Schema.Array(
    Schema.Struct({ kind: Listening, event: Schema.fromJsonString(NostrEvent.NostrEvent) })
  )
)

const decodeUnheard = Schema.decodeUnknownEffect(
  Schema.Array(Schema.Struct({ agent: Key.PublicKey, kind: Listening, id: NostrEvent.EventId }))
)

const decodeEvents = (rows: ReadonlyArray<{ readonly event: string }>) =>
  Effect.forEach(rows, ({ event }) => Rows.event.decode(event))

export const make = (sql: SqlClient.SqlClient): Post => ({
  receive: (agent, { event, kind }, at) =>
    Effect.gen(function* () {
      const [counts] = yield* sql<{ readonly unread: number; readonly ofAuthor: number }>`
        SELECT COUNT(*) AS unread,
          COALESCE(SUM(CASE WHEN author = ${event.pubkey} THEN 1 ELSE 0 END), 0) AS "ofAuthor"
        FROM agent_letter WHERE agent = ${agent} AND tick IS NULL`
      if (counts === undefined || counts.unread >= mostUnread || counts.ofAuthor >= mostOfAuthor)
        return false
      const rows = yield* sql`INSERT INTO agent_letter ${sql.insert({
        agent,
        id: event.id,
        kind,
        author: event.pubkey,
        received_at: at,
        event: Rows.event.encode(event)
      })} ON CONFLICT (agent, id) DO NOTHING RETURNING id`
      return rows.length > 0
    }).pipe(sql.withTransaction, available),

  unread: (agent, limit) =>
    sql`SELECT kind, event FROM agent_letter WHERE agent = ${agent} AND tick IS NULL
      ORDER BY received_at LIMIT ${limit}`.pipe(Effect.flatMap(decodeLetters), available),

  unheard: sql`SELECT agent, kind, MIN(id) AS id FROM agent_letter WHERE tick IS NULL
    GROUP BY agent, kind`.pipe(
    Effect.flatMap(decodeUnheard),
    Effect.map((rows) =>
      rows.map(({ agent, id, kind }) => ({ agent, trigger: triggerOf({ kind, event: { id } }) }))
    ),
    available
  ),

  discard: (agent, ids) =>
    ids.length === 0
      ? Effect.void
      : sql`UPDATE agent_letter SET tick = 0 WHERE agent = ${agent} AND ${sql.in("id", ids)}`.pipe(
          Effect.asVoid,
          available
        ),

  unpublished: (agent) =>
    sql<{ readonly event: string }>`SELECT event FROM agent_outbox
      WHERE agent = ${agent} AND published_at IS NULL ORDER BY rowid`.pipe(
      Effect.flatMap(decodeEvents),
      available
    ),

  published: (ids, at) =>
    ids.length === 0
      ? Effect.void
      : sql`UPDATE agent_outbox SET published_at = ${at} WHERE ${sql.in("id", ids)}`.pipe(
          Effect.asVoid,
          available
        ),

  lastAt: (address) =>
    sql<{ readonly event: string }>`SELECT event FROM agent_outbox WHERE address = ${address}`.pipe(
      Effect.flatMap(decodeEvents),
      Effect.map(([event]) => Option.fromUndefinedOr(event)),
      available
    ),

  prune: (agent, before) =>
    Effect.all(
      [
        sql`DELETE FROM agent_letter
          WHERE agent = ${agent} AND tick IS NOT NULL AND received_at < ${before}`,
        sql`DELETE FROM agent_outbox
          WHERE agent = ${agent} AND published_at < ${before}
            AND (address IS NULL OR address NOT LIKE '39200:%' AND address NOT LIKE '39201:%'
              AND address NOT LIKE '39202:%')`,
        sql`UPDATE agent_tick SET prompt = '', mail = '[]', reply = ''
          WHERE agent = ${agent} AND finished_at < ${before} AND prompt <> ''`
      ],
      { discard: true }
    ).pipe(sql.withTransaction, available)
})
