/** What is said to a provider that goes on without it: a few times, and not at all if that fails. */
import { Effect, Schedule } from "effect"

/** Tells it up to so many times more; what fails then is warned of. */
export const insist = <A, E, R>(
  telling: Effect.Effect<A, E, R>,
  { times, warning }: { readonly times: number; readonly warning: string }
): Effect.Effect<void, never, R> =>
  telling.pipe(
    Effect.retry(Schedule.exponential("200 millis").pipe(Schedule.upTo({ times }))),
    Effect.catch((error) => Effect.logWarning(warning, error)),
    Effect.asVoid
  )
