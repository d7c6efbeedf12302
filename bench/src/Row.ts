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
  bar: Schema.optionalKey(Bar)
})
export interface Measurement extends Schema.Schema.Type<typeof Measurement> {}

const Stage = Schema.Struct({ name: Schema.String, millis: Schema.Finite })

/** Where the time of one purchase goes: of both sides, the stages one after the other. */
export const Breakdown = Schema.Struct({
  /** The mean, in milliseconds. */
  purchase: Schema.Finite,
  sides: Schema.Array(Schema.Struct({ name: Schema.String, stages: Schema.Array(Stage) }))
})
export interface Breakdown extends Schema.Schema.Type<typeof Breakdown> {}

export const Findings = Schema.Struct({
  measurements: Schema.Array(Measurement),
  breakdown: Schema.optionalKey(Breakdown)
})
export interface Findings extends Schema.Schema.Type<typeof Findings> {}

/** Numbers alone. */
export const measured = (measurements: ReadonlyArray<Measurement>): Findings => ({ measurements })

export interface Row {
  readonly name: string
  /** In a few words, for the progress line. */
  readonly title: string
  readonly measure: Effect.Effect<Findings, unknown, Scope.Scope | NodeServices.NodeServices>
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
