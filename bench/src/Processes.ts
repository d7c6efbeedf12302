/** Programs of the bench in processes of their own, so that each begins with an empty heap. */
import { Effect, Option, Schema, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { fileURLToPath } from "node:url"
import { Performance, Workload } from "./Workload.ts"

const program = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url))

const start = (path: string, ...args: ReadonlyArray<string>) =>
  ChildProcess.make(process.execPath, ["--expose-gc", program(path), ...args], {
    stdin: "ignore",
    stderr: "inherit"
  })

const lines = (path: string, ...args: ReadonlyArray<string>) =>
  Effect.map(start(path, ...args), ({ stdout }) =>
    stdout.pipe(Stream.decodeText(), Stream.splitLines)
  )

const firstLine = Effect.fnUntraced(function* (path: string, ...args: ReadonlyArray<string>) {
  const line = yield* Stream.runHead(yield* lines(path, ...args))
  if (Option.isSome(line)) return line.value
  return yield* Effect.die(new Error(`${path} ended without a word`))
})

/** A relay of the devnet until the scope closes; answers with its address. */
export const relay = firstLine("sides/relay.ts")

export type Side = "farthing" | "by hand"

/** One side of the market under a workload, from an empty folder. */
export const side = Effect.fnUntraced(function* (side: Side, workload: Workload) {
  const given = yield* Schema.encodeEffect(Schema.fromJsonString(Workload))(workload)
  const line = yield* Effect.scoped(firstLine("sides/main.ts", side, given))
  return yield* Schema.decodeEffect(Schema.fromJsonString(Performance))(line)
})

/** The measurements of a row, as its process prints them. */
export const row = (name: string) => Effect.scoped(firstLine("row.ts", name))
