/** Unix seconds by the Clock, as events and invoices are dated. */
import { Clock, Effect } from "effect"

/** The second that a unix millisecond belongs to. */
export const fromMillis = (millis: number): number => Math.floor(millis / 1000)

/** The second that it is now. */
export const now: Effect.Effect<number> = Effect.map(Clock.currentTimeMillis, fromMillis)
