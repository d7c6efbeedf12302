/** What is counted while a soak goes on, and what it comes to. */
import type * as Books from "../books/Books.ts"
import type { Line } from "../processes/Lines.ts"

export interface Tally {
  readonly hear: (name: string, line: Line) => void
  /** The purchases that came to an end, and how. */
  readonly ended: ReadonlyMap<string, string>
  /** How often whom death took. */
  readonly deaths: ReadonlyMap<string, number>
}

export const make = (): Tally => {
  const ended = new Map<string, string>()
  const deaths = new Map<string, number>()
  return {
    hear: (name, line) => {
      if (line._tag === "Ended") ended.set(line.purchase, line.as)
      if (line._tag !== "Killed") return
      const who = name.replace(/-\d+$/, "")
      deaths.set(who, (deaths.get(who) ?? 0) + 1)
    },
    ended,
    deaths
  }
}

export const progress = ({ deaths, ended }: Tally, seconds: number): string =>
  `${String(seconds).padStart(5)} s  ${ended.size} purchases ended; died: ${words(deaths)}`

export const summary = (
  { deaths }: Tally,
  { bank, people }: Books.Books,
  seconds: number
): ReadonlyArray<string> => {
  const jobs = people.flatMap(({ jobs }) => jobs)
  const sales = people.flatMap(({ sales }) => sales)
  const spends = people.flatMap(({ spends }) => spends.filter(({ state }) => state === "settled"))
  const moved = bank.payments
    .filter(({ state }) => state === "settled")
    .reduce((total, { amount }) => total + amount, 0)
  const bought = new Set(jobs.map(({ purchase }) => purchase)).size
  return [
    "",
    `purchases  ${bought} in ${seconds} s, by ${jobs.length} jobs: ${words(countOf(jobs))}`,
    `sales      ${words(countOf(sales))}`,
    `payments   ${spends.length} settled, ${moved} msat moved`,
    `deaths     ${words(deaths)}`
  ]
}

const countOf = (rows: ReadonlyArray<{ readonly state: string }>): ReadonlyMap<string, number> =>
  new Map(
    Array.from(
      Map.groupBy(rows, ({ state }) => state),
      ([state, some]) => [state, some.length]
    )
  )

const words = (counts: ReadonlyMap<string, number>): string =>
  Array.from(counts, ([name, count]) => `${count} ${name}`)
    .toSorted()
    .join(", ") || "nobody"
