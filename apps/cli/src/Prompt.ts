/**
 * The prompt of an `ask`: what was typed, and below it what was piped.
 */
import { Chunking } from "@farthing/protocol"
import { Effect, Option, Stdio, Stream } from "effect"
import { fstatSync } from "node:fs"
import { Output } from "./Output.ts"
import { UsageError } from "./UsageError.ts"

/** More than any relay takes in one event; reading stops there. */
const mostBytes = 1_000_000

/**
 * Programs that start a command through a socket often leave it open and say nothing. One that
 * was given its prompt as an argument waits this long for a first byte on it, and no longer.
 */
const silence = "2 seconds"

/** What was typed and what was piped, an empty line between them. */
export const read = Effect.fnUntraced(function* (typed: Option.Option<string>) {
  const piped = yield* readStdin(Option.isSome(typed))
  const parts = [...Option.toArray(typed), piped].map((part) => part.trim())
  const prompt = parts.filter((part) => part !== "").join("\n\n")
  if (prompt === "")
    return yield* new UsageError({
      message: 'there is no prompt: give one as an argument (farthing ask "…") or on stdin'
    })
  if (Chunking.split(prompt).length > 1)
    return yield* new UsageError({
      message: `the prompt has ${Buffer.byteLength(prompt)} bytes, and a request of ${Chunking.maxEventBytes} bytes is the most that relays take: shorten it`
    })
  return prompt
})

const readStdin = Effect.fnUntraced(function* (hasPrompt: boolean) {
  const stdio = yield* Stdio.Stdio
  const output = yield* Output
  if (yield* stdio.stdinIsTerminal) return ""
  yield* output.progress("reading the prompt from stdin …")
  const input = collect(stdio.stdin)
  if (hasPrompt && (yield* stdinIsSocket)) return yield* Effect.raceFirst(input.text, input.silent)
  const word = output.note(
    "reading stdin until it ends (Ctrl-D on a terminal, </dev/null for none)"
  )
  yield* Effect.forkScoped(Effect.delay(word, silence))
  return yield* input.text
}, Effect.scoped)

const collect = (stdin: Stdio.Stdio["stdin"]) => {
  const chunks: Array<Uint8Array> = []
  let bytes = 0
  const text = stdin.pipe(
    Stream.takeUntil((chunk) => {
      chunks.push(chunk)
      bytes += chunk.length
      return bytes > mostBytes
    }),
    Stream.runDrain,
    Effect.mapError((error) => new UsageError({ message: `stdin: ${error.message}` })),
    Effect.andThen(Effect.suspend(() => decode(Buffer.concat(chunks))))
  )
  const silent = Effect.sleep(silence).pipe(
    Effect.andThen(Effect.suspend(() => (bytes === 0 ? letGo : Effect.never)))
  )
  return { text, silent }
}

const decode = Effect.fnUntraced(function* (bytes: Uint8Array) {
  if (bytes.length > mostBytes)
    return yield* new UsageError({ message: `stdin has more than ${mostBytes} bytes` })
  const text = yield* Effect.try({
    try: () => new TextDecoder("utf-8", { fatal: true }).decode(bytes),
    catch: () => new UsageError({ message: "stdin is not UTF-8 text" })
  })
  if (text.includes("\u0000"))
    return yield* new UsageError({ message: "stdin is binary, not text" })
  return text
})

/** An open stdin would keep the process alive after its work is done. */
const letGo = Effect.sync(() => {
  process.stdin.unref()
  return ""
})

const stdinIsSocket = Effect.sync(() => {
  try {
    return fstatSync(0).isSocket()
  } catch {
    return false
  }
})
