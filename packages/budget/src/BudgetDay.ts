/**
 * The day that a spend belongs to: a calendar day in the ledger's time zone. A ledger's day never
 * moves backwards, so a clock that jumps back cannot open a day again that was spent.
 */
import { DateTime, Option, Schema } from "effect"

/** `YYYY-MM-DD`; days compare like strings. */
export const BudgetDay = Schema.String.check(Schema.isPattern(/^\d{4}-\d{2}-\d{2}$/)).pipe(
  Schema.brand("BudgetDay")
)
export type BudgetDay = typeof BudgetDay.Type

/** None if there is no time zone of that name. */
export const zone = (name: string): Option.Option<DateTime.TimeZone> => DateTime.zoneMakeNamed(name)

/** The day of an instant (Unix milliseconds). */
export const of = (millis: number, zone: DateTime.TimeZone): BudgetDay => {
  const minute = Math.floor(millis / 60_000)
  if (latest?.minute !== minute || latest.zone !== zone) {
    const date = DateTime.makeZonedUnsafe(minute * 60_000, { timeZone: zone })
    latest = { minute, zone, day: BudgetDay.make(DateTime.formatIsoDate(date)) }
  }
  return latest.day
}

/** Days begin at whole minutes everywhere, and mostly one and the same instant is asked about. */
let latest:
  | { readonly minute: number; readonly zone: DateTime.TimeZone; readonly day: BudgetDay }
  | undefined

/** The later of two days. */
export const later = (a: BudgetDay, b: BudgetDay): BudgetDay => (a > b ? a : b)

/** When the day ends and the next begins (ISO 8601, UTC). */
export const endOf = (day: BudgetDay, zone: DateTime.TimeZone): string =>
  DateTime.makeZonedUnsafe(day, { timeZone: zone, adjustForTimeZone: true }).pipe(
    DateTime.add({ days: 1 }),
    DateTime.startOf("day"),
    DateTime.formatIso
  )
