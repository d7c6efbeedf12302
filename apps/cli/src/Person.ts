/** Whether somebody sits in front of a terminal, who can be shown things and asked. */
import { Effect, Stdio } from "effect"
import { Output } from "./Output.ts"

export const isPerson = Effect.gen(function* () {
  const stdio = yield* Stdio.Stdio
  const output = yield* Output
  return (yield* stdio.stdinIsTerminal) && (yield* stdio.stdoutIsTerminal) && !output.json
})
