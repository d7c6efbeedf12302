/** A database that is slow to tell of a reservation that it has committed. */
import { Sqlite } from "@farthing/sqlite"
import * as Connection from "@farthing/sqlite/Connection"
import { Effect, Layer } from "effect"
import { Reactivity } from "effect/reactivity"
import { SqlClient } from "effect/sql"

/** Pauses after the commit, and before anybody is told of it. */
export const pausing = (filename: string, pause: Effect.Effect<unknown>) =>
  Layer.effect(
    SqlClient.SqlClient,
    Effect.gen(function* () {
      const { connection, isTransaction } = yield* Connection.make({ filename })
      let hasReserved = false
      return yield* Sqlite.over({
        isTransaction,
        connection: {
          ...connection,
          execute: (sql, params, transform) => {
            const executed = connection.execute(sql, params, transform)
            if (/^\s*INSERT INTO treasury_spend\b/.test(sql)) hasReserved = true
            if (sql !== "COMMIT" || !hasReserved) return executed
            hasReserved = false
            return Effect.tap(executed, () => pause)
          }
        }
      })
    })
  ).pipe(Layer.provide(Reactivity.layer))
