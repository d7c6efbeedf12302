/**
 * Where words go: answers to stdout, everything else to stderr. A reader of the answer that goes
 * away (`farthing ask | head -1`) ends the command quietly, as it would any other.
 */
import { Text } from "@farthing/protocol"
import { Context, Effect, Layer, Predicate, Ref, Stdio, Stream, Terminal } from "effect"
import type { PlatformError } from "effect"
import * as Table from "./Table.ts"

export interface Shape {
  /** Whether answers are JSON for programs. */
  readonly json: boolean
  /** Part of an answer, as it is. */
  readonly write: (text: string) => Effect.Effect<void>
  /** A line of an answer. */
  readonly line: (text: string) => Effect.Effect<void>
  /** Rows in aligned columns; on a terminal no wider than it is. */
  readonly table: (
    header: ReadonlyArray<string>,
    rows: ReadonlyArray<ReadonlyArray<string>>
  ) => Effect.Effect<void>
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
    const showsAnswer = yield* stdio.stdoutIsTerminal
    const sharesTerminal = terminal && showsAnswer
    const { columns } = yield* Terminal.Terminal
    /** A terminal that does not know how wide it is says 0. */
    const width = Effect.map(columns, (known) => (known > 0 ? known : undefined))
    const lastLine = yield* Ref.make<Line>("empty")

    const send = (to: "stdout" | "stderr", text: string) =>
      Stream.make(text).pipe(Stream.run(stdio[to]({ endOnDone: false })))

    /** Nobody has to listen to what is said beside the answer. */
    const say = (text: string) => Effect.ignore(send("stderr", text))

    const clear = Effect.flatMap(Ref.get(lastLine), (now) =>
      now === "progress" ? Effect.andThen(say(eraseLine), Ref.set(lastLine, "empty")) : Effect.void
    )

    const write = Effect.fnUntraced(function* (text: string) {
      if (text === "") return
      yield* clear
      if (sharesTerminal) yield* Ref.set(lastLine, text.endsWith("\n") ? "empty" : "answer")
      yield* Effect.catch(send("stdout", text), (error) =>
        isReaderGone(error) ? Effect.interrupt : Effect.die(error)
      )
    })

    const note = Effect.fnUntraced(function* (text: string) {
      yield* clear
      const before = yield* Ref.getAndSet(lastLine, "empty")
      yield* say(`${before === "answer" ? "\n" : ""}${text}\n`)
    })

    const progress = Effect.fnUntraced(function* (text: string) {
      if (!terminal || json || (yield* Ref.get(lastLine)) === "answer") return
      yield* Ref.set(lastLine, "progress")
      // A line that wraps could not be written over.
      yield* say(`${eraseLine}${Text.clip(text, (yield* width) ?? 80)}`)
    })

    const line = (text: string) => write(`${text}\n`)

    return Output.of({
      json,
      write,
      line,
      table: Effect.fnUntraced(function* (header, rows) {
        const most = showsAnswer ? yield* width : undefined
        for (const row of Table.render(header, rows, most)) yield* line(row)
      }),
      value: (value) => line(Text.printableJson(JSON.stringify(value))),
      note,
      progress
    })
  })
)
