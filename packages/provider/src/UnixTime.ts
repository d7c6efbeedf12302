/** The time as invoices and events count it. */
import { Clock, Effect } from "effect"

/** Unix seconds. */
export const unixTime: Effect.Effect<number> = Effect.map(Clock.currentTimeMillis, (millis) =>
  Math.floor(millis / 1000)
)
