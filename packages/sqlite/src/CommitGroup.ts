/**
 * Transactions that come at the same time share one commit, so that the disk is waited for once
 * for all of them.
 *
 * The first one begins and leads. Whoever is ready meanwhile joins with a savepoint: one that fails
 * is undone and takes none of the others with it. All succeed when the commit has, so nobody is told
 * of a write that is not durable.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as References from "effect/References"
import * as Semaphore from "effect/Semaphore"
import type * as SqlClient from "effect/sql/SqlClient"
import type * as SqlConnection from "effect/sql/SqlConnection"
import * as SqlError from "effect/sql/SqlError"
import * as Tracer from "effect/Tracer"
import * as Level from "./Level.ts"

/** Told of the commit, and nothing before. */
type Group = Deferred.Deferred<void, SqlError.SqlError>

interface Membership {
  readonly group: Group
  /** Whether it began the group, and will close it. */
  readonly leads: boolean
}

/** How effect lets itself be interrupted inside of what must not be. */
type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

export interface Options {
  readonly connection: SqlConnection.Connection
  readonly isTransaction: () => boolean
  /** Where a fiber's transaction is found. */
  readonly service: SqlClient.SqlClient["transactionService"]
  readonly spanAttributes: Readonly<Record<string, string>>
}

export const make = ({ connection, isTransaction, service, spanAttributes }: Options) => {
  /** Whose turn it is, from the first statement of a transaction to its last. */
  const turn = Semaphore.makeUnsafe(1)
  const takeTurn = turn.take(1)
  const leaveTurn = turn.release(1)
  let group: Group | undefined

  const control = (sql: string) => connection.execute(sql, [], undefined)
  const undo = (sql: string) => Effect.suspend(() => (isTransaction() ? control(sql) : Effect.void))
  const rollBack = undo("ROLLBACK")
  const level = Level.make({ connection, service, control, undo })

  /** A transaction that could not be ended is not gone on with. */
  const heal = Effect.suspend(() => (group === undefined ? rollBack : Effect.void))

  /** SQLite itself ends a transaction when the disk fails; its group is lost. */
  const open = (): Group | undefined => (isTransaction() ? group : undefined)

  const lead = Effect.andThen(heal, control("BEGIN IMMEDIATE")).pipe(
    Effect.map((): Membership => {
      group = Deferred.makeUnsafe()
      return { group, leads: true }
    })
  )

  const join = (group: Group) =>
    Effect.as(control("SAVEPOINT member"), { group, leads: false } satisfies Membership)

  const begin = Effect.suspend(() => {
    const joined = open()
    return joined === undefined ? lead : join(joined)
  })

  /** Its own statements, and what becomes of them alone. */
  const part = <A, E, R>({ leads }: Membership, inside: Effect.Effect<A, E, R>) =>
    Effect.onExitPrimitive(
      inside,
      (exit): Effect.Effect<unknown, SqlError.SqlError> | undefined => {
        if (Exit.isSuccess(exit)) return leads ? undefined : control("RELEASE SAVEPOINT member")
        if (leads) group = undefined
        return Effect.orDie(leads ? rollBack : undoMember)
      }
    )

  const undoMember = Effect.andThen(
    undo("ROLLBACK TO SAVEPOINT member"),
    undo("RELEASE SAVEPOINT member")
  )

  /** Everybody who is ready by now comes first; then the group is closed. */
  const commit = (mine: Group) =>
    Effect.suspend(() => {
      if (group !== mine) return Effect.fail(lost)
      group = undefined
      return Effect.tapCause(control("COMMIT"), () => Effect.ignore(rollBack))
    }).pipe(
      Effect.asVoid,
      Effect.exit,
      turn.withPermit,
      Effect.flatMap((committed) => Effect.andThen(Deferred.done(mine, committed), committed)),
      (closing) => Effect.andThen(Effect.yieldNow, closing)
    )

  const outermost =
    (restore: Restore) =>
    <A, E, R>(inside: Effect.Effect<A, E, R>): Effect.Effect<A, E | SqlError.SqlError, R> =>
      Effect.flatMap(restore(takeTurn), () =>
        Effect.flatMap(begin, (membership) =>
          Effect.map(part(membership, inside), (result) => ({ membership, result }))
        ).pipe((taken) => Effect.onExitPrimitive(taken, () => leaveTurn))
      ).pipe(
        Effect.flatMap(({ membership: { group, leads }, result }) =>
          Effect.as(leads ? commit(group) : Deferred.await(group), result)
        )
      )

  /** A transaction inside of another one is a savepoint. */
  const withTransaction = <A, E, R>(
    body: Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | SqlError.SqlError, R> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.withFiber((fiber) => {
        const outer = level.placeIn(fiber.context)
        const around = outer === undefined ? outermost(restore) : level.savepoint(outer)
        const transaction = level.within(outer, restore(body), around)
        return fiber.getRef(References.TracerEnabled)
          ? Effect.useSpan("sql.transaction", { attributes: spanAttributes }, (span) =>
              Effect.provideService(transaction, Tracer.ParentSpan, span)
            )
          : transaction
      })
    )

  /** For a statement outside of a transaction: durable, like those it came among. */
  const borrow: SqlConnection.Borrower = (use) =>
    Effect.andThen(
      heal,
      Effect.suspend(() => {
        const joined = open()
        return Effect.map(use(connection), (result) => ({ joined, result }))
      })
    ).pipe(
      turn.withPermit,
      Effect.flatMap(({ joined, result }) =>
        joined === undefined ? Effect.succeed(result) : Effect.as(Deferred.await(joined), result)
      )
    )

  /** For whoever needs the connection for longer, alone. */
  const lease: SqlConnection.Acquirer = Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      while (true) {
        yield* restore(takeTurn)
        if (group === undefined) break
        const joined = group
        yield* leaveTurn
        yield* restore(Effect.exit(Deferred.await(joined)))
      }
      yield* Effect.addFinalizer(() => leaveTurn)
      yield* heal
      return connection
    })
  )

  return { withTransaction, afterCommit: level.afterCommit, borrow, lease } as const
}

const lost = new SqlError.SqlError({
  reason: new SqlError.ConnectionError({
    message: "The transaction was rolled back: one that shared its commit met a broken disk",
    operation: "commit",
    cause: undefined
  })
})
