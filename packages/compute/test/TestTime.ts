/** Virtual time that goes on until something has happened. */
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"

/** Lets one second after the other pass until the effect has ended. */
export const passing = Effect.fnUntraced(function* <A, E, R>(effect: Effect.Effect<A, E, R>) {
  const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
  while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("1 second")
  return yield* Fiber.join(fiber)
})

/** Lets everything run that can run without time passing, until the fact is there. */
export const until = (fact: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => (fact() ? Effect.void : Effect.andThen(Effect.yieldNow, until(fact))))
