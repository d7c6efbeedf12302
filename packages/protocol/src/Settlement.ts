/**
 * How money and result are exchanged. A mode that is not named on the wire is `upfront`, and a rail
 * that is not named is Lightning.
 */
import { Schema } from "effect"

export const Settlement = Schema.Literals(["upfront", "escrow", "sealed"])

export type Settlement = typeof Settlement.Type

/** How locked money travels: to a hold invoice over Lightning, or to an HTLC over Spark. */
export const Rail = Schema.Literals(["lightning", "spark"])
export type Rail = typeof Rail.Type

/**
 * A mode on a rail: what both sides have to agree on. Everything travels over Lightning but an
 * escrow between two Spark wallets, whose customer knows the preimage.
 */
export const Way = Schema.Literals([...Settlement.literals, "escrow:spark"])
export type Way = typeof Way.Type

/** The rails of whoever names none. */
export const usualRails: ReadonlyArray<Rail> = ["lightning"]

/** Every way of these modes on these rails, in their order. */
export const waysOf = (
  modes: ReadonlyArray<Settlement>,
  rails: ReadonlyArray<Rail>
): ReadonlyArray<Way> =>
  modes.flatMap((mode) =>
    mode === "escrow"
      ? rails.map((rail): Way => (rail === "spark" ? "escrow:spark" : "escrow"))
      : [mode]
  )

export const modeOf = (way: Way): Settlement => (way === "escrow:spark" ? "escrow" : way)

export const railOf = (way: Way): Rail => (way === "escrow:spark" ? "spark" : "lightning")

/** For people. */
export const inWords = (way: Way): string => (way === "escrow:spark" ? "escrow over Spark" : way)

/** The first of what is wanted that is offered; undefined if there is none. */
export const choose = <A>(wanted: ReadonlyArray<A>, offered: ReadonlyArray<A>): A | undefined =>
  wanted.find((one) => offered.includes(one))

/** In seconds: what the lock of an escrow has to last for beyond the time that its job may take. */
export const lockMargin = 600

/** In seconds: at a lock's end nobody delivers and nobody releases, since it may be over any moment. */
export const lastSeconds = 300
