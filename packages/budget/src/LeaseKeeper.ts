/** Renews the leases of what a process is at, so that no other process takes it for dead. */
import { Duration, Effect } from "effect"
import type { SpendRecord } from "./Spend.ts"

export interface Options {
  /** How long a lease lasts without being renewed. */
  readonly lease: Duration.Duration
  readonly renew: (spend: SpendRecord) => Effect.Effect<void>
}

export interface LeaseKeeper extends Effect.Success<ReturnType<typeof make>> {}

/** One fiber renews all of them. It ends when it finds none, so an idle process is not woken. */
export const make = Effect.fnUntraced(function* ({ lease, renew }: Options) {
  const scope = yield* Effect.scope
  const kept = new Set<SpendRecord>()
  let isAtIt = false

  const keepAll = Effect.gen(function* () {
    while (true) {
      yield* Effect.sleep(Duration.divideUnsafe(lease, 3))
      if (kept.size === 0) {
        isAtIt = false
        return
      }
      yield* Effect.forEach(kept, renew, { discard: true })
    }
  })

  /** Keeps the lease of a spend while somebody works at it. */
  return (spend: SpendRecord) =>
    <A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
      Effect.suspend(() => {
        kept.add(spend)
        const done = Effect.sync(() => kept.delete(spend))
        const isFirst = !isAtIt
        isAtIt = true
        return Effect.ensuring(
          isFirst ? Effect.andThen(Effect.forkIn(keepAll, scope), work) : work,
          done
        )
      })
})
