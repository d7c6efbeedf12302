/**
 * How deep a fiber stands in transactions, and what it wants done once the outermost has committed.
 * A transaction inside of another one is a savepoint.
 *
 * It keeps the promises of effect's `SqlClient` at a tenth of their price (a transaction that does
 * nothing costs 30 µs there), but for two that nobody takes up here: batches of `SqlResolver` know
 * nothing of these transactions, and invalidations of `Reactivity` are not put off until the commit.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Semaphore from "effect/Semaphore"
import type * as SqlClient from "effect/sql/SqlClient"
import type * as SqlConnection from "effect/sql/SqlConnection"
import type * as SqlError from "effect/sql/SqlError"

type Control = (sql: string) => Effect.Effect<unknown, SqlError.SqlError>

/** What effect looks up to find the connection of the transaction that a fiber is in. */
type Place = SqlClient.TransactionConnection.Service

interface Level {
  readonly outer: Level | undefined
  /** Savepoints of one transaction lie inside each other: fibers that it forks take turns. */
  readonly turn: Semaphore.Semaphore
  readonly afterCommit: Array<Effect.Effect<void>>
  isOver: boolean
}

export const make = (options: {
  readonly connection: SqlConnection.Connection
  readonly service: SqlClient.SqlClient["transactionService"]
  readonly control: Control
  /** Only where SQLite has not ended the transaction itself. */
  readonly undo: Control
}) => {
  const { connection, control, service, undo } = options
  const levels = new WeakMap<Place, Level>()

  /** Whether the fiber is in a transaction already. */
  const placeIn = (context: Context.Context<never>): Place | undefined =>
    Context.getOrUndefined(context, service)

  /** Runs the transaction around the body, one level deeper than the fiber stands. */
  const within = <A, E, R, E2>(
    outer: Place | undefined,
    body: Effect.Effect<A, E, R>,
    transaction: (inside: Effect.Effect<A, E, R>) => Effect.Effect<A, E | E2, R>
  ): Effect.Effect<A, E | E2, R> => {
    const place: Place = [connection, outer === undefined ? 0 : outer[1] + 1]
    const level: Level = {
      outer: outer && levels.get(outer),
      turn: Semaphore.makeUnsafe(1),
      afterCommit: [],
      isOver: false
    }
    levels.set(place, level)
    return Effect.onExitPrimitive(
      transaction(Effect.provideService(body, service, place)),
      (exit) => {
        level.isOver = true
        if (Exit.isFailure(exit) || level.afterCommit.length === 0) return undefined
        if (level.outer === undefined)
          return Effect.forEach(level.afterCommit, quietly, { discard: true })
        level.outer.afterCommit.push(...level.afterCommit)
        return undefined
      }
    )
  }

  /** A savepoint: whatever fails inside is undone alone. */
  const savepoint =
    (outer: Place) =>
    <A, E, R>(inside: Effect.Effect<A, E, R>): Effect.Effect<A, E | SqlError.SqlError, R> => {
      const name = `level_${outer[1] + 1}`
      const release = undo(`RELEASE SAVEPOINT ${name}`)
      const transaction = Effect.andThen(
        control(`SAVEPOINT ${name}`),
        Effect.onExitPrimitive(inside, (exit) =>
          Effect.orDie(
            Exit.isSuccess(exit)
              ? release
              : Effect.andThen(undo(`ROLLBACK TO SAVEPOINT ${name}`), release)
          )
        )
      )
      return levels.get(outer)?.turn.withPermit(transaction) ?? transaction
    }

  /** At once where there is no transaction; not at all where it comes to nothing. */
  const afterCommit = <R>(effect: Effect.Effect<void, never, R>): Effect.Effect<void, never, R> =>
    Effect.contextWith((context: Context.Context<R>) => {
      const place = placeIn(context)
      const level = place && levels.get(place)
      if (level === undefined) return quietly(effect)
      for (let each: Level | undefined = level; each !== undefined; each = each.outer) {
        if (each.isOver) return Effect.die(new Error("afterCommit: the transaction is over"))
      }
      const services = Context.omit(service)(context) as Context.Context<R>
      level.afterCommit.push(Effect.provideContext(effect, services))
      return Effect.void
    })

  return { placeIn, within, savepoint, afterCommit } as const
}

/** What comes after the commit does not change that it was made. */
const quietly = <R>(effect: Effect.Effect<void, never, R>): Effect.Effect<void, never, R> =>
  Effect.ignoreCause(effect, { log: "Unhandled", message: "What should follow a commit failed" })
