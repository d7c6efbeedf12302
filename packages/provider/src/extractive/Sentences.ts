/**
 * Which sentences of a text say the most, and which ones answer a question. Deterministic.
 */

export interface Sentence {
  readonly text: string
  /** All its words and punctuation marks, with the spaces before them. */
  readonly tokens: ReadonlyArray<string>
  /** Base forms of the words that carry meaning. */
  readonly lemmas: ReadonlyArray<string>
}

/** Whether it can stand alone: a whole sentence, neither a title nor a whole list. */
const isStatement = (sentence: Sentence): boolean =>
  sentence.lemmas.length >= 3 &&
  sentence.tokens.length <= 80 &&
  /[.!。！]["')\]]?$/.test(sentence.text)

/**
 * At most `count` sentences in the order of the text, chosen by SumBasic (Nenkova and
 * Vanderwende, 2005): the sentence whose words are the most probable, after which its words
 * count less, so that the next one says something else. What comes early weighs a little more.
 */
export const mostImportant = (
  sentences: ReadonlyArray<Sentence>,
  count: number
): ReadonlyArray<Sentence> => {
  const statements = distinct(sentences.filter(isStatement))
  const candidates = statements.length > 0 ? statements : distinct(sentences).slice(0, count)
  const frequency = countWords(candidates)
  const total = candidates.reduce((sum, { lemmas }) => sum + lemmas.length, 0)
  const probability = new Map([...frequency].map(([word, times]) => [word, times / total]))
  const chosen = new Set<Sentence>()
  while (chosen.size < Math.min(count, candidates.length)) {
    const best = argmax(candidates, (sentence, index) =>
      chosen.has(sentence) ? -1 : meaning(sentence, probability) * lead(index)
    )
    if (best === undefined) break
    chosen.add(best)
    for (const word of new Set(best.lemmas)) {
      probability.set(word, (probability.get(word) ?? 0) ** 2)
    }
  }
  return candidates.filter((sentence) => chosen.has(sentence))
}

const distinct = (sentences: ReadonlyArray<Sentence>): ReadonlyArray<Sentence> => [
  ...new Map(sentences.map((sentence) => [sentence.text, sentence])).values()
]

const meaning = (sentence: Sentence, probability: ReadonlyMap<string, number>): number => {
  const words = new Set(sentence.lemmas)
  let sum = 0
  for (const word of words) sum += probability.get(word) ?? 0
  return words.size === 0 ? 0 : sum / Math.sqrt(words.size)
}

const lead = (index: number): number => 1 + 2 / (1 + index)

const mostAnswers = 3
const closeToTheBest = 0.7

/**
 * The sentences that match the question's words best (BM25), in the order of the text; none if
 * no sentence has any of them.
 */
export const bestMatching = (
  sentences: ReadonlyArray<Sentence>,
  question: ReadonlyArray<string>
): ReadonlyArray<Sentence> => {
  const asked = [...new Set(question)]
  const averageLength =
    sentences.reduce((sum, { lemmas }) => sum + lemmas.length, 0) / Math.max(1, sentences.length)
  const rarity = new Map(asked.map((word) => [word, inverseFrequency(sentences, word)]))
  const scores = sentences.map((sentence) => bm25(sentence, rarity, averageLength))
  const best = Math.max(0, ...scores)
  if (best === 0) return []
  return sentences
    .map((sentence, index) => ({ sentence, index, score: scores[index] ?? 0 }))
    .filter(({ score }) => score >= best * closeToTheBest)
    .toSorted((a, b) => b.score - a.score || a.index - b.index)
    .slice(0, mostAnswers)
    .toSorted((a, b) => a.index - b.index)
    .map(({ sentence }) => sentence)
}

// Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009.
const k1 = 1.2
const b = 0.75

const bm25 = (
  sentence: Sentence,
  rarity: ReadonlyMap<string, number>,
  averageLength: number
): number => {
  let score = 0
  for (const [word, idf] of rarity) {
    const times = sentence.lemmas.filter((lemma) => lemma === word).length
    const length = sentence.lemmas.length / Math.max(1, averageLength)
    score += (idf * times * (k1 + 1)) / (times + k1 * (1 - b + b * length))
  }
  return score
}

const inverseFrequency = (sentences: ReadonlyArray<Sentence>, word: string): number => {
  const having = sentences.filter(({ lemmas }) => lemmas.includes(word)).length
  return Math.log(1 + (sentences.length - having + 0.5) / (having + 0.5))
}

const countWords = (sentences: ReadonlyArray<Sentence>): Map<string, number> => {
  const counts = new Map<string, number>()
  for (const { lemmas } of sentences) {
    for (const word of lemmas) counts.set(word, (counts.get(word) ?? 0) + 1)
  }
  return counts
}

const argmax = <A>(
  items: ReadonlyArray<A>,
  score: (item: A, index: number) => number
): A | undefined => {
  let best: A | undefined
  let highest = -Infinity
  items.forEach((item, index) => {
    const value = score(item, index)
    if (value > highest) {
      highest = value
      best = item
    }
  })
  return best
}
