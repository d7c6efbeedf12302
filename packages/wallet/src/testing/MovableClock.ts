/**
 * A clock that can be put forward: hours pass for everybody at once, and whoever slept through
 * them wakes up. Until then it goes as the real one does.
 */
import { Clock, Duration, Effect } from "effect"

/** Makes it so much later for everybody. */
export type Later = (time: Duration.Input) => Effect.Effect<void>

/** Everything happens by a clock that the test can put forward. */
export const within = <A, E, R>(test: (later: Later) => Effect.Effect<A, E, R>) =>
  Effect.clockWith((real) => {
    const { clock, later } = over(real)
    return Effect.provideService(test(later), Clock.Clock, clock)
  })

interface Sleeper {
  /** Milliseconds, by the clock that is put forward. */
  readonly due: number
  readonly wake: () => void
}

const over = (real: Clock.Clock): { readonly clock: Clock.Clock; readonly later: Later } => {
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
    later: (time) =>
      Effect.sync(() => {
        ahead += Duration.toMillis(Duration.fromInputUnsafe(time))
        const now = millis()
        for (const sleeper of sleepers)
          if (sleeper.due <= now) {
            sleepers.delete(sleeper)
            sleeper.wake()
          }
      })
  }
}
