/** What a process holds in memory once its garbage is gone. Needs `--expose-gc`. */
import { Effect, Schema } from "effect"

/** Bytes. */
export const Heap = Schema.Struct({
  /** The median of several collections. */
  used: Schema.Int,
  /** Of the whole process, with what no collection reaches. */
  resident: Schema.Int
})
export interface Heap extends Schema.Schema.Type<typeof Heap> {}

const times = 5

/** Collects the garbage a few times, with a pause in which what has ended can let go. */
export const measure: Effect.Effect<Heap> = Effect.gen(function* () {
  const used: Array<number> = []
  while (used.length < times) {
    yield* Effect.sleep("50 millis")
    yield* Effect.promise(async () => globalThis.gc?.({ type: "major", execution: "async" }))
    used.push(process.memoryUsage().heapUsed)
  }
  return { used: median(used), resident: process.memoryUsage().rss }
})

const median = (numbers: ReadonlyArray<number>): number =>
  numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? 0
