/** Unix seconds by the Clock, as events and invoices are dated. */
import { Clock, Effect } from "effect"

/** The second that a unix millisecond belongs to. */
export const fromMillis = (millis: number): number => Math.floor(millis / 1000)

/** As people read it, in UTC (ISO 8601). */
export const toISOString = (seconds: number): string => new Date(seconds * 1000).toISOString()

/** The second that it is now. */
export const now: Effect.Effect<number> = Effect.map(Clock.currentTimeMillis, fromMillis)
