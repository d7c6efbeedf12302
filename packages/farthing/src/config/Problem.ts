/** What is wrong with a configuration, said so that it can be put right. */
import { Text } from "@farthing/protocol"
import { Schema } from "effect"

/** A key that nobody reads, so that whoever wrote it meant another one. */
export const UnknownKey = Schema.TaggedStruct("UnknownKey", {
  /** A file, or `environment`. */
  source: Schema.String,
  key: Schema.String,
  suggestion: Schema.optionalKey(Schema.String)
})

/** A value of the wrong type or out of range. */
export const WrongValue = Schema.TaggedStruct("WrongValue", {
  source: Schema.String,
  key: Schema.String,
  /** Printable, and never a secret. */
  value: Schema.String,
  expected: Schema.String
})

/** A secret where anybody may read it. */
export const MisplacedSecret = Schema.TaggedStruct("MisplacedSecret", {
  source: Schema.String,
  key: Schema.String,
  remedy: Schema.String
})

/** A file that cannot be read, or is no TOML. */
export const UnreadableFile = Schema.TaggedStruct("UnreadableFile", {
  source: Schema.String,
  message: Schema.String
})

export const Problem = Schema.Union([UnknownKey, WrongValue, MisplacedSecret, UnreadableFile])
export type Problem = typeof Problem.Type

/** One sentence or two for a person. */
export const describe = (problem: Problem): string => {
  switch (problem._tag) {
    case "UnknownKey":
      return `${problem.source}: ${problem.key} is unknown${
        problem.suggestion === undefined ? "" : `; did you mean ${problem.suggestion}?`
      }`
    case "WrongValue":
      return `${problem.source}: ${problem.key} is ${problem.value}; expected ${problem.expected}`
    case "MisplacedSecret":
      return `${problem.source}: ${problem.key} is a secret and must not stand here; ${problem.remedy}`
    case "UnreadableFile":
      return `${problem.source}: ${problem.message}`
  }
}

const hidden = "(not shown)"

/** Keys, connection URIs, users of URLs, mnemonics, and whatever is written in one breath of hex. */
const mayBeSecret = (text: string): boolean =>
  /nsec1|ncryptsec1|walletconnect|secret=|\/\/[^/\s]*@|[0-9a-f]{32}/i.test(text) ||
  text.trim().split(/\s+/).length >= 12

/** A value as it may stand in a message. */
export const shown = (value: unknown): string => {
  const text = typeof value === "bigint" ? String(value) : (JSON.stringify(value) ?? String(value))
  return mayBeSecret(text) ? hidden : Text.printable(text, 80)
}

/** A name as it may stand in a message. */
export const shownName = (name: string): string =>
  mayBeSecret(name) ? hidden : Text.printable(name, 80)
