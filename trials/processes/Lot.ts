/** Decisions by lot: the same lot decides the same, in the same order. */
import { Effect, Random } from "effect"

export interface Lot {
  /** From 0 to below 1. */
  readonly next: () => number
  /** A whole number below the bound. */
  readonly below: (bound: number) => number
  readonly oneIn: (chances: number) => boolean
  readonly choice: <A>(of: ReadonlyArray<A>) => A
}

export const of = (lot: string): Lot => {
  const random = Effect.runSync(Random.withSeed(Random.Random, lot))
  const next = () => random.nextDoubleUnsafe()
  const below = (bound: number) => Math.floor(next() * bound)
  return {
    next,
    below,
    oneIn: (chances) => below(chances) === 0,
    choice: (of) => {
      const chosen = of[below(of.length)]
      if (chosen === undefined) throw new Error("There is nothing to choose from")
      return chosen
    }
  }
}
