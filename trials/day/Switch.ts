/** Something that goes away and comes back, and since when it is as it is. */
import type { Scope } from "effect"
import { Clock, Effect, Exit, Scope as Scopes } from "effect"

export interface Switch {
  readonly isUp: () => boolean
  /** Unix milliseconds, by the clock of the day. */
  readonly since: () => number
  readonly down: Effect.Effect<void>
  readonly up: Effect.Effect<void>
}

/** Up, until the scope closes. */
export const make = Effect.fnUntraced(function* (open: Effect.Effect<void, never, Scope.Scope>) {
  const scope = yield* Effect.scope
  let life: Scope.Closeable | undefined
  let since = yield* Clock.currentTimeMillis

  /** At the beginning of a change and at its end: in between nobody knows. */
  const changed = Effect.map(Clock.currentTimeMillis, (now) => {
    since = now
  })

  const up = Effect.gen(function* () {
    if (life !== undefined) return
    yield* changed
    const next = yield* Scopes.fork(scope)
    yield* Effect.provideService(open, Scopes.Scope, next)
    life = next
    yield* changed
  })

  const down = Effect.gen(function* () {
    if (life === undefined) return
    const last = life
    life = undefined
    yield* changed
    yield* Scopes.close(last, Exit.void)
    yield* changed
  })

  yield* up
  return { isUp: () => life !== undefined, since: () => since, down, up } satisfies Switch
})
