import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Sink, Stdio, Terminal } from "effect"
import { systemError } from "effect/PlatformError"
import * as Output from "../src/Output.ts"

/** A screen of so many columns; nothing is typed. */
const screen = (columns: number) =>
  Layer.succeed(
    Terminal.Terminal,
    Terminal.make({
      columns: Effect.succeed(columns),
      rows: Effect.succeed(24),
      size: Effect.die("unused"),
      readInput: Effect.die("unused"),
      readLine: Effect.die("unused"),
      display: () => Effect.void
    })
  )

/** One screen on which stdout and stderr end up, as on a terminal. */
const terminal = () => {
  const written: Array<string | Uint8Array> = []
  const sink = () =>
    Sink.forEach((text: string | Uint8Array) => Effect.sync(() => void written.push(text)))
  return {
    written,
    layer: Output.layer.pipe(
      Layer.provide([
        screen(20),
        Stdio.layerTest({
          args: Effect.succeed([]),
          stdoutIsTerminal: Effect.succeed(true),
          stderrIsTerminal: Effect.succeed(true),
          stdout: sink,
          stderr: sink
        })
      ])
    )
  }
}

/** A stream that nobody reads any more. */
const gone = () => Sink.fail(systemError({ _tag: "BadResource", module: "Stdio", method: "write" }))

describe("the output on a terminal", () => {
  it.effect("never writes progress over an unfinished line of the answer", () => {
    const { layer, written } = terminal()
    return Effect.gen(function* () {
      const output = yield* Output.Output
      yield* output.progress("waiting")
      yield* output.write("half an ")
      yield* output.progress("writing the receipt")
      yield* output.write("answer\n")
      yield* output.note("paid")
      assert.strictEqual(written.join(""), "\r\u001b[2Kwaiting\r\u001b[2Khalf an answer\npaid\n")
    }).pipe(Effect.provide(layer))
  })

  it.effect("tells of a failure on a line of its own", () => {
    const { layer, written } = terminal()
    return Effect.gen(function* () {
      const output = yield* Output.Output
      yield* output.write("half an")
      yield* output.note("farthing: it stopped")
      assert.strictEqual(written.join(""), "half an\nfarthing: it stopped\n")
    }).pipe(Effect.provide(layer))
  })

  it.effect("has tables and progress that are no wider than it is", () => {
    const { layer, written } = terminal()
    return Effect.gen(function* () {
      const output = yield* Output.Output
      yield* output.progress("waiting for something with a long name")
      yield* output.table(["A", "NOTE"], [["1", "a note that does not fit"]])
      assert.strictEqual(
        written.join(""),
        "\r\u001b[2Kwaiting for somethi\u2026\r\u001b[2KA  NOTE\n1  a note that does\u2026\n"
      )
    }).pipe(Effect.provide(layer))
  })

  it.effect("goes on when nobody listens beside the answer", () => {
    const layer = Output.layer.pipe(
      Layer.provide([screen(20), Stdio.layerTest({ args: Effect.succeed([]), stderr: gone })])
    )
    return Effect.flatMap(Output.Output, (output) => output.note("paid")).pipe(
      Effect.provide(layer)
    )
  })
})
