/**
 * What a prompt asks of a text: an instruction or a question, and the text that goes with it,
 * before or after, as people write it: `Summarise`, an empty line, and a README.
 */

export type Task =
  | {
      readonly _tag: "Summarise"
      readonly text: string
      /** How many sentences are wished for, where the instruction says so. */
      readonly sentences: number | undefined
    }
  | { readonly _tag: "Answer"; readonly question: string; readonly text: string }
  | {
      /** An agent asks what to do, in lines of one action each. */
      readonly _tag: "Act"
      /** What it is for, in its own words. */
      readonly about: string
      /** Everything else that it says, its memories among it. */
      readonly rest: string
    }
  | { readonly _tag: "NoText"; readonly instruction: string }
  | { readonly _tag: "NotAble"; readonly instruction: string }

const longestInstruction = 400

export const fromPrompt = (prompt: string): Task => agentsTask(prompt) ?? readersTask(prompt)

/** What stands between who an agent is and the forms that its answer may have. */
const agentsMark = "\n\nEvery line of your answer is one action:\n"

/** Agents say less of themselves, and remember less. */
const longestAbout = 4_000
const longestRest = 64_000

const agentsTask = (prompt: string): Task | undefined => {
  const at = prompt.indexOf(agentsMark)
  if (at < 0 || !prompt.startsWith("You are ")) return undefined
  const [, ...about] = prompt.slice(0, at).split("\n")
  return {
    _tag: "Act",
    about: about.join("\n").slice(0, longestAbout),
    rest: prompt.slice(at + agentsMark.length).slice(0, longestRest)
  }
}

const readersTask = (prompt: string): Task => {
  const { instruction, text } = divide(prompt.replace(/\r\n?/g, "\n").trim())
  if (text === "") {
    return isLong(instruction)
      ? { _tag: "Summarise", text: instruction, sentences: undefined }
      : { _tag: "NoText", instruction }
  }
  if (isSummary(instruction)) {
    return { _tag: "Summarise", text, sentences: sentencesWished(instruction) }
  }
  return beyondUs.test(instruction)
    ? { _tag: "NotAble", instruction }
    : { _tag: "Answer", question: instruction, text }
}

interface Divided {
  readonly instruction: string
  readonly text: string
}

const divide = (prompt: string): Divided =>
  firstLine(prompt) ?? lastLine(prompt) ?? inOneLine(prompt) ?? noInstruction(prompt)

const firstLine = (prompt: string): Divided | undefined => {
  const end = prompt.indexOf("\n")
  const instruction = prompt.slice(0, end).trim()
  return end !== -1 && isInstruction(instruction)
    ? { instruction, text: prompt.slice(end).trim() }
    : undefined
}

const lastLine = (prompt: string): Divided | undefined => {
  const start = prompt.lastIndexOf("\n")
  const instruction = prompt.slice(start + 1).trim()
  return start !== -1 && isInstruction(instruction)
    ? { instruction, text: prompt.slice(0, start).trim() }
    : undefined
}

/** `Summarise: text` */
const inOneLine = (prompt: string): Divided | undefined => {
  const colon = prompt.slice(0, longestInstruction).indexOf(":")
  const instruction = prompt.slice(0, colon).trim()
  return colon !== -1 && !instruction.includes("\n") && isInstruction(instruction)
    ? { instruction, text: prompt.slice(colon + 1).trim() }
    : undefined
}

const noInstruction = (prompt: string): Divided =>
  prompt.includes("\n") || prompt.length > longestInstruction
    ? { instruction: "Summarise", text: prompt }
    : { instruction: prompt, text: "" }

const isInstruction = (line: string): boolean =>
  line.length <= longestInstruction &&
  (isSummary(line) || line.endsWith("?") || beyondUs.test(line) || asking.test(line))

const courtesy =
  "^\\s*(?:(?:question|task|q)\\s*:\\s*)?(?:(?:please|kindly|can you|could you|would you)\\s+){0,3}"

const startingWith = (words: string) => new RegExp(`${courtesy}(?:${words})\\b`, "i")

const summary = startingWith(
  "summari[sz]e|sum up|condense|shorten|abridge|tl;?dr|outline|(?:give|write|make|show)(?: me| us)? (?:an?|the) (?:\\w+[ -]){0,3}(?:summary|outline|abstract|overview)|(?:an? |the )?(?:\\w+[ -]){0,2}(?:summary|key points|main points|gist)|what (?:is|does) (?:this|the) (?:text|document|page|article|readme|file)(?: (?:about|say))"
)

const isSummary = (line: string): boolean => summary.test(line)

const asking = startingWith(
  "who|whom|whose|what|when|where|which|why|how|is|are|was|were|does|did|tell me|find|name|list|explain|describe|answer|extract|quote"
)

const beyondUs = startingWith(
  "translate|rewrite|rephrase|paraphrase|write|compose|draft|generate|code|implement|calculate|compute|convert|imagine|draw|continue|correct|fix"
)

const isLong = (text: string): boolean => text.length > longestInstruction

const numbers = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]

const wish = new RegExp(
  `\\b(\\d{1,2}|a|single|${numbers.join("|")})\\s+(?:\\w+\\s+)?(?:sentences?|points?|lines?)\\b`,
  "i"
)

const sentencesWished = (instruction: string): number | undefined => {
  const word = wish.exec(instruction)?.[1]?.toLowerCase()
  if (word === undefined) return undefined
  const named = word === "a" || word === "single" ? 1 : numbers.indexOf(word) + 1
  return Math.max(1, named === 0 ? Number(word) : named)
}
