/** What is printed of the crashes: a row a point, and what they come to. */
import type { Verdict } from "./Crash.ts"
import * as Points from "./Points.ts"

export interface Row {
  readonly point: Points.Point
  readonly verdict: Verdict
  /** Where its books are, if they do not agree. */
  readonly folder: string
}

/** point | outcome | books */
export const line = ({ folder, point, verdict }: Row): string => {
  const { disagreements, outcome, struck } = verdict
  const end = struck ? outcome : `${outcome} (not reached)`
  const row = [Points.nameOf(point).padEnd(72), end.padEnd(44)].join(" | ")
  return disagreements.length === 0
    ? `${row} | agree`
    : [
        `${row} | DISAGREE`,
        ...disagreements.map((finding) => `    ${finding}`),
        `    books: ${folder}`,
        `    again: pnpm crash ${again(point)}`
      ].join("\n")
}

const again = (point: Points.Point): string =>
  `--side "${Points.sideOf(point)}" --kind ${point.kind} --only "${point.at}"`

/** How many of each side, how they ended, and whether the books agree. */
export const summary = (rows: ReadonlyArray<Row>, seconds: number): ReadonlyArray<string> => {
  const count = (of: (row: Row) => string) =>
    Array.from(Map.groupBy(rows, of), ([name, some]) => `${some.length} ${name}`).join(", ")
  const disagree = rows.filter(({ verdict }) => verdict.disagreements.length > 0).length
  const missed = rows.filter(({ verdict }) => !verdict.struck).length
  return [
    "",
    `points   ${rows.length} in ${seconds} s: ${count(({ point }) => Points.sideOf(point))}`,
    `ends     ${count(({ verdict }) => verdict.outcome)}`,
    `books    ${rows.length - disagree} agree to the msat, ${disagree} do not; ${missed} points were not reached`
  ]
}
