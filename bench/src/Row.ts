/** A row of the table: something measured, beside what it is judged by. */
import type * as NodeServices from "@effect/platform-node/NodeServices"
import type { Effect, Scope } from "effect"
import { Schema } from "effect"

/** What has to hold: of the ratio to the baseline, or of the value itself. */
export const Bar = Schema.Struct({
  of: Schema.Literals(["ratio", "value"]),
  atMost: Schema.optionalKey(Schema.Finite),
  atLeast: Schema.optionalKey(Schema.Finite)
})
export interface Bar extends Schema.Schema.Type<typeof Bar> {}

export const Measurement = Schema.Struct({
  what: Schema.String,
  unit: Schema.String,
  value: Schema.Finite,
  /** What stands beside it, measured in the same run. */
  baseline: Schema.optionalKey(Schema.Struct({ name: Schema.String, value: Schema.Finite })),
  bar: Schema.optionalKey(Bar),
  /** Whatever helps to read the number. */
  note: Schema.optionalKey(Schema.String)
})
export interface Measurement extends Schema.Schema.Type<typeof Measurement> {}

export interface Row {
  readonly name: string
  /** In a few words, for the progress line. */
  readonly title: string
  readonly measure: Effect.Effect<
    ReadonlyArray<Measurement>,
    unknown,
    Scope.Scope | NodeServices.NodeServices
  >
}

export const ratioOf = ({ baseline, value }: Measurement): number | undefined =>
  baseline === undefined ? undefined : value / baseline.value

/** Whether the bar holds; undefined where there is none. */
export const holds = (measurement: Measurement): boolean | undefined => {
  const { bar } = measurement
  if (bar === undefined) return undefined
  const judged = bar.of === "value" ? measurement.value : ratioOf(measurement)
  if (judged === undefined) return false
  return judged <= (bar.atMost ?? Number.POSITIVE_INFINITY) && judged >= (bar.atLeast ?? 0)
}

export const atMost = (of: Bar["of"], limit: number): Bar => ({ of, atMost: limit })
export const atLeast = (of: Bar["of"], limit: number): Bar => ({ of, atLeast: limit })
