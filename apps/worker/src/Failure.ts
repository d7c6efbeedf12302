/** What stands on stderr when the worker cannot begin or go on: what happened, in one line each. */
import { Text } from "@farthing/protocol"
import { Cause, Console, Effect, Layer, Predicate } from "effect"
import { CliOutput } from "effect/cli"
import * as Masking from "./Masking.ts"

const note = (text: string) =>
  Console.error(`farthing-worker: ${Masking.mask(Text.clip(Text.printableLines(text), 4_000))}`)

export const report = (cause: Cause.Cause<unknown>): Effect.Effect<void> => {
  const error = Cause.squash(cause)
  return Predicate.isTagged(error, "ShowHelp")
    ? Effect.void
    : note(error instanceof Error ? error.message : String(error))
}

/** Help that was asked for is an answer; what is wrong with a command line is not. */
export const layerPresenter = Layer.succeed(CliOutput.Presenter)({
  present: (event) =>
    event._tag === "InvalidInvocation"
      ? Effect.andThen(
          note(event.errors.map((error) => error.message).join("; ")),
          note(`usage: ${event.helpDoc.usage}`)
        )
      : CliOutput.defaultPresenter.present(event)
})
