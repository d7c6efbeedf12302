/** A run of the bench, as it is kept in a file. */
import { Effect, FileSystem, Schema } from "effect"
import { Findings, type Measurement, ratioOf } from "./Row.ts"

export const Results = Schema.Struct({
  date: Schema.String,
  commit: Schema.String,
  machine: Schema.String,
  rows: Schema.Array(
    Schema.Struct({ name: Schema.String, seconds: Schema.Finite, found: Findings })
  )
})
export interface Results extends Schema.Schema.Type<typeof Results> {}

const Json = Schema.fromJsonString(Results)

export const read = Effect.fnUntraced(function* (file: string) {
  const fs = yield* FileSystem.FileSystem
  return yield* Schema.decodeEffect(Json)(yield* fs.readFileString(file))
})

export const write = Effect.fnUntraced(function* (file: string, results: Results) {
  const fs = yield* FileSystem.FileSystem
  yield* fs.writeFileString(file, `${yield* Schema.encodeEffect(Json)(results)}\n`)
})

export const measurementsOf = ({ rows }: Results): ReadonlyArray<Measurement> =>
  rows.flatMap(({ found }) => found.measurements)

/** The same thing, measured twice. */
export interface Change {
  readonly what: string
  readonly unit: string
  readonly before: number
  readonly after: number
  /** Beside the baselines of their own runs, which do not know how fast the machine is. */
  readonly ratios: { readonly before: number; readonly after: number } | undefined
}

/** What two runs have in common. */
export const changes = (before: Results, after: Results): ReadonlyArray<Change> => {
  const earlier = new Map(measurementsOf(before).map((it) => [it.what, it]))
  return measurementsOf(after).flatMap((now) => {
    const then = earlier.get(now.what)
    if (then === undefined) return []
    const ratios = { before: ratioOf(then), after: ratioOf(now) }
    return {
      what: now.what,
      unit: now.unit,
      before: then.value,
      after: now.value,
      ratios:
        ratios.before === undefined || ratios.after === undefined
          ? undefined
          : { before: ratios.before, after: ratios.after }
    }
  })
}
