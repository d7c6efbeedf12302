/** A process whose clock is ahead: in a town where everybody's is, so much time has passed. */
import { Clock, Effect } from "effect"

/** Does it so many seconds later. */
export const by = (seconds = 0) => following(() => seconds)

/** Does it as many seconds later as it is by then. */
export const following =
  (seconds: () => number) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.clockWith((clock) => Effect.provideService(effect, Clock.Clock, later(clock, seconds)))

const later = (clock: Clock.Clock, seconds: () => number): Clock.Clock => {
  const millis = () => seconds() * 1_000
  const nanos = () => BigInt(millis()) * 1_000_000n
  return {
    currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe() + millis(),
    currentTimeMillis: Effect.map(clock.currentTimeMillis, (now) => now + millis()),
    currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe() + nanos(),
    currentTimeNanos: Effect.map(clock.currentTimeNanos, (now) => now + nanos()),
    monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
    monotonicTimeNanos: clock.monotonicTimeNanos,
    sleep: (duration) => clock.sleep(duration)
  }
}
