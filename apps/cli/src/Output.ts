/**
 * Where words go: answers to stdout, everything else to stderr. A reader of the answer that goes
 * away (`farthing ask | head -1`) ends the command quietly, as it would any other.
 */
import { Context, Effect, Layer, Predicate, Ref, Stdio, Stream } from "effect"
import type { PlatformError } from "effect"

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
  /**
   * What is being waited for: one line of a terminal, written over by whatever comes next. Not
   * told while the cursor stands behind a line of the answer that is not at its end.
   */
  readonly progress: (text: string) => Effect.Effect<void>
}

export class Output extends Context.Service<Output, Shape>()("@farthing/cli/Output") {}

/** What the terminal's last line holds. */
type Line = "empty" | "progress" | "answer"

const eraseLine = "\r\u001b[2K"

const isReaderGone = ({ reason }: PlatformError.PlatformError): boolean =>
  Predicate.hasProperty(reason.cause, "code") && reason.cause.code === "EPIPE"

export const layer = Layer.effect(
  Output,
  Effect.gen(function* () {
    const stdio = yield* Stdio.Stdio
    // Before the command line is parsed, so that what is wrong with it is told in JSON too.
    const json = (yield* stdio.args).includes("--json")
    const terminal = yield* stdio.stderrIsTerminal
    const sharesTerminal = terminal && (yield* stdio.stdoutIsTerminal)
    const line = yield* Ref.make<Line>("empty")

    const send = (to: "stdout" | "stderr", text: string) =>
      Stream.make(text).pipe(Stream.run(stdio[to]({ endOnDone: false })))

    /** Nobody has to listen to what is said beside the answer. */
    const say = (text: string) => Effect.ignore(send("stderr", text))

    const clear = Effect.flatMap(Ref.get(line), (now) =>
      now === "progress" ? Effect.andThen(say(eraseLine), Ref.set(line, "empty")) : Effect.void
    )

    const write = Effect.fnUntraced(function* (text: string) {
      if (text === "") return
      yield* clear
      if (sharesTerminal) yield* Ref.set(line, text.endsWith("\n") ? "empty" : "answer")
      yield* Effect.catch(send("stdout", text), (error) =>
        isReaderGone(error) ? Effect.interrupt : Effect.die(error)
      )
    })

    const note = Effect.fnUntraced(function* (text: string) {
      yield* clear
      const before = yield* Ref.getAndSet(line, "empty")
      yield* say(`${before === "answer" ? "\n" : ""}${text}\n`)
    })

    const progress = Effect.fnUntraced(function* (text: string) {
      if (!terminal || json || (yield* Ref.get(line)) === "answer") return
      yield* Ref.set(line, "progress")
      yield* say(`${eraseLine}${text}`)
    })

    return Output.of({
      json,
      write,
      line: (text) => write(`${text}\n`),
      value: (value) => write(`${JSON.stringify(value)}\n`),
      note,
      progress
    })
  })
)
