/**
 * Who takes care of a spend. Its process renews the lease while it lives; whoever takes a lapsed
 * one over raises the fence, and what an earlier owner still wants to do is refused.
 */
import { Duration } from "effect"
import type { SpendRecord } from "./Spend.ts"

/** Nobody takes care of it. */
export const givenUp = { leaseUntil: 0 } as const

export const isGivenUp = ({ leaseUntil }: Pick<SpendRecord, "leaseUntil">): boolean =>
  leaseUntil === givenUp.leaseUntil

/** A lease that ends later than this from now comes from a clock that was ahead. */
export const longest = Duration.hours(1)

/**
 * Whether its process may be alive at `now` (Unix milliseconds). One that is taken for dead by
 * mistake does no harm: the fence stops it.
 */
export const isAlive = ({ leaseUntil }: Pick<SpendRecord, "leaseUntil">, now: number): boolean =>
  leaseUntil > now && leaseUntil <= now + Duration.toMillis(longest)
