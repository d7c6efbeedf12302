/** One connection of `node:sqlite` as the `Connection` that effect's `SqlClient` drives. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SqlClient from "effect/sql/SqlClient"
import type * as SqlConnection from "effect/sql/SqlConnection"
import * as SqlError from "effect/sql/SqlError"
import type { SQLInputValue, StatementSync } from "node:sqlite"
import { DatabaseSync } from "node:sqlite"
import * as DatabaseFile from "./DatabaseFile.ts"

export interface Options {
  readonly filename: string
  readonly synchronous?: "FULL" | "NORMAL"
  readonly busyTimeout?: number
  readonly statementCacheSize?: number
}

export interface Opened {
  readonly connection: SqlConnection.Connection
  readonly isTransaction: () => boolean
}

/**
 * For how long one attempt waits inside SQLite, in milliseconds, which stops the whole process.
 * Between attempts other fibers run, among them the one that may hold the lock; each attempt
 * waits longer than the one before, so that many waiting processes do not wear out the machine.
 */
const firstWait = 5
const longestWait = 25

const rowsPerPull = 256

export const make = (options: Options): Effect.Effect<Opened, SqlError.SqlError, Scope.Scope> =>
  Effect.gen(function* () {
    yield* DatabaseFile.claim(options.filename)
    const busyTimeout = options.busyTimeout ?? 30_000
    const db = yield* Effect.acquireRelease(
      Effect.retry(open(options, busyTimeout), { times: 10, while: isBusy }),
      (db) => Effect.sync(() => db.close())
    )
    const prepare = cachedPrepare(db, options.statementCacheSize ?? 256)

    // Outside a transaction a statement that met a lock has changed nothing and can run again.
    const run = <A>(body: (safeIntegers: boolean) => A): Effect.Effect<A, SqlError.SqlError> => {
      const attempt = (
        whenBusy: (error: SqlError.SqlError) => Effect.Effect<A, SqlError.SqlError>
      ) =>
        Effect.withFiber<A, SqlError.SqlError>((fiber) => {
          const mayWait = !db.isTransaction
          try {
            return Effect.succeed(body(Context.get(fiber.context, SqlClient.SafeIntegers)))
          } catch (cause) {
            const error = toSqlError("execute")(cause)
            return mayWait && isBusy(error) ? whenBusy(error) : Effect.fail(error)
          }
        })
      return attempt((error) => patiently(db, busyTimeout, error, attempt(Effect.fail)))
    }

    const rows = (
      statement: () => Prepared,
      params: ReadonlyArray<unknown>
    ): Effect.Effect<ReadonlyArray<object>, SqlError.SqlError> =>
      run((safeIntegers) => configured(statement(), safeIntegers, false).all(...bind(params)))

    const arrays = (
      statement: () => Prepared,
      params: ReadonlyArray<unknown>
    ): Effect.Effect<ReadonlyArray<ReadonlyArray<unknown>>, SqlError.SqlError> =>
      run((safeIntegers) =>
        configured(statement(), safeIntegers, true)
          .all(...bind(params))
          .map((row) => Object.values(row))
      )

    return {
      isTransaction: () => db.isTransaction,
      connection: {
        execute: (sql, params, transform) =>
          transformed(
            rows(() => prepare(sql), params),
            transform
          ),
        executeUnprepared: (sql, params, transform) =>
          transformed(
            rows(() => prepareOne(db, sql), params),
            transform
          ),
        executeValues: (sql, params) => arrays(() => prepare(sql), params),
        executeValuesUnprepared: (sql, params) => arrays(() => prepareOne(db, sql), params),
        executeRaw: (sql, params) =>
          run((safeIntegers) => {
            const statement = configured(prepare(sql), safeIntegers, false)
            return statement.columns().length > 0
              ? statement.all(...bind(params))
              : statement.run(...bind(params))
          }),
        executeStream: (sql, params, transform) =>
          streamed(
            run((safeIntegers) =>
              configured(prepareOne(db, sql), safeIntegers, false).iterate(...bind(params))
            ),
            transform
          )
      }
    }
  })

/** The time-out comes first: switching to WAL already competes with other processes. */
const open = (
  options: Options,
  busyTimeout: number
): Effect.Effect<DatabaseSync, SqlError.SqlError> =>
  Effect.try({
    try: () => {
      const db = new DatabaseSync(options.filename, {
        timeout: busyTimeout,
        enableForeignKeyConstraints: true
      })
      try {
        db.exec("PRAGMA journal_mode = WAL")
        db.exec(`PRAGMA synchronous = ${options.synchronous ?? "FULL"}`)
        setWait(db, Math.min(firstWait, busyTimeout))
        return db
      } catch (cause) {
        db.close()
        throw cause
      }
    },
    catch: toSqlError("open", `Cannot open the database ${options.filename}`)
  })

const isBusy = (error: SqlError.SqlError): boolean => error.reason._tag === "LockTimeoutError"

const setWait = (db: DatabaseSync, milliseconds: number): void =>
  db.exec(`PRAGMA busy_timeout = ${milliseconds}`)

/**
 * Tries again while another writer holds the lock, letting other fibers run in between. Whoever
 * must not be interrupted is not interrupted here either.
 */
const patiently = <A>(
  db: DatabaseSync,
  busyTimeout: number,
  met: SqlError.SqlError,
  attempt: Effect.Effect<A, SqlError.SqlError>
): Effect.Effect<A, SqlError.SqlError> => {
  const again = (wait: number, left: number): Effect.Effect<A, SqlError.SqlError> =>
    Effect.yieldNow.pipe(
      Effect.andThen(Effect.sync(() => setWait(db, Math.min(wait, left)))),
      Effect.andThen(attempt),
      Effect.catchIf(
        (error) => isBusy(error) && left > wait,
        () => again(Math.min(wait * 2, longestWait), left - wait)
      )
    )
  return busyTimeout > firstWait
    ? Effect.ensuring(
        again(firstWait * 2, busyTimeout - firstWait),
        Effect.sync(() => setWait(db, firstWait))
      )
    : Effect.fail(met)
}

/** A statement, and how it was last told to give its rows. */
interface Prepared {
  readonly statement: StatementSync
  readBigInts: boolean
  returnArrays: boolean
}

/** Least recently used statements make room for new ones. */
const cachedPrepare = (db: DatabaseSync, capacity: number): ((sql: string) => Prepared) => {
  const statements = new Map<string, Prepared>()
  return (sql) => {
    const statement = statements.get(sql) ?? prepareOne(db, sql)
    statements.delete(sql)
    statements.set(sql, statement)
    if (statements.size > capacity) {
      for (const oldest of statements.keys()) {
        statements.delete(oldest)
        break
      }
    }
    return statement
  }
}

/** SQLite prepares the first statement and silently forgets what follows it. */
const prepareOne = (db: DatabaseSync, sql: string): Prepared => {
  const statement = db.prepare(sql)
  if (sql.slice(statement.sourceSQL.length).trim() !== "") {
    throw new Error(`One statement at a time: ${sql}`)
  }
  return { statement, readBigInts: false, returnArrays: false }
}

const configured = (
  prepared: Prepared,
  readBigInts: boolean,
  returnArrays: boolean
): StatementSync => {
  const { statement } = prepared
  if (prepared.readBigInts !== readBigInts) statement.setReadBigInts(readBigInts)
  if (prepared.returnArrays !== returnArrays) statement.setReturnArrays(returnArrays)
  prepared.readBigInts = readBigInts
  prepared.returnArrays = returnArrays
  return statement
}

/** SQLite has no boolean: true is 1 and false is 0. */
const bind = (params: ReadonlyArray<unknown>): Array<SQLInputValue> => params.map(toInput)

const toInput = (value: unknown): SQLInputValue => {
  switch (typeof value) {
    case "string":
    case "number":
    case "bigint":
      return value
    case "boolean":
      return value ? 1 : 0
    default:
      if (value === null || value instanceof Uint8Array) return value
      throw new TypeError(`A parameter of type ${typeof value} cannot be stored`)
  }
}

type Transform = <A extends object>(row: ReadonlyArray<A>) => ReadonlyArray<A>

const transformed = <A extends object, E>(
  rows: Effect.Effect<ReadonlyArray<A>, E>,
  transform: Transform | undefined
): Effect.Effect<ReadonlyArray<A>, E> => (transform ? Effect.map(rows, transform) : rows)

/** Rows are read as they are wanted; the read ends with the stream. */
const streamed = (
  open: Effect.Effect<Iterator<object>, SqlError.SqlError>,
  transform: Transform = (rows) => rows
): Stream.Stream<object, SqlError.SqlError> =>
  Effect.acquireRelease(open, (iterator) => Effect.sync(() => iterator.return?.())).pipe(
    Effect.map((iterator) =>
      Stream.paginate(iterator, () =>
        Effect.try({
          try: () => {
            const rows = take(iterator, rowsPerPull)
            const next = rows.length < rowsPerPull ? Option.none() : Option.some(iterator)
            return [transform(rows), next] as const
          },
          catch: toSqlError("execute")
        })
      )
    ),
    Stream.unwrap
  )

const take = (iterator: Iterator<object>, count: number): Array<object> => {
  const rows: Array<object> = []
  while (rows.length < count) {
    const next = iterator.next()
    if (next.done === true) break
    rows.push(next.value)
  }
  return rows
}

const uniqueViolation = 2067
const primaryKeyViolations = [1555, 2579]

/** `node:sqlite` calls SQLite's extended result code `errcode`. */
const toSqlError =
  (operation: string, message?: string) =>
  (cause: unknown): SqlError.SqlError => {
    const errcode =
      cause instanceof Error && "errcode" in cause && typeof cause.errcode === "number"
        ? cause.errcode
        : undefined
    const text = cause instanceof Error ? cause.message : String(cause)
    return new SqlError.SqlError({
      reason: SqlError.classifySqliteError(
        {
          message: text,
          errno:
            errcode !== undefined && primaryKeyViolations.includes(errcode)
              ? uniqueViolation
              : errcode,
          cause
        },
        { operation, message: message === undefined ? text : `${message}: ${text}` }
      )
    })
  }
