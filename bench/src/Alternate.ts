/**
 * Two sides in turn, so that what disturbs the machine disturbs both; what counts of each is its
 * median.
 */
import { Effect } from "effect"
import { median } from "./Statistics.ts"

export interface Sides<E, R> {
  readonly rounds: number
  readonly ours: Effect.Effect<number, E, R>
  readonly baseline: Effect.Effect<number, E, R>
}

export const medians = <E, R>({ baseline, ours, rounds }: Sides<E, R>) =>
  Effect.gen(function* () {
    const values: { ours: Array<number>; baseline: Array<number> } = { ours: [], baseline: [] }
    for (let round = 0; round < rounds; round++) {
      // Whoever comes first finds the caches cold: they take turns at that too.
      const order =
        round % 2 === 0 ? (["baseline", "ours"] as const) : (["ours", "baseline"] as const)
      for (const side of order) values[side].push(yield* side === "ours" ? ours : baseline)
    }
    return { ours: median(values.ours), baseline: median(values.baseline) }
  })
