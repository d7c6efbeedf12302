/**
 * Millisatoshi, the unit of every amount inside Farthing.
 *
 * An `Msat` is a safe integer that is never negative: at most 2^53 − 1 msat
 * (90,071 BTC). Arithmetic that would leave that range throws a `RangeError`,
 * because a wrong amount must never travel on.
 */
import { Schema } from "effect"

export const Msat = Schema.Int.check(
  Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
).pipe(Schema.brand("Msat"))

export type Msat = typeof Msat.Type

export const is: (value: unknown) => value is Msat = Schema.is(Msat)

/** The amount for a number of msat; throws a `RangeError` if it is none. */
export const make = (value: number): Msat => {
  if (!is(value)) throw new RangeError(`not an amount in msat: ${value}`)
  return value
}

export const zero: Msat = make(0)

/** The largest amount there is. */
export const most: Msat = make(Number.MAX_SAFE_INTEGER)

export const add = (a: Msat, b: Msat): Msat => make(a + b)

/** `a − b`; throws a `RangeError` if `b` is larger. */
export const subtract = (a: Msat, b: Msat): Msat => make(a - b)

/** `a − b`, and zero where `b` is larger: what is left of `a`. */
export const left = (a: Msat, b: Msat): Msat => (a > b ? subtract(a, b) : zero)

export const sum = (amounts: Iterable<Msat>): Msat => {
  let total = zero
  for (const amount of amounts) total = add(total, amount)
  return total
}

export const min = (a: Msat, b: Msat): Msat => (a < b ? a : b)

export const max = (a: Msat, b: Msat): Msat => (a > b ? a : b)
