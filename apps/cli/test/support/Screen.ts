/** One screen on which stdout and stderr end up, as on a terminal, with somebody at its keys. */
import { Effect, Layer, Option, Queue, Sink, Stdio, Terminal } from "effect"
import * as Output from "../../src/Output.ts"

export interface Options {
  readonly columns: number
  /** Default: it is a terminal. */
  readonly isTerminal?: boolean
  readonly args?: ReadonlyArray<string>
}

const named: Readonly<Record<string, string>> = { "\r": "return", "\u007f": "backspace" }

const keyOf = (character: string): Terminal.UserInput => ({
  input: character === "\r" ? Option.none() : Option.some(character),
  key: {
    name: named[character] ?? character,
    ctrl: false,
    meta: false,
    shift: false
  }
})

export const make = Effect.fnUntraced(function* ({
  args = [],
  columns,
  isTerminal = true
}: Options) {
  const written: Array<string> = []
  const keys = yield* Queue.unbounded<Terminal.UserInput, never>()
  let shown = 0
  const sink = () =>
    Sink.forEach((text: string | Uint8Array) =>
      Effect.sync(() => void written.push(typeof text === "string" ? text : "?"))
    )
  const layer = Output.layer.pipe(
    Layer.provideMerge(
      Layer.merge(
        Layer.succeed(
          Terminal.Terminal,
          Terminal.make({
            columns: Effect.succeed(columns),
            rows: Effect.succeed(24),
            size: Effect.die("unused"),
            readInput: Effect.succeed(keys),
            readLine: Effect.never,
            display: (text) => Effect.sync(() => void written.push(text))
          })
        ),
        Stdio.layerTest({
          args: Effect.succeed(args),
          stdinIsTerminal: Effect.succeed(isTerminal),
          stdoutIsTerminal: Effect.succeed(isTerminal),
          stderrIsTerminal: Effect.succeed(isTerminal),
          stdout: sink,
          stderr: sink
        })
      )
    )
  )
  return {
    layer,
    /** All that was written. */
    text: () => written.join(""),
    /** What was written since this was last asked. */
    news: () => {
      const text = written.slice(shown).join("")
      shown = written.length
      return text
    },
    type: (text: string) => Queue.offerAll(keys, Array.from(text, keyOf))
  }
})
