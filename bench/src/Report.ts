/** The table that people read. */
import { type Bar, holds, type Measurement, ratioOf } from "./Row.ts"

const number = (value: number): string =>
  value >= 100 ? Math.round(value).toLocaleString("en") : value.toPrecision(3)

const limit = ({ atLeast, atMost, of }: Bar): string =>
  `${atMost === undefined ? "≥" : "≤"} ${atMost ?? atLeast}${of === "ratio" ? " ×" : ""}`

const verdict = (measurement: Measurement): string => {
  const isHeld = holds(measurement)
  return isHeld === undefined ? "" : isHeld ? "holds" : "misses"
}

const cells = (measurement: Measurement): ReadonlyArray<string> => {
  const { bar, baseline, unit, value, what } = measurement
  const ratio = ratioOf(measurement)
  return [
    what,
    `${number(value)} ${unit}`,
    baseline === undefined ? "" : `${number(baseline.value)} (${baseline.name})`,
    ratio === undefined ? "" : `${ratio.toFixed(2)} ×`,
    bar === undefined ? "" : limit(bar),
    verdict(measurement)
  ]
}

const heads = ["what", "Farthing", "baseline", "ratio", "bar", ""]

/** Markdown, aligned so that it reads as well in a terminal. */
export const table = (measurements: ReadonlyArray<Measurement>): string => {
  const rows = [heads, ...measurements.map(cells)]
  const widths = heads.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const line = (row: ReadonlyArray<string>) =>
    `| ${widths.map((width, column) => (row[column] ?? "").padEnd(width)).join(" | ")} |`
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`
  const [head = "", ...body] = rows.map(line)
  return [head, rule, ...body].join("\n")
}
