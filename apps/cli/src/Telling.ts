/**
 * How a purchase is told while it goes on: stages as progress, the text as it comes, and the
 * receipt at the end.
 *
 * A provider may begin its text anew. A person sees a notice and the new text below the old; a
 * program is told that the chunks so far are void; a pipe, which cannot take back what it was
 * given, gets the text once it is whole, unless streaming was asked for.
 */
import type { ComputeClient, ComputeError } from "@farthing/compute"
import { Text } from "@farthing/protocol"
import { Effect, Option, Ref, Stdio, Stream } from "effect"
import { Output } from "./Output.ts"
import * as ReceiptTelling from "./ReceiptTelling.ts"
import * as Show from "./Show.ts"

export interface Options {
  /** Whether the text is shown as it comes; where nobody says: to people and programs, not to pipes. */
  readonly stream: Option.Option<boolean>
  /** Stages as one line that is written over, or as a line each; default: one. */
  readonly stages?: "progress" | "lines"
}

type Purchase = Stream.Stream<ComputeClient.Progress, ComputeError.ComputeError>

/** Tells of a purchase to its end; the answer is its receipt. */
export const tell = Effect.fnUntraced(function* (purchase: Purchase, options: Options) {
  const output = yield* Output
  const reached = yield* Ref.make<Reached>("nowhere")
  const listener = output.json ? yield* forPrograms(options) : yield* forPeople(options)
  const last = yield* purchase.pipe(
    Stream.tap((progress) => Ref.update(reached, (before) => reachedBy(before, progress))),
    Stream.tap(listener),
    Stream.filter((progress) => progress._tag === "Done"),
    Stream.runHead,
    Effect.onInterrupt(() => Effect.flatMap(Ref.get(reached), tellOfInterruption))
  )
  return Option.getOrThrow(last).receipt
})

/** How far a purchase has come. A sealed result is delivered before it is paid. */
type Reached = "nowhere" | "paying" | "paid" | "done"

const reachedBy = (before: Reached, progress: ComputeClient.Progress): Reached => {
  switch (progress._tag) {
    case "Stage":
      return reachedIn(before, progress.stage)
    case "Done":
      return "done"
    default:
      return before
  }
}

const reachedIn = (before: Reached, stage: ComputeClient.Stage): Reached => {
  switch (stage) {
    case "pay":
      return "paying"
    // Where another provider is asked, the one before has provably got nothing.
    case "discover":
    case "select":
    case "reserve":
    case "request":
    case "quote":
    case "check":
      return "nowhere"
    default:
      return before === "paying" ? "paid" : before
  }
}

/** Where the money is when somebody goes away. */
const tellOfInterruption = Effect.fnUntraced(function* (reached: Reached) {
  const output = yield* Output
  switch (reached) {
    case "nowhere":
      return yield* output.note("interrupted: nothing was paid.")
    case "paying":
      return yield* output.note(
        "interrupted while paying: the money may have left. It stays reserved; `farthing jobs recover` looks it up."
      )
    case "paid":
      return yield* output.note(
        "interrupted after paying: `farthing jobs recover` collects what comes of it."
      )
    case "done":
      return
  }
})

const forPrograms = Effect.fnUntraced(function* (options: Options) {
  const output = yield* Output
  const stream = Option.getOrElse(options.stream, () => true)
  return (progress: ComputeClient.Progress): Effect.Effect<void> => {
    switch (progress._tag) {
      case "Stage":
        return output.value({
          type: "stage",
          stage: progress.stage,
          ...(progress.provider === undefined ? {} : { provider: Show.npub(progress.provider) }),
          message: progress.message
        })
      case "Chunk":
        return stream ? output.value({ type: "chunk", text: progress.text }) : Effect.void
      case "Restarted":
        return stream ? output.value({ type: "restart" }) : Effect.void
      case "Done":
        return output.value({ type: "receipt", ...ReceiptTelling.fields(progress.receipt) })
    }
  }
})

const beganAnew = "the provider began anew: what stands above is void"

const forPeople = Effect.fnUntraced(function* (options: Options) {
  const output = yield* Output
  const stdio = yield* Stdio.Stdio
  const terminal = yield* stdio.stdoutIsTerminal
  const stream = Option.getOrElse(options.stream, () => terminal)
  const stage = options.stages === "lines" ? output.note : output.progress
  const shown = terminal ? Text.printableLines : (text: string) => text
  // On a terminal a stage would write over the line of the answer that stands there.
  let answering = false
  return (progress: ComputeClient.Progress): Effect.Effect<void> => {
    switch (progress._tag) {
      case "Stage":
        return answering ? Effect.void : stage(Text.printable(progress.message))
      case "Chunk":
        answering ||= stream && progress.text !== ""
        return stream ? output.write(shown(progress.text)) : Effect.void
      case "Restarted":
        if (!answering) return Effect.void
        answering = false
        return Effect.andThen(terminal ? Effect.void : output.write("\n"), output.note(beganAnew))
      case "Done": {
        const { text } = progress.receipt
        const rest = stream ? "" : shown(text)
        return Effect.andThen(
          output.write(text.endsWith("\n") ? rest : `${rest}\n`),
          output.note(ReceiptTelling.oneLine(progress.receipt))
        )
      }
    }
  }
})
