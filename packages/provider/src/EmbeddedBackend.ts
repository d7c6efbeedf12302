/**
 * Inference without a server and without a download: sums texts up and answers questions about
 * them by quoting their own sentences. It knows nothing that is not in the prompt, and says so. An
 * agent that thinks with it posts what its person wrote of it, a sentence a tick.
 */
import { Effect, Layer, Stream } from "effect"
import { type Language, load } from "./extractive/Language.ts"
import { mostCharacters, paragraphs } from "./extractive/PlainText.ts"
import { bestMatching, mostImportant, type Sentence } from "./extractive/Sentences.ts"
import { fromPrompt, type Task } from "./extractive/Task.ts"
import {
  InferenceBackend,
  InferenceError,
  type InferenceRequest,
  type Part,
  type Shape
} from "./InferenceBackend.ts"

/** It extracts; it does not write. English texts only. */
export const model = "extractive-en-1"

export const make: Shape = {
  name: "embedded",
  models: Effect.succeed([model]),
  infer: (request) =>
    Stream.unwrap(Effect.map(answer(request), (answer) => toParts(answer, request)))
}

export const layer: Layer.Layer<InferenceBackend> = Layer.succeed(InferenceBackend, make)

interface Answer {
  readonly pieces: ReadonlyArray<Piece>
  /** Words and punctuation marks that were read. */
  readonly tokensRead: number
}

type Piece = Pick<Sentence, "text" | "tokens">

const answer = Effect.fnUntraced(function* (
  request: InferenceRequest
): Effect.fn.Return<Answer, InferenceError> {
  if (request.model !== model) {
    return yield* new InferenceError({
      reason: "model_unavailable",
      message: `the embedded backend runs ${model} only`
    })
  }
  const language = yield* load
  const task = fromPrompt(request.prompt.slice(0, mostCharacters))
  const instruction = language.sentencesOf(paragraphs(instructionOf(task)).join(" "))
  const text = "text" in task ? yield* read(language, task.text) : []
  return {
    pieces: perform(language, task, instruction, text, request.maxTokens),
    tokensRead: tokensOf(instruction) + tokensOf(text)
  }
})

/** Long texts are read a paragraph a turn, so that other work goes on beside it. */
const read = (language: Language, text: string): Effect.Effect<ReadonlyArray<Sentence>> =>
  Effect.forEach(paragraphs(text), (paragraph) =>
    Effect.sync(() => language.sentencesOf(paragraph)).pipe(Effect.tap(Effect.yieldNow))
  ).pipe(Effect.map((sentences) => sentences.flat()))

const instructionOf = (task: Task): string => {
  switch (task._tag) {
    case "Summarise":
      return ""
    case "Act":
      return task.about
    case "Answer":
      return task.question
    case "NoText":
    case "NotAble":
      return task.instruction
  }
}

const perform = (
  language: Language,
  task: Task,
  instruction: ReadonlyArray<Sentence>,
  text: ReadonlyArray<Sentence>,
  maxTokens: number
): ReadonlyArray<Piece> => {
  switch (task._tag) {
    case "Summarise":
      return text.length === 0
        ? say(language, "There is no running text in the prompt that could be summed up.")
        : summarise(text, task.sentences, maxTokens)
    case "Answer": {
      const question = instruction.flatMap(({ lemmas }) => lemmas)
      const found = bestMatching(text, question)
      return found.length > 0
        ? found
        : say(
            language,
            "The text in the prompt does not say: none of its sentences has a word of the question."
          )
    }
    case "Act":
      return act(instruction, task.rest)
    case "NoText":
      return say(
        language,
        "I can only sum up a text, or answer a question from a text, that is in the prompt itself, and this prompt has none. Put the question on the first line and the text below it, or ask a provider with a larger model."
      )
    case "NotAble":
      return say(
        language,
        "I can only sum up the text in the prompt or quote from it. For anything that has to be written anew, ask a provider with a larger model."
      )
  }
}

/** The next sentence of what the agent is for, until all are remembered as said. */
const act = (about: ReadonlyArray<Sentence>, rest: string): ReadonlyArray<Piece> => {
  const next = about.find(({ text }) => !rest.includes(JSON.stringify(text).slice(1, -1)))
  return next === undefined
    ? [{ text: "NOTHING", tokens: ["NOTHING"] }]
    : [
        { text: `POST: ${next.text}`, tokens: ["POST: ", ...next.tokens] },
        { text: `\nREMEMBER: ${next.text}`, tokens: ["\nREMEMBER: ", ...next.tokens] }
      ]
}

const say = (language: Language, text: string): ReadonlyArray<Piece> => language.sentencesOf(text)

const fewestSentences = 3
const mostSentences = 8

/** About a tenth of the sentences, unless a number is wished for; never more than fit. */
const summarise = (
  text: ReadonlyArray<Sentence>,
  wished: number | undefined,
  maxTokens: number
): ReadonlyArray<Piece> => {
  const usual = Math.min(mostSentences, Math.max(fewestSentences, Math.ceil(text.length / 10)))
  let count = wished ?? usual
  let chosen = mostImportant(text, count)
  while (count > 1 && tokensOf(chosen) > maxTokens) chosen = mostImportant(text, --count)
  return chosen
}

const tokensOf = (pieces: ReadonlyArray<Piece>): number =>
  pieces.reduce((sum, { tokens }) => sum + tokens.length, 0)

/** One sentence after the other, until the answer, the tokens or a stop sequence end it. */
const toParts = (
  { pieces, tokensRead }: Answer,
  { maxTokens, stop = [] }: InferenceRequest
): Stream.Stream<Part> => {
  const texts: Array<string> = []
  let tokensOut = 0
  let reason = "stop"
  for (const { text, tokens } of pieces) {
    const allowed = maxTokens - tokensOut
    const said = tokens.length <= allowed ? text : tokens.slice(0, allowed).join("").trim()
    if (said !== "") texts.push(texts.length === 0 ? said : ` ${said}`)
    tokensOut += Math.min(tokens.length, allowed)
    if (tokens.length > allowed) {
      reason = "length"
      break
    }
  }
  const kept = stopAt(texts, stop)
  const finish: Part = { _tag: "Finish", reason, tokensIn: tokensRead, tokensOut }
  return Stream.fromIterable([...kept.map((text): Part => ({ _tag: "Text", text })), finish])
}

/** What comes before the first stop sequence, which may lie across two texts. */
const stopAt = (
  texts: ReadonlyArray<string>,
  stop: ReadonlyArray<string>
): ReadonlyArray<string> => {
  const whole = texts.join("")
  const ends = stop.flatMap((sequence) =>
    sequence !== "" && whole.includes(sequence) ? [whole.indexOf(sequence)] : []
  )
  let left = Math.min(whole.length, ...ends)
  return texts.flatMap((text) => {
    const kept = text.slice(0, left)
    left -= kept.length
    return kept === "" ? [] : [kept]
  })
}
