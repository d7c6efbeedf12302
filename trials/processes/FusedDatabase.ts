/**
 * The home's database with a fuse: every write that stands alone and every commit is a point,
 * named after the tables and the states that it writes.
 */
import { Sqlite } from "@farthing/sqlite"
import * as Connection from "@farthing/sqlite/Connection"
import { Effect, Layer } from "effect"
import { Reactivity } from "effect/reactivity"
import { SqlClient } from "effect/sql"
import type { SqlConnection } from "effect/sql"
import { Home } from "farthing"
import { Fuse, type Shape as FuseShape } from "./Fuse.ts"

export const layerAt = (filename: string) =>
  Layer.effect(
    SqlClient.SqlClient,
    Effect.gen(function* () {
      const fuse = yield* Fuse
      const { connection, isTransaction } = yield* Connection.make({ filename })
      return yield* Sqlite.over({ connection: fused(connection, fuse), isTransaction })
    })
  ).pipe(Layer.provide(Reactivity.layer))

/** In the home, as `Market.database`. */
export const layer = Layer.unwrap(Effect.map(Home.Home, ({ database }) => layerAt(database)))

const fused = (connection: SqlConnection.Connection, fuse: FuseShape): SqlConnection.Connection => {
  /** What the open transaction has written; undefined outside of one. */
  let written: Array<string> | undefined

  const around = <A, E, R>(
    sql: string,
    params: ReadonlyArray<unknown>,
    run: Effect.Effect<A, E, R>
  ): Effect.Effect<A, E, R> =>
    Effect.suspend(() => {
      const word = /^\s*(\w+)/.exec(sql)?.[1]?.toUpperCase() ?? ""
      switch (word) {
        case "BEGIN":
          written = []
          return run
        case "ROLLBACK":
          if (!/\bTO\b/i.test(sql)) written = undefined
          return run
        case "COMMIT": {
          const name = nameOf(written ?? [])
          written = undefined
          return name === undefined ? run : fuse.around(`commit: ${name}`, run)
        }
      }
      const write = describe(sql, params)
      if (write === undefined) return run
      if (written === undefined) return fuse.around(`write: ${write}`, run)
      written.push(write)
      return run
    })

  return {
    execute: (sql, params, transform) =>
      around(sql, params, connection.execute(sql, params, transform)),
    executeUnprepared: (sql, params, transform) =>
      around(sql, params, connection.executeUnprepared(sql, params, transform)),
    executeRaw: (sql, params) => around(sql, params, connection.executeRaw(sql, params)),
    executeValues: (sql, params) => around(sql, params, connection.executeValues(sql, params)),
    executeValuesUnprepared: (sql, params) =>
      around(sql, params, connection.executeValuesUnprepared(sql, params)),
    executeStream: connection.executeStream
  }
}

const writing =
  /^\s*(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM|CREATE\s+TABLE(?:\s+IF\s+NOT\s+EXISTS)?|ALTER\s+TABLE)\s+["`]?(\w+)/i

/** The words that ledger, journal, provider's book and bank write where they say what came to be. */
const states = new Set(
  [
    "requested quoted sealed paying locked released paid delivered unclaimed returned",
    "refused unanswered rejected unpaid unknown lost refunding refunded",
    "intended submitted held settled failed",
    "running answered awaiting claiming returning owed pending cancelled"
  ].flatMap((words) => words.split(" "))
)

/** The table, and the state if one is written; undefined for what writes nothing. */
const describe = (sql: string, params: ReadonlyArray<unknown>): string | undefined => {
  const table = writing.exec(sql)?.[1]
  if (table === undefined) return undefined
  const state =
    literalState(sql) ??
    insertedState(sql, params) ??
    params.find((param) => typeof param === "string" && states.has(param))
  return state === undefined ? table : `${table} ${String(state)}`
}

const literalState = (sql: string): string | undefined =>
  /\bstate\s*=\s*'(\w+)'/.exec(sql.split(/\bWHERE\b/i)[0] ?? "")?.[1]

/** Other columns hold such words, too: how a job is settled, for one. */
const insertedState = (sql: string, params: ReadonlyArray<unknown>): unknown => {
  const columns = /^\s*INSERT\s+INTO\s+\S+\s*\(([^)]*)\)/i.exec(sql)?.[1]?.split(",") ?? []
  const at = columns.findIndex((column) => /^\s*["`]?state["`]?\s*$/.test(column))
  return at < 0 ? undefined : params[at]
}

/** A transaction goes by the last of its writes that says what came to be. */
const nameOf = (written: ReadonlyArray<string>): string | undefined =>
  written.findLast((write) => write.includes(" ")) ?? written[0]
