/** Virtual time that goes on until something has happened. */
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"

/** Lets one second after the other pass until the effect has ended. */
export const passing = Effect.fnUntraced(function* <A, E, R>(effect: Effect.Effect<A, E, R>) {
  const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
  for (let seconds = 0; fiber.pollUnsafe() === undefined; seconds++) {
    yield* settled(seconds < busySeconds ? 300 : 100)
    yield* TestClock.adjust("1 second")
  }
  return yield* Fiber.join(fiber)
})

/** Most happens in the first seconds of a purchase; then somebody waits for a time to be over. */
const busySeconds = 10

/** Lets run what can run without time passing: turns enough for all that a purchase does. */
const settled = (turns: number) => Effect.repeat(Effect.yieldNow, { times: turns })
