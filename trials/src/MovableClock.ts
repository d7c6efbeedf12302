/**
 * A clock that can be put forward: hours pass for everybody in the trial at once, and whoever
 * slept through them wakes up. Until then it goes as the real one does.
 */
import { Clock, Duration, Effect, Layer } from "effect"
import type { Scope } from "effect"
import * as Stage from "./Stage.ts"

export interface MovableClock {
  readonly clock: Clock.Clock
  readonly forward: (by: Duration.Input) => Effect.Effect<void>
}

interface Sleeper {
  /** Milliseconds, by the clock that is put forward. */
  readonly due: number
  readonly wake: () => void
}

const over = (real: Clock.Clock): MovableClock => {
  const sleepers = new Set<Sleeper>()
  let ahead = 0

  const millis = () => real.currentTimeMillisUnsafe() + ahead
  const nanos = () => real.currentTimeNanosUnsafe() + BigInt(ahead) * 1_000_000n
  const monotonic = () => real.monotonicTimeNanosUnsafe() + BigInt(ahead) * 1_000_000n

  const woken = (due: number) =>
    Effect.callback<void>((resume) => {
      const sleeper: Sleeper = { due, wake: () => resume(Effect.void) }
      sleepers.add(sleeper)
      return Effect.sync(() => sleepers.delete(sleeper))
    })

  return {
    clock: {
      currentTimeMillisUnsafe: millis,
      currentTimeMillis: Effect.sync(millis),
      currentTimeNanosUnsafe: nanos,
      currentTimeNanos: Effect.sync(nanos),
      monotonicTimeNanosUnsafe: monotonic,
      monotonicTimeNanos: Effect.sync(monotonic),
      sleep: (duration) =>
        Effect.suspend(() =>
          Effect.raceFirst(real.sleep(duration), woken(millis() + Duration.toMillis(duration)))
        )
    },
    forward: (by) =>
      Effect.sync(() => {
        ahead += Duration.toMillis(Duration.fromInputUnsafe(by))
        const now = millis()
        for (const sleeper of sleepers)
          if (sleeper.due <= now) {
            sleepers.delete(sleeper)
            sleeper.wake()
          }
      })
  }
}

/** Everything happens by a clock that the trial puts forward. */
const within = <A, E, R>(trial: (clock: MovableClock) => Effect.Effect<A, E, R>) =>
  Effect.clockWith((real) => {
    const movable = over(real)
    return Effect.provideService(trial(movable), Clock.Clock, movable.clock)
  })

/** Played on a stage of its own, where hours pass for everybody at once. */
export const played = <E>(
  trial: (forward: MovableClock["forward"]) => Effect.Effect<void, E, Stage.Stage | Scope.Scope>
) =>
  within(({ forward }) => Effect.scoped(Effect.provide(trial(forward), Layer.fresh(Stage.layer))))
