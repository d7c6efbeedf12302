/** What people read. */
import { type Change, type Results, measurementsOf } from "./Results.ts"
import { type Bar, type Breakdown, type Findings, holds, type Measurement, ratioOf } from "./Row.ts"

const number = (value: number): string =>
  value >= 100 || Number.isInteger(value)
    ? Math.round(value).toLocaleString("en")
    : value.toPrecision(3)

const limit = ({ atLeast, atMost, of }: Bar): string => {
  const sign = atMost === atLeast ? "=" : atMost === undefined ? "≥" : "≤"
  return `${sign} ${number(atMost ?? atLeast ?? 0)}${of === "ratio" ? " ×" : ""}`
}

const verdict = (measurement: Measurement): string => {
  const isHeld = holds(measurement)
  return isHeld === undefined ? "" : isHeld ? "holds" : "misses"
}

const ratio = (value: number | undefined): string =>
  value === undefined ? "" : `${value.toFixed(2)} ×`

const cells = (measurement: Measurement): ReadonlyArray<string> => {
  const { bar, baseline, unit, value, what } = measurement
  return [
    what,
    `${number(value)} ${unit}`,
    baseline === undefined ? "" : `${number(baseline.value)} (${baseline.name})`,
    ratio(ratioOf(measurement)),
    bar === undefined ? "" : limit(bar),
    verdict(measurement)
  ]
}

/** Markdown, aligned so that it reads as well in a terminal. */
const aligned = (
  heads: ReadonlyArray<string>,
  body: ReadonlyArray<ReadonlyArray<string>>
): string => {
  const widths = heads.map((head, column) =>
    Math.max(3, head.length, ...body.map((row) => row[column]?.length ?? 0))
  )
  const line = (row: ReadonlyArray<string>) =>
    `| ${widths.map((width, column) => (row[column] ?? "").padEnd(width)).join(" | ")} |`
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`
  return [line(heads), rule, ...body.map(line)].join("\n")
}

const table = (measurements: ReadonlyArray<Measurement>): string =>
  aligned(["what", "Farthing", "baseline", "ratio", "bar", ""], measurements.map(cells))

const barWidth = 40

/** A line for each stage, as long as its share of the purchase. */
const chart = ({ purchase, sides }: Breakdown): string => {
  const stages = sides.flatMap(({ stages }) => stages)
  const width = Math.max(0, ...stages.map(({ name }) => name.length))
  const lines = sides.flatMap((side) => [
    side.name,
    ...side.stages.map(({ millis, name }) => {
      const bar = "█".repeat(Math.round((millis / purchase) * barWidth))
      return `  ${name.padEnd(width)} ${millis.toFixed(2).padStart(7)} ms  ${bar}`.trimEnd()
    })
  ])
  return lines.join("\n")
}

/** What a row found, as soon as it is there. */
export const found = ({ breakdown, measurements }: Findings): string =>
  [
    ...measurements.map((measurement) => {
      const [what, value, baseline, ...judgement] = cells(measurement)
      const rest = [baseline === "" ? "" : `beside ${baseline}`, ...judgement]
      return `    ${what}: ${[value, ...rest].filter((word) => word !== "").join(", ")}`
    }),
    ...(breakdown === undefined ? [] : [chart(breakdown)])
  ].join("\n")

const breakdownsOf = ({ rows }: Results): ReadonlyArray<Breakdown> =>
  rows.flatMap(({ found: { breakdown } }) => breakdown ?? [])

/** As it stands in ARCHITECTURE. */
export const markdown = (results: Results): string =>
  [
    `Measured on ${results.date} at \`${results.commit}\`, ${minutesOf(results)} minutes in all, on ${results.machine}:`,
    table(measurementsOf(results)),
    ...breakdownsOf(results).flatMap((breakdown) => [
      `Where the ${number(breakdown.purchase)} ms of one purchase go, by its spans:`,
      `\`\`\`text\n${chart(breakdown)}\n\`\`\``
    ])
  ].join("\n\n")

const minutesOf = ({ rows }: Results): string =>
  (rows.reduce((sum, { seconds }) => sum + seconds, 0) / 60).toFixed(1)

export const plain = (results: Results): string =>
  [table(measurementsOf(results)), ...breakdownsOf(results).map(chart)].join("\n\n")

const percent = (then: number, now: number): string => {
  const change = (100 * (now - then)) / then
  return `${change < 0 ? "" : "+"}${change.toFixed(0)} %`
}

/** What is different from an earlier run. */
export const comparison = (before: Results, changes: ReadonlyArray<Change>): string => {
  const heads = [
    "what",
    `${before.date}, ${before.commit}`,
    "now",
    "change",
    "ratio",
    "now",
    "change"
  ]
  return aligned(
    heads,
    changes.map(({ after, before, ratios, unit, what }) => [
      what,
      `${number(before)} ${unit}`,
      `${number(after)} ${unit}`,
      percent(before, after),
      ratio(ratios?.before),
      ratio(ratios?.after),
      ratios === undefined ? "" : percent(ratios.before, ratios.after)
    ])
  )
}
