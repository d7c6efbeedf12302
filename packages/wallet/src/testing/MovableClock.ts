/** A clock that goes like the real one and can be put forward. Sleeps take their real time. */
import { Clock, Duration, Effect } from "effect"

/** Makes it so much later for everybody. */
export type Later = (time: Duration.Input) => Effect.Effect<void>

/** Everything happens by a clock that the test can put forward. */
export const within = <A, E, R>(test: (later: Later) => Effect.Effect<A, E, R>) =>
  Effect.clockWith((real) => {
    let ahead = 0
    const nanos = () => BigInt(ahead) * 1_000_000n
    const clock: Clock.Clock = {
      currentTimeMillisUnsafe: () => real.currentTimeMillisUnsafe() + ahead,
      currentTimeMillis: Effect.map(real.currentTimeMillis, (millis) => millis + ahead),
      currentTimeNanosUnsafe: () => real.currentTimeNanosUnsafe() + nanos(),
      currentTimeNanos: Effect.map(real.currentTimeNanos, (time) => time + nanos()),
      monotonicTimeNanosUnsafe: () => real.monotonicTimeNanosUnsafe() + nanos(),
      monotonicTimeNanos: Effect.map(real.monotonicTimeNanos, (time) => time + nanos()),
      sleep: (duration) => real.sleep(duration)
    }
    const later: Later = (time) =>
      Effect.sync(() => {
        ahead += Duration.toMillis(Duration.fromInputUnsafe(time))
      })
    return Effect.provideService(test(later), Clock.Clock, clock)
  })
