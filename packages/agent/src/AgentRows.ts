/** Rows of the agents' book, and what they stand for. */
import { NostrEvent } from "@farthing/protocol"
import { Effect, Schema } from "effect"
import { SqlError } from "effect/sql"
import { Action } from "./Action.ts"
import { BookUnavailable } from "./AgentBook.ts"
import { AgentState } from "./AgentState.ts"
import { Charter } from "./Charter.ts"
import { Mail } from "./Mail.ts"
import { ActionRecord, TickRecord } from "./TickRecord.ts"
import { Trigger } from "./Trigger.ts"

const json = <S extends Schema.Constraint>(schema: S) => Schema.fromJsonString(schema)

/** Written as JSON in one column. */
const column = <S extends Schema.Codec<unknown, unknown>>(schema: S) => ({
  encode: (value: S["Type"]): string => JSON.stringify(Schema.encodeSync(schema)(value)),
  decode: Schema.decodeUnknownEffect(json(schema))
})

export const charter = column(Charter)
export const state = column(AgentState)
export const trigger = column(Trigger)
export const action = column(Action)
export const mail = column(Schema.Array(Mail))
export const event = column(NostrEvent.NostrEvent)

const Tick = Schema.Struct({
  ...TickRecord.fields,
  trigger: json(Trigger),
  mail: json(Schema.Array(Mail))
})

/** `agent_tick`, with its columns named as the record's fields. */
export const ticks = Schema.decodeUnknownEffect(Schema.Array(Tick))

const ActionRow = Schema.Struct({
  ...ActionRecord.fields,
  action: json(Action),
  approved: Schema.BooleanFromBit
})

export const actions = Schema.decodeUnknownEffect(Schema.Array(ActionRow))

/** What the database cannot do, and what stands in it that nobody can read. */
export const available = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, Exclude<E, Fault> | BookUnavailable, R> =>
  Effect.mapError(effect, (error) =>
    isFault(error)
      ? new BookUnavailable({ message: `The book of agents cannot be used: ${error.message}` })
      : (error as Exclude<E, Fault>)
  )

type Fault = SqlError.SqlError | Schema.SchemaError

const isFault = (error: unknown): error is Fault =>
  SqlError.isSqlError(error) || Schema.isSchemaError(error)
