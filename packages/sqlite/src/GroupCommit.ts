/**
 * Writes that come at the same time share a transaction, so that the disk is waited for once
 * for all of them. A write that fails takes none of the others with it.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import type * as SqlError from "effect/sql/SqlError"
import * as SqlClient from "effect/sql/SqlClient"

export interface GroupCommit {
  /** Succeeds when the write is durable. Writes happen in the order in which they came. */
  <A, E>(write: Effect.Effect<A, E>): Effect.Effect<A, E | SqlError.SqlError>
}

interface Entry {
  readonly attempt: Effect.Effect<void>
  readonly settle: (committed: Exit.Exit<void, SqlError.SqlError>) => Effect.Effect<unknown>
}

/** Until the scope closes. */
export const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const waiting = yield* Queue.unbounded<Entry>()

  const commit = Effect.fnUntraced(function* (entries: ReadonlyArray<Entry>) {
    const attempts = Effect.forEach(entries, ({ attempt }) => attempt, { discard: true })
    const committed = yield* Effect.exit(
      entries.length === 1 ? attempts : sql.withTransaction(attempts)
    )
    yield* Effect.forEach(entries, ({ settle }) => settle(committed), { discard: true })
  })

  yield* Queue.takeAll(waiting).pipe(Effect.flatMap(commit), Effect.forever, Effect.forkScoped)

  const write: GroupCommit = Effect.fnUntraced(function* <A, E>(write: Effect.Effect<A, E>) {
    const done = yield* Deferred.make<A, E | SqlError.SqlError>()
    let outcome: Exit.Exit<A, E | SqlError.SqlError> = Exit.interrupt()
    yield* Queue.offer(waiting, {
      // Inside another transaction this is a savepoint: what failed is undone, no more.
      attempt: Effect.map(Effect.exit(sql.withTransaction(write)), (exit) => {
        outcome = exit
      }),
      settle: (committed) =>
        Deferred.done(done, Exit.isFailure(committed) ? Exit.failCause(committed.cause) : outcome)
    })
    return yield* Deferred.await(done)
  })

  return write
})
