/**
 * Where words go: answers to stdout, everything else to stderr. A reader that goes away
 * (`farthing ask | head -1`) ends the command quietly, as it would any other.
 */
import { Context, Effect, Layer, Option, Ref, Stdio, Stream } from "effect"

export interface Shape {
  /** Whether answers are JSON for programs. */
  readonly json: boolean
  /** Part of an answer, as it is. */
  readonly write: (text: string) => Effect.Effect<void>
  /** A line of an answer. */
  readonly line: (text: string) => Effect.Effect<void>
  /** One JSON value on a line of its own. */
  readonly value: (value: unknown) => Effect.Effect<void>
  /** A line for the person who watches. */
  readonly note: (text: string) => Effect.Effect<void>
  /** What is being waited for: one line of a terminal, written over by whatever comes next. */
  readonly progress: (text: string) => Effect.Effect<void>
}

export class Output extends Context.Service<Output, Shape>()("@farthing/cli/Output") {}

const eraseLine = "\r\u001b[2K"

export const layer = Layer.effect(
  Output,
  Effect.gen(function* () {
    const stdio = yield* Stdio.Stdio
    // Before the command line is parsed, so that what is wrong with it is told in JSON too.
    const json = (yield* stdio.args).includes("--json")
    const terminal = yield* stdio.stderrIsTerminal
    const pending = yield* Ref.make(Option.none<string>())

    const send = (to: "stdout" | "stderr", text: string) =>
      Stream.make(text).pipe(
        Stream.run(stdio[to]({ endOnDone: false })),
        Effect.catch(() => Effect.interrupt)
      )

    const clear = Effect.gen(function* () {
      const shown = yield* Ref.getAndSet(pending, Option.none())
      if (Option.isSome(shown)) yield* send("stderr", eraseLine)
    })

    const write = (text: string) => Effect.andThen(clear, send("stdout", text))

    return Output.of({
      json,
      write,
      line: (text) => write(`${text}\n`),
      value: (value) => write(`${JSON.stringify(value)}\n`),
      note: (text) => Effect.andThen(clear, send("stderr", `${text}\n`)),
      progress: (text) =>
        terminal && !json
          ? Effect.andThen(
              Ref.set(pending, Option.some(text)),
              send("stderr", `${eraseLine}${text}`)
            )
          : Effect.void
    })
  })
)
