/** A new agent's section in the configuration, written below what stands there. */
import { Text } from "@farthing/protocol"
import { Effect, FileSystem, Result } from "effect"
import { Toml } from "effect/encoding"
import { UsageError } from "../UsageError.ts"

/** Keys and values of the section, in their order. */
export type Entries = Readonly<Record<string, string | number>>

/** JSON's strings and numbers are TOML's, but for U+007F, which is no part of what can be printed. */
const entry = ([key, value]: readonly [string, string | number]): string =>
  `${key} = ${JSON.stringify(typeof value === "string" ? Text.printableLines(value) : value)}`

export const render = (name: string, entries: Entries): string =>
  [`[agents.${name}]`, ...Object.entries(entries).map(entry), ""].join("\n")

/** Adds the section at the end of a file; nothing of what is there is written anew. */
export const append = Effect.fnUntraced(function* (file: string, section: string) {
  const fs = yield* FileSystem.FileSystem
  const before = yield* fs.readFileString(file)
  const added = `${before === "" || before.endsWith("\n") ? "" : "\n"}\n${section}`
  if (Result.isFailure(Toml.parse(before + added)))
    return yield* new UsageError({
      message: `${file} leaves no room for a section at its end: write this into it yourself\n${section}`
    })
  yield* Effect.scoped(
    Effect.gen(function* () {
      const opened = yield* fs.open(file, { flag: "a" })
      yield* opened.writeAll(new TextEncoder().encode(added))
      yield* opened.sync
    })
  )
})
