/** The English language model (wink-nlp), loaded when it is first used. */
import { Effect } from "effect"
import type { ItemSentence, ItsFunction, ItemToken, WinkMethods } from "wink-nlp"
import { InferenceError } from "../InferenceBackend.ts"
import type { Sentence } from "./Sentences.ts"

export interface Language {
  readonly sentencesOf: (paragraph: string) => ReadonlyArray<Sentence>
}

// The model's own tables grow with every load, so the process has one.
let loading: Promise<Language> | undefined

export const load: Effect.Effect<Language, InferenceError> = Effect.tryPromise({
  try: () => (loading ??= loadOnce()),
  catch: (cause) =>
    new InferenceError({
      reason: "failed",
      message: `the embedded language model does not load: ${String(cause)}`
    })
})

const loadOnce = async (): Promise<Language> => {
  const [wink, model] = await Promise.all([import("wink-nlp"), import("wink-eng-lite-web-model")])
  return make(wink.default(model.default, ["sbd", "pos"]))
}

const make = (nlp: WinkMethods): Language => ({
  sentencesOf: (paragraph) => {
    const found: Array<Sentence> = []
    nlp
      .readDoc(paragraph)
      .sentences()
      .each((item: ItemSentence) => {
        const sentence = read(nlp, item)
        const before = found.at(-1)
        if (before !== undefined && !followsSpace(nlp, item))
          found.splice(-1, 1, join(before, sentence))
        else found.push(sentence)
      })
    return found
  }
})

const read = (nlp: WinkMethods, item: ItemSentence): Sentence => {
  const tokens: Array<string> = []
  const lemmas: Array<string> = []
  // The library declares the last parameter of its own helper in the wrong place.
  const lemma = nlp.its.lemma as ItsFunction<string>
  item.tokens().each((token: ItemToken) => {
    tokens.push(token.out(nlp.its.precedingSpaces) + token.out())
    if (token.out(nlp.its.type) === "word" && token.out<boolean>(nlp.its.stopWordFlag) !== true) {
      lemmas.push(token.out(lemma))
    }
  })
  return { text: item.out(), tokens, lemmas }
}

/** The model takes the dot in `main.ts` for the end of a sentence; a space has to follow one. */
const followsSpace = (nlp: WinkMethods, item: ItemSentence): boolean =>
  item.tokens().itemAt(0).out(nlp.its.precedingSpaces) !== ""

const join = (a: Sentence, b: Sentence): Sentence => ({
  text: a.text + b.text,
  tokens: [...a.tokens, ...b.tokens],
  lemmas: [...a.lemmas, ...b.lemmas]
})
