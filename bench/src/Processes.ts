/** Programs of the bench in processes of their own, so that each begins with an empty heap. */
import { Effect, Option, Schema, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { fileURLToPath } from "node:url"
import { Place, Terms } from "./Place.ts"
import { Findings } from "./Row.ts"
import { WalletPerformance, WalletTask } from "./WalletTask.ts"
import { Word, Workload } from "./Workload.ts"

const program = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url))

/** What was compiled once is not compiled for each of the many processes. */
const start = (path: string, ...args: ReadonlyArray<string>) =>
  ChildProcess.make(process.execPath, ["--expose-gc", program(path)], {
    env: {
      BENCH_GIVEN: JSON.stringify(args),
      NODE_COMPILE_CACHE: program("node_modules/.cache")
    },
    extendEnv: true,
    stdin: "ignore",
    stderr: "inherit"
  })

/** What a program prints, each line of it JSON of a schema. */
const told = <A, I>(schema: Schema.Codec<A, I>, path: string, ...args: ReadonlyArray<string>) => {
  const decode = Schema.decodeEffect(Schema.fromJsonString(schema))
  return Effect.map(start(path, ...args), ({ stdout }) =>
    stdout.pipe(
      Stream.decodeText(),
      Stream.splitLines,
      Stream.mapEffect((line) => decode(line))
    )
  )
}

const firstTold = Effect.fnUntraced(function* <A, I>(
  schema: Schema.Codec<A, I>,
  path: string,
  ...args: ReadonlyArray<string>
) {
  const first = yield* Stream.runHead(yield* told(schema, path, ...args))
  if (Option.isSome(first)) return first.value
  return yield* Effect.die(new Error(`${path} ended without a word`))
})

const encode = <A, I>(schema: Schema.Codec<A, I>) =>
  Schema.encodeEffect(Schema.fromJsonString(schema))

/** A relay and a bank of the devnet until the scope closes. */
export const market = (terms: Partial<Terms> = {}) =>
  Effect.flatMap(encode(Terms)({ accounts: 0, hop: 0, ...terms }), (given) =>
    firstTold(Place, "sides/market.ts", given)
  )

/** A relay alone; answers with its address. */
export const relay = Effect.map(market(), ({ relay }) => relay)

export type Side = "farthing" | "by hand"

/** One side of the market under a workload, from an empty folder. */
export const side = Effect.fnUntraced(function* (
  side: Side,
  workload: Workload,
  onWarm: Effect.Effect<void> = Effect.void
) {
  const words = yield* told(Word, "sides/main.ts", side, yield* encode(Workload)(workload))
  // Libraries that keep a process alive for a while after its work are not waited for.
  const last = yield* words.pipe(
    Stream.takeUntil(({ _tag }) => _tag === "Done"),
    Stream.tap(({ _tag }) => (_tag === "Warm" ? onWarm : Effect.void)),
    Stream.runLast
  )
  if (Option.isSome(last) && last.value._tag === "Done") return last.value.performance
  return yield* Effect.die(new Error(`${side} ended without a word`))
}, Effect.scoped)

/** What a wallet in a process of its own takes to be opened and to pay. */
export const wallet = (task: WalletTask) =>
  Effect.flatMap(encode(WalletTask)(task), (given) =>
    Effect.scoped(firstTold(WalletPerformance, "sides/wallet.ts", given))
  )

/** What a row found, as its process prints it. */
export const row = (name: string) => Effect.scoped(firstTold(Findings, "row.ts", name))
