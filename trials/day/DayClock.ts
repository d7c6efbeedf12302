/**
 * A clock by which a day takes minutes. It goes a second at a time, and only as often as the event
 * loop comes round: while a machine is busy, time stands still for everybody in the process, and
 * whoever waits for an answer gets it as late as in a machine that is idle.
 */
import { Clock, Duration, Effect } from "effect"

/** What a beat is, in milliseconds: nobody sleeps for less. */
const beat = 1_000

export interface Options {
  /** Real milliseconds a beat; at least. */
  readonly pace: number
  /** Whether nobody waits for an answer now: then a beat takes one round of the event loop. */
  readonly isIdle?: () => boolean
}

interface Sleeper {
  readonly due: number
  readonly wake: () => void
}

/** Goes until the scope closes; it begins with the time that it is. */
export const make = Effect.fnUntraced(function* ({ isIdle = () => false, pace }: Options) {
  const real = yield* Clock.Clock
  /** By when they are due. */
  const sleepers: Array<Sleeper> = []
  let now = real.currentTimeMillisUnsafe()

  const nanos = () => BigInt(now) * 1_000_000n

  const clock: Clock.Clock = {
    currentTimeMillisUnsafe: () => now,
    currentTimeMillis: Effect.sync(() => now),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanosUnsafe: nanos,
    monotonicTimeNanos: Effect.sync(nanos),
    sleep: (duration) =>
      Effect.callback<void>((resume) => {
        const sleeper = {
          due: now + Duration.toMillis(duration),
          wake: () => resume(Effect.void)
        }
        sleepers.splice(placeOf(sleepers, sleeper.due), 0, sleeper)
        return Effect.sync(() => {
          const at = sleepers.indexOf(sleeper)
          if (at >= 0) sleepers.splice(at, 1)
        })
      })
  }

  const goOn = Effect.sync(() => {
    now += beat
    const due = sleepers.splice(0, placeOf(sleepers, now))
    for (const { wake } of due) wake()
  })

  yield* Effect.suspend(() => (isIdle() ? oneRound : real.sleep(Duration.millis(pace)))).pipe(
    Effect.andThen(goOn),
    Effect.forever,
    Effect.forkScoped
  )
  return clock
})

const oneRound = Effect.callback<void>((resume) => {
  const immediate = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(immediate))
})

/** After everybody who is due then or before. */
const placeOf = (sleepers: ReadonlyArray<Sleeper>, due: number): number => {
  let [low, high] = [0, sleepers.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (sleepers[middle]!.due <= due) low = middle + 1
    else high = middle
  }
  return low
}
