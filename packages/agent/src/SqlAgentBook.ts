/** The agents' book in the database of the home. */
import { Effect, Layer } from "effect"
import type { Migrator, SqlError } from "effect/sql"
import { SqlClient } from "effect/sql"
import { AgentBook } from "./AgentBook.ts"
import { migrate } from "./AgentTables.ts"
import * as SqlMembers from "./SqlMembers.ts"
import * as SqlPen from "./SqlPen.ts"
import * as SqlPost from "./SqlPost.ts"
import * as SqlTicks from "./SqlTicks.ts"

export const layer: Layer.Layer<
  AgentBook,
  Migrator.MigrationError | SqlError.SqlError,
  SqlClient.SqlClient
> = Layer.effect(
  AgentBook,
  Effect.gen(function* () {
    yield* migrate
    const sql = yield* SqlClient.SqlClient
    return AgentBook.of({
      members: SqlMembers.members(sql),
      leases: SqlMembers.leases(sql),
      pen: SqlPen.make(sql),
      ticks: SqlTicks.make(sql),
      post: SqlPost.make(sql)
    })
  })
)
