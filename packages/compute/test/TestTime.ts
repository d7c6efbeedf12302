/** Virtual time that goes on until something has happened. */
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"

/** Lets one second after the other pass until the effect has ended. */
export const passing = Effect.fnUntraced(function* <A, E, R>(effect: Effect.Effect<A, E, R>) {
  const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
  while (fiber.pollUnsafe() === undefined) {
    yield* settled
    yield* TestClock.adjust("1 second")
  }
  return yield* Fiber.join(fiber)
})

/** Lets run what can run without time passing: turns enough for all that a purchase does. */
const settled = Effect.repeat(Effect.yieldNow, { times: 300 })
