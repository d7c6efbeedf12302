/**
 * `SqlClient` over `node:sqlite`: one connection a layer, one writer at a time, safe to share a
 * file with other processes.
 *
 * A transaction begins with `BEGIN IMMEDIATE`: it holds the write lock from its first statement,
 * so what it reads stays true until it commits. Keep transactions short and put nothing but SQL
 * inside. A transaction inside a transaction is a savepoint. Transactions that come at the same time
 * share one commit, and each has succeeded when it is durable.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as Migrator from "effect/sql/Migrator"
import * as SqlClient from "effect/sql/SqlClient"
import type * as SqlError from "effect/sql/SqlError"
import * as Statement from "effect/sql/Statement"
import * as CommitGroup from "./CommitGroup.ts"
import * as Connection from "./Connection.ts"

export interface Options {
  /** Path of the database file, or `:memory:`. The parent directory has to exist. */
  readonly filename: string
  /**
   * `FULL` (the default) survives the loss of power with every committed transaction; `NORMAL`
   * may lose the last ones then, though never the consistency of the file, and never a
   * transaction to the death of the process alone.
   */
  readonly synchronous?: "FULL" | "NORMAL"
  /** How long to wait for other writers, in milliseconds; default 30,000. */
  readonly busyTimeout?: number
  /** How many prepared statements to keep; default 256. */
  readonly statementCacheSize?: number
}

/** Migrations of one package by `<number>_<name>`; they run in the order of their numbers. */
export type Migrations = Readonly<
  Record<`${number}_${string}`, Effect.Effect<unknown, unknown, SqlClient.SqlClient>>
>

/**
 * Opens the database (created with mode 0600 if there is none) until the scope closes.
 *
 * Fails with a `SqlError` of reason `ConnectionError` if the file or its directory cannot be
 * used. A statement that finds the file locked for longer than `busyTimeout` fails with
 * `LockTimeoutError`; one that breaks a unique or primary key fails with `UniqueViolation`.
 */
export const make = (
  options: Options
): Effect.Effect<SqlClient.SqlClient, SqlError.SqlError, Scope.Scope | Reactivity.Reactivity> =>
  Effect.flatMap(Connection.make(options), over)

/** The client over a connection that is open already. */
export const over = ({
  connection,
  isTransaction
}: Connection.Opened): Effect.Effect<SqlClient.SqlClient, never, Reactivity.Reactivity> =>
  Effect.gen(function* () {
    const service: SqlClient.SqlClient["transactionService"] = Context.Service(
      `@farthing/sqlite/Transaction/${++clients}`
    )
    const { lease, borrow, ...transactions } = CommitGroup.make({
      connection,
      isTransaction,
      service,
      spanAttributes
    })
    const client = yield* SqlClient.make({
      acquirer: lease,
      borrower: borrow,
      transactionService: service,
      driver: "node:sqlite",
      compiler: Statement.makeCompilerSqlite(),
      spanAttributes: Object.entries(spanAttributes)
    })
    return Object.assign(client, transactions)
  })

/** Transactions of one client are none of another's. */
let clients = 0

const spanAttributes = { "db.system.name": "sqlite" } as const

export const layer = (options: Options): Layer.Layer<SqlClient.SqlClient, SqlError.SqlError> =>
  Layer.effect(SqlClient.SqlClient, make(options)).pipe(Layer.provide(Reactivity.layer))

/**
 * Runs the migrations that this database has not seen, in one transaction: all of them or none.
 * Each package keeps its own `table` of what has run, so several share a database. Any number of
 * processes may start it at once: the write lock makes one of them migrate and the others wait.
 */
export const migrate = (
  table: string,
  migrations: Migrations
): Effect.Effect<void, Migrator.MigrationError | SqlError.SqlError, SqlClient.SqlClient> =>
  Migrator.make({})({ loader: load(migrations), table }).pipe(Effect.asVoid)

/** One statement after the other: what a migration is made of. */
export const run = (
  statements: ReadonlyArray<string>
): Effect.Effect<void, SqlError.SqlError, SqlClient.SqlClient> =>
  Effect.flatMap(SqlClient.SqlClient, (sql) =>
    Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
  )

/** Lets nobody change or delete what a table holds, not even in SQL; `rows` are what it holds. */
export const appendOnly = (table: string, rows: string): ReadonlyArray<string> => [
  `CREATE TRIGGER ${table}_stays BEFORE UPDATE ON ${table} BEGIN
     SELECT RAISE(ABORT, '${rows} are never changed');
   END`,
  `CREATE TRIGGER ${table}_remains BEFORE DELETE ON ${table} BEGIN
     SELECT RAISE(ABORT, '${rows} are never deleted');
   END`
]

const load = (migrations: Migrations): Migrator.Loader =>
  Effect.succeed(
    Object.entries(migrations)
      .map(([key, migration]): Migrator.ResolvedMigration => {
        const separator = key.indexOf("_")
        return [
          Number(key.slice(0, separator)),
          key.slice(separator + 1),
          Effect.succeed(migration)
        ]
      })
      .toSorted(([a], [b]) => a - b)
  )
