/**
 * The soak: thousands of purchases in a market where everybody dies now and then, the relay loses
 * and repeats messages, the bank errs and lies, and backends break off. When the storm is over
 * all books have to agree to the msat.
 *
 *     pnpm soak [--purchases 2000] [--seed 1]
 *
 * Or many more in a market where nothing goes wrong, in which nothing may grow:
 *
 *     pnpm soak --steady [--purchases 20000] [--sample 5] [--snapshots]
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Clock, Console, Data, Effect, FileSystem, Option } from "effect"
import { Command, Flag } from "effect/cli"
import * as Agreement from "../books/Agreement.ts"
import * as Bundle from "../processes/Bundle.ts"
import * as Storm from "./Storm.ts"
import * as Steady from "./steady/Steady.ts"
import * as Tally from "./Tally.ts"

const flags = {
  purchases: Flag.Int("purchases").pipe(
    Flag.withDescription("How many are made (default 2,000; steadily 20,000)"),
    Flag.optional
  ),
  steady: Flag.Boolean("steady").pipe(
    Flag.withDescription("Nothing goes wrong; heaps and handles have to stay what they are"),
    Flag.withDefault(false)
  ),
  sample: Flag.Int("sample").pipe(
    Flag.withDescription("Steadily: the minute with which the end is compared"),
    Flag.withDefault(5)
  ),
  snapshots: Flag.Boolean("snapshots").pipe(
    Flag.withDescription("Steadily: write heap snapshots at that minute and in the end"),
    Flag.withDefault(false)
  ),
  patience: Flag.Int("patience").pipe(
    Flag.withDescription("How much longer than in an idle machine people wait"),
    Flag.withDefault(3)
  ),
  seed: Flag.Int("seed").pipe(
    Flag.withDescription("Decides all that goes wrong"),
    Flag.withDefault(1)
  )
}

interface Stormy {
  readonly purchases: number
  readonly patience: number
  readonly seed: number
}

const stormy = Effect.fnUntraced(function* ({ patience, purchases, seed }: Stormy) {
  const fileSystem = yield* FileSystem.FileSystem
  const folder = yield* fileSystem.makeTempDirectory({ prefix: "farthing-soak-" })
  const bundle = yield* Bundle.make
  const tally = Tally.make()
  yield* Console.log(`${purchases} purchases, seed ${seed}, books in ${folder}`)

  const began = yield* Clock.currentTimeMillis
  const seconds = Effect.map(Clock.currentTimeMillis, (now) => Math.round((now - began) / 1_000))
  yield* Effect.flatMap(seconds, (seconds) => Console.log(Tally.progress(tally, seconds))).pipe(
    Effect.delay("15 seconds"),
    Effect.forever,
    Effect.forkScoped
  )
  const { books, findings } = yield* Storm.ride({
    folder,
    bundle,
    patience,
    purchases,
    seed,
    tally
  })

  const faults = [...findings, ...Agreement.disagreements(books)]
  for (const line of Tally.summary(tally, books, yield* seconds)) yield* Console.log(line)
  for (const fault of faults) yield* Console.log(`    ${fault}`)
  if (faults.length > 0)
    return yield* new Disagreement({
      message: `${faults.length} faults, seed ${seed}; see ${folder}`
    })
  yield* Console.log("books      agree to the msat: nothing lost, nothing paid twice")
  yield* fileSystem.remove(folder, { recursive: true })
}, Effect.scoped)

const command = Command.make(
  "soak",
  flags,
  Effect.fnUntraced(function* ({ purchases, steady, ...options }) {
    const wanted = (fallback: number) => Option.getOrElse(purchases, () => fallback)
    if (steady) yield* Steady.run({ ...options, purchases: wanted(20_000) })
    else yield* stormy({ ...options, purchases: wanted(2_000) })
  })
).pipe(Command.withDescription("Buy through a storm, or for long, and compare the books"))

/** Books tell different stories. */
class Disagreement extends Data.TaggedError("Disagreement")<{ readonly message: string }> {}

Command.run(command, { version: "0.0.0" }).pipe(
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain()
)
