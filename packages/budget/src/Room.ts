/**
 * Waiting for room in the budget: amounts held by others, here or in another process, may be
 * released soon.
 */
import { Clock, Duration, Effect, Queue, Result } from "effect"

/** Other processes release without telling us, so whoever waits also looks, ever less often. */
const firstPause = Duration.millis(50)
const longestPause = Duration.seconds(1)

/** How many releases are remembered for those who start to wait after them. */
const remembered = 16

/** Makes interruptible again what an uninterruptible region waits for. */
export type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

export interface Room extends Effect.Success<typeof make> {}

export const make = Effect.gen(function* () {
  const released = yield* Queue.sliding<void>(remembered)

  /**
   * Tries again until it succeeds, until waiting cannot help, or until the time is over. Whoever
   * is told of a release is one of those who wait, so that many of them do not all try at once.
   */
  const retry = Effect.fnUntraced(function* <A, E, R>(
    attempt: Effect.Effect<A, E, R>,
    options: {
      readonly mayPass: (error: E) => boolean
      readonly within: Duration.Duration
      readonly restore: Restore
    }
  ) {
    const deadline = (yield* Clock.currentTimeMillis) + Duration.toMillis(options.within)
    let pause = firstPause
    while (true) {
      const result = yield* Effect.result(attempt)
      if (Result.isSuccess(result)) return result.success
      const left = deadline - (yield* Clock.currentTimeMillis)
      if (left <= 0 || !options.mayPass(result.failure)) return yield* Effect.fail(result.failure)
      yield* options.restore(
        Effect.timeoutOption(Queue.take(released), Duration.min(pause, Duration.millis(left)))
      )
      pause = Duration.min(Duration.times(pause, 2), longestPause)
    }
  })

  return { retry, release: Queue.offer(released, undefined) } as const
})
