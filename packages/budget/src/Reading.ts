/** What can go wrong with the database, as whoever uses the ledger hears of it. */
import { Effect, Schema } from "effect"
import { SqlError } from "effect/sql"
import { LedgerUnavailable } from "./TreasuryError.ts"

export type DatabaseError = SqlError.SqlError | Schema.SchemaError

/** Whatever goes wrong with the database, in one word. */
export const reading = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, Exclude<E, DatabaseError> | LedgerUnavailable, R> =>
  Effect.mapError(effect, (error) =>
    isOurs(error)
      ? error
      : new LedgerUnavailable({ message: `The spend ledger cannot be used: ${String(error)}` })
  )

const isOurs = <E>(error: E): error is Exclude<E, DatabaseError> =>
  !SqlError.isSqlError(error) && !Schema.isSchemaError(error)
