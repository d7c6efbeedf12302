/** What the processes of a trial tell each other: a line of JSON a message, at once and whole. */
import { Schema } from "effect"
import { writeSync } from "node:fs"

/** Something that a process says. */
export type Line =
  /** It can be used. */
  | { readonly _tag: "Ready"; readonly of: Readonly<Record<string, string>> }
  /** A point was passed. */
  | { readonly _tag: "Point"; readonly name: string }
  /** A process is about to die at this point. */
  | { readonly _tag: "Killed"; readonly at: string; readonly pid: number }
  /** A purchase has come to its end. */
  | { readonly _tag: "Ended"; readonly purchase: string; readonly as: string }
  /** All that was to do is done, and this is what is to say about it. */
  | { readonly _tag: "Done"; readonly findings: ReadonlyArray<string> }

export const Line = Schema.fromJsonString(
  Schema.Union([
    Schema.TaggedStruct("Ready", { of: Schema.Record(Schema.String, Schema.String) }),
    Schema.TaggedStruct("Point", { name: Schema.String }),
    Schema.TaggedStruct("Killed", { at: Schema.String, pid: Schema.Int }),
    Schema.TaggedStruct("Ended", { purchase: Schema.String, as: Schema.String }),
    Schema.TaggedStruct("Done", { findings: Schema.Array(Schema.String) })
  ])
)

/** Nothing that was said is lost when the process dies right after it. */
export const say = (line: Line): void => {
  writeSync(1, `${JSON.stringify(line)}\n`)
}
