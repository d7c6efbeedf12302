/** Guesses what somebody meant to write. */

/** How many letters have to be inserted, removed, replaced or swapped to make one of the other. */
export const distance = (a: string, b: string): number => {
  let before: ReadonlyArray<number> = []
  let above = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1]
      const swapped = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      current[column] = Math.min(
        (above[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (above[column - 1] ?? 0) + (same ? 0 : 1),
        swapped ? (before[column - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY
      )
    }
    before = above
    above = current
  }
  return above[b.length] ?? a.length
}

/** The word that is nearest to a misspelled or shortened one; undefined if none is near. */
export const nearest = (word: string, words: Iterable<string>): string | undefined => {
  const reach = Math.max(2, Math.floor(word.length / 3))
  let best: string | undefined
  let bestDistance = reach + 1
  for (const candidate of words) {
    const shortened = candidate.startsWith(`${word}_`) || word.startsWith(`${candidate}_`)
    const steps = shortened
      ? 1
      : distance(word.toLowerCase().slice(0, 100), candidate.toLowerCase())
    if (steps < bestDistance) {
      best = candidate
      bestDistance = steps
    }
  }
  return best
}
