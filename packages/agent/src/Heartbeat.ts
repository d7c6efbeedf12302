/** When an agent's heart beats: at an interval, not quite regularly, and in its business hours. */
import { DateTime, Option, Schema } from "effect"

const TimeOfDay = Schema.String.check(Schema.isPattern(/^([01]\d|2[0-3]):[0-5]\d$/))

/** `HH:MM` of the wall clock; `to` is later than `from`. */
export const BusinessHours = Schema.Struct({
  /** 0 is Sunday. */
  days: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 6 }))).check(
    Schema.isMinLength(1)
  ),
  from: TimeOfDay,
  to: TimeOfDay,
  /** IANA name. */
  timeZone: Schema.String.check(
    Schema.makeFilter((name: string) => Option.isSome(DateTime.zoneMakeNamed(name)), {
      expected: "the name of a time zone"
    })
  )
}).check(
  Schema.makeFilter(({ from, to }) => from < to, { expected: "hours that end after they begin" })
)
export interface BusinessHours extends Schema.Schema.Type<typeof BusinessHours> {}

export interface Rhythm {
  readonly heartbeatSeconds: number
  /** By what share of the interval a beat may come earlier or later: 0 to 0.5. */
  readonly jitter: number
  readonly businessHours?: BusinessHours
}

/** The beat after a unix millisecond; `chance` is drawn from 0 to below 1. */
export const next = (rhythm: Rhythm, after: number, chance: number): number => {
  const interval = rhythm.heartbeatSeconds * 1_000
  const at = Math.round(after + interval * (1 + rhythm.jitter * (chance * 2 - 1)))
  return rhythm.businessHours === undefined ? at : opening(rhythm.businessHours, at)
}

/** The first unix millisecond from then on that lies within the hours. */
export const opening = (hours: BusinessHours, at: number): number => {
  const here = DateTime.makeZonedUnsafe(at, { timeZone: hours.timeZone })
  for (let days = 0; days <= 7; days++) {
    const day = DateTime.add(here, { days })
    if (!hours.days.includes(DateTime.toParts(day).weekDay)) continue
    const begin = instantOf(day, hours.from)
    if (at < begin) return begin
    if (at < instantOf(day, hours.to)) return at
  }
  return at
}

const instantOf = (day: DateTime.Zoned, time: string): number =>
  DateTime.toEpochMillis(
    DateTime.setParts(day, {
      hour: Number(time.slice(0, 2)),
      minute: Number(time.slice(3)),
      second: 0,
      millisecond: 0
    })
  )
