/**
 * Satoshi, the unit at the edges: configuration, command line, Spark.
 *
 * Costs are rounded up and balances down, so that no amount shown to a person
 * is better than the truth.
 */
import { Schema } from "effect"
import * as Msat from "./Msat.ts"

const msatsPerSat = 1000

export const Sat = Schema.Int.check(
  Schema.isBetween({ minimum: 0, maximum: Math.floor(Number.MAX_SAFE_INTEGER / msatsPerSat) })
).pipe(Schema.brand("Sat"))

export type Sat = typeof Sat.Type

export const is: (value: unknown) => value is Sat = Schema.is(Sat)

/** The amount for a number of sats; throws a `RangeError` if it is none. */
export const make = (value: number): Sat => {
  if (!is(value)) throw new RangeError(`not an amount in sats: ${value}`)
  return value
}

export const toMsat = (sat: Sat): Msat.Msat => Msat.make(sat * msatsPerSat)

/** For costs: the smallest whole amount that covers it. */
export const fromMsatCeil = (msat: Msat.Msat): Sat => make(Math.ceil(msat / msatsPerSat))

/** For balances: the largest whole amount that is there. */
export const fromMsatFloor = (msat: Msat.Msat): Sat => make(Math.floor(msat / msatsPerSat))

/** Whether nothing is left beside whole sats. */
export const isWhole = (msat: Msat.Msat): boolean => msat % msatsPerSat === 0
