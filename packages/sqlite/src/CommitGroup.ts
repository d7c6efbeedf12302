/**
 * Transactions that come at the same time share one commit, so that the disk is waited for once
 * for all of them.
 *
 * The first one begins and leads. Whoever waits for its turn meanwhile joins with a savepoint: one
 * that fails is undone and takes none of the others with it. All succeed when the commit has, so
 * nobody is told of a write that is not durable.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type * as SqlConnection from "effect/sql/SqlConnection"
import * as SqlError from "effect/sql/SqlError"

type Step<A = void> = Effect.Effect<A, SqlError.SqlError>

/** Told of the commit, and nothing before. */
type Group = Deferred.Deferred<void, SqlError.SqlError>

/** How effect lets itself be interrupted inside of what must not be. */
type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

export const make = (connection: SqlConnection.Connection, isTransaction: () => boolean) => {
  const turn = Semaphore.makeUnsafe(1)
  let group: Group | undefined
  /** Whose turn it is, from the first statement of a transaction to its last. */
  let seat: Scope.Closeable | undefined
  let leads = false

  const control = (sql: string): Step => Effect.asVoid(connection.execute(sql, [], undefined))
  const ifOpen = (step: Step): Step => Effect.suspend(() => (isTransaction() ? step : Effect.void))
  const rollBack = ifOpen(control("ROLLBACK"))

  /** A transaction that could not be ended is not gone on with. */
  const heal = Effect.suspend(() => (group === undefined ? rollBack : Effect.void))

  const takeTurn = (restore: Restore): Effect.Effect<void, never, Scope.Scope> =>
    Effect.gen(function* () {
      const mine = yield* Scope.fork(yield* Effect.scope)
      yield* restore(Scope.provide(turn.takeScoped(1), mine))
      seat = mine
    })

  const leaveTurn = Effect.suspend(() =>
    seat === undefined ? Effect.void : Scope.close(seat, Exit.void)
  )

  const lead = control("BEGIN IMMEDIATE").pipe(
    Effect.map(() => {
      group = Deferred.makeUnsafe()
      leads = true
    })
  )

  const join = control("SAVEPOINT member").pipe(
    Effect.map(() => {
      leads = false
    })
  )

  /** Everybody who is ready by now comes first; then the group is closed. */
  const commitAll = Effect.fnUntraced(function* (mine: Group) {
    yield* leaveTurn
    yield* Effect.yieldNow
    const committed = yield* turn.withPermit(
      Effect.suspend(() => {
        if (group !== mine) return Effect.fail(lost)
        group = undefined
        return Effect.tapCause(control("COMMIT"), () => Effect.ignore(rollBack))
      }).pipe(Effect.exit)
    )
    yield* Deferred.done(mine, committed)
    return yield* committed
  })

  const commitWith = Effect.fnUntraced(function* (joined: Group) {
    yield* control("RELEASE SAVEPOINT member")
    yield* leaveTurn
    yield* Deferred.await(joined)
  })

  const undoMember = ifOpen(
    Effect.andThen(control("ROLLBACK TO SAVEPOINT member"), control("RELEASE SAVEPOINT member"))
  )

  /** SQLite itself ends a transaction when the disk fails; its group is lost. */
  const isOver = () => group === undefined || !isTransaction()

  return {
    /** For effect's `makeWithTransaction`. */
    transaction: {
      acquireConnection: (restore: Restore) => Effect.as(takeTurn(restore), connection),
      begin: (): Step => Effect.suspend(() => (isOver() ? Effect.andThen(heal, lead) : join)),
      commit: (): Step =>
        Effect.suspend(() => {
          if (group === undefined) return Effect.fail(lost)
          return leads ? commitAll(group) : commitWith(group)
        }),
      rollback: (): Step =>
        Effect.suspend(() => {
          if (!leads) return undoMember
          group = undefined
          return rollBack
        }),
      savepoint: (_: unknown, level: number): Step => control(`SAVEPOINT level_${level}`),
      releaseSavepoint: (_: unknown, level: number): Step =>
        ifOpen(control(`RELEASE SAVEPOINT level_${level}`)),
      rollbackSavepoint: (_: unknown, level: number): Step =>
        ifOpen(control(`ROLLBACK TO SAVEPOINT level_${level}`))
    },

    /** For a statement outside of a transaction: durable, like those it came among. */
    borrow: <A, E, R>(use: (connection: SqlConnection.Connection) => Effect.Effect<A, E, R>) =>
      turn
        .withPermit(
          Effect.andThen(
            heal,
            Effect.suspend(() => {
              const joined = group
              return Effect.map(use(connection), (result) => ({ joined, result }))
            })
          )
        )
        .pipe(
          Effect.flatMap(({ joined, result }) =>
            joined === undefined
              ? Effect.succeed(result)
              : Effect.as(Deferred.await(joined), result)
          )
        ),

    /** For whoever needs the connection for longer, alone. */
    lease: Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        while (true) {
          yield* takeTurn(restore)
          if (group === undefined) break
          const joined = group
          yield* leaveTurn
          yield* restore(Effect.exit(Deferred.await(joined)))
        }
        yield* heal
        return connection
      })
    )
  }
}

const lost = new SqlError.SqlError({
  reason: new SqlError.ConnectionError({
    message: "The transaction was rolled back: one that shared its commit met a broken disk",
    operation: "commit",
    cause: undefined
  })
})
