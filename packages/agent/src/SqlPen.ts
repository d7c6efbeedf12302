/** The steps of an agent, in SQL: each is one transaction of whoever holds the lease. */
import type { Key } from "@farthing/protocol"
import { NostrEvent } from "@farthing/protocol"
import { Effect } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import { type Changes, LeaseLost, type Pen } from "./AgentBook.ts"
import * as Rows from "./AgentRows.ts"
import { available } from "./AgentRows.ts"
import type { ActionRecord } from "./TickRecord.ts"

export const make =
  (sql: SqlClient.SqlClient) =>
  (agent: Key.PublicKey, owner: string): Pen => {
    const requireLease = sql`SELECT id FROM agent
      WHERE id = ${agent} AND lease_owner = ${owner}`.pipe(
      Effect.filterOrFail(
        (rows) => rows.length > 0,
        () => new LeaseLost({ message: "Another process has taken this agent over." })
      )
    )

    const save = Effect.fnUntraced(function* ({ events = [], state }: Changes) {
      if (state !== undefined)
        yield* sql`UPDATE agent SET state = ${Rows.state.encode(state)}, life = ${state.life ?? null}
          WHERE id = ${agent}`
      yield* Effect.forEach(events, put, { discard: true })
    })

    /** The newest takes the place of what had its address. */
    const put = Effect.fnUntraced(function* (event: NostrEvent.NostrEvent) {
      const address = NostrEvent.addressOf(event) ?? null
      if (address !== null) yield* sql`DELETE FROM agent_outbox WHERE address = ${address}`
      const row = { id: event.id, agent, address, event: Rows.event.encode(event) }
      yield* sql`INSERT INTO agent_outbox ${sql.insert(row)}`
    })

    const taken = (
      changes: Changes,
      step: Effect.Effect<unknown, SqlError.SqlError> = Effect.void
    ) =>
      Effect.andThen(requireLease, Effect.andThen(step, save(changes))).pipe(
        sql.withTransaction,
        Effect.asVoid,
        available
      )

    const insertActions = (actions: ReadonlyArray<ActionRecord>) =>
      Effect.forEach(
        actions,
        ({ action, agent, approved, position, state, tick, ...rest }) =>
          sql`INSERT INTO agent_action ${sql.insert({
            ...rest,
            agent,
            tick,
            position,
            action: Rows.action.encode(action),
            state,
            approved: approved ? 1 : 0
          })}`,
        { discard: true }
      )

    return {
      write: (changes) => taken(changes),

      begin: (tick, changes) =>
        taken(
          changes,
          Effect.gen(function* () {
            yield* sql`INSERT INTO agent_tick ${sql.insert({
              agent,
              number: tick.number,
              trigger: Rows.trigger.encode(tick.trigger),
              stage: "thinking",
              prompt: tick.prompt,
              mail: Rows.mail.encode(tick.mail),
              started_at: tick.startedAt
            })}`
            const ids = tick.mail.map(({ id }) => id)
            if (ids.length > 0)
              yield* sql`UPDATE agent_letter SET tick = ${tick.number}
                WHERE agent = ${agent} AND ${sql.in("id", ids)}`
          })
        ),

      thought: ({ number }, { cost, provider, reply }, actions, changes) =>
        taken(
          changes,
          Effect.andThen(
            sql`UPDATE agent_tick SET ${sql.update({ stage: "acting", reply, cost, provider })}
              WHERE agent = ${agent} AND number = ${number}`,
            insertActions(actions)
          )
        ),

      finish: ({ number }, finishedAt, changes) =>
        taken(
          changes,
          sql`UPDATE agent_tick SET stage = 'finished', finished_at = ${finishedAt}
            WHERE agent = ${agent} AND number = ${number}`
        ),

      fail: ({ number }, finishedAt, note, changes) =>
        taken(
          changes,
          Effect.andThen(
            sql`UPDATE agent_tick SET stage = 'failed', finished_at = ${finishedAt}, note = ${note}
              WHERE agent = ${agent} AND number = ${number}`,
            sql`UPDATE agent_letter SET tick = NULL WHERE agent = ${agent} AND tick = ${number}`
          )
        ),

      step: ({ position, tick }, { bolt11, cost, event, events, note = "", state, to }) =>
        taken(
          {
            ...(state === undefined ? {} : { state }),
            ...(events === undefined ? {} : { events })
          },
          sql`UPDATE agent_action SET ${sql.update({
            state: to,
            note,
            ...(bolt11 === undefined ? {} : { bolt11 }),
            ...(cost === undefined ? {} : { cost }),
            ...(event === undefined ? {} : { event })
          })} WHERE agent = ${agent} AND tick = ${tick} AND position = ${position}`
        ),

      restore: (changes, waiting) => taken(changes, insertActions(waiting))
    }
  }
