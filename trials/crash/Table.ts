/** What is printed of the crashes: a row a point, and what they come to. */
import * as Points from "./Points.ts"
import type { Played } from "./Rounds.ts"

/** point | outcome | books */
export const line = (played: Played): string => {
  const { disagreements, folder, outcome, point, struck } = played
  const end = struck ? outcome : `${outcome} (not reached)`
  const row = [Points.nameOf(point).padEnd(76), end.padEnd(44)].join(" | ")
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
export const summary = (played: ReadonlyArray<Played>, seconds: number): ReadonlyArray<string> => {
  const count = (of: (played: Played) => string) =>
    Array.from(Map.groupBy(played, of), ([name, some]) => `${some.length} ${name}`).join(", ")
  const disagree = failures(played).length
  const missed = played.filter(({ struck }) => !struck).length
  return [
    "",
    `points  ${played.length} in ${seconds} s: ${count(({ point }) => Points.sideOf(point))}`,
    `ends    ${count(({ outcome }) => outcome)}`,
    `books   ${played.length - disagree} agree to the msat, ${disagree} do not; ${missed} points were not reached`
  ]
}

export const failures = (played: ReadonlyArray<Played>): ReadonlyArray<Played> =>
  played.filter(({ disagreements }) => disagreements.length > 0)
