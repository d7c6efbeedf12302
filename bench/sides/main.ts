/** One side of an end-to-end comparison in a process of its own: given its name and the workload. */
import { Console, Effect, FileSystem, Schema, Scope } from "effect"
import { join } from "node:path"
import * as Commits from "../src/Commits.ts"
import * as Load from "../src/Load.ts"
import * as Program from "../src/Program.ts"
import * as Spans from "../src/Spans.ts"
import { type Performance, Word, Workload } from "../src/Workload.ts"
import * as ByHand from "./ByHand.ts"
import * as Farthing from "./Farthing.ts"

const sides = { farthing: Farthing.open, "by hand": ByHand.open }

const say = (word: Word) =>
  Effect.flatMap(Schema.encodeEffect(Schema.fromJsonString(Word))(word), Console.log)

/** What is looked at besides the clock: begins when all are warm. */
type Watch = Effect.Effect<() => Partial<Performance>, never, Scope.Scope>

const watchCommits = (folder: string): Watch =>
  Effect.map(
    Effect.all({
      customer: Commits.watch(join(folder, "customer-0.db")),
      provider: Commits.watch(join(folder, "provider.db"))
    }),
    ({ customer, provider }) =>
      () => ({ commits: { customer: customer(), provider: provider() } })
  )

const watchSpans = (spans: Spans.Collector): Watch =>
  Effect.sync(() => {
    spans.take()
    return () => ({ spans: spans.take() })
  })

const main = Effect.gen(function* () {
  const [side, given = ""] = yield* Program.given
  const workload = yield* Schema.decodeEffect(Schema.fromJsonString(Workload))(given)
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped({ prefix: "farthing-bench-" })
  const spans = Spans.collector()
  const watches: Record<Workload["watching"], Watch> = {
    clock: Effect.succeed(() => ({})),
    commits: watchCommits(folder),
    spans: watchSpans(spans)
  }
  const scope = yield* Effect.scope

  yield* Effect.gen(function* () {
    const customers = yield* sides[side as keyof typeof sides](workload, folder)
    let seen: (() => Partial<Performance>) | undefined
    const onWarm = watches[workload.watching].pipe(
      Effect.provideService(Scope.Scope, scope),
      Effect.map((watch) => {
        seen = watch
      }),
      Effect.andThen(Effect.orDie(say({ _tag: "Warm" })))
    )
    const performance = yield* Load.run({ workload, customers, onWarm })
    yield* say({ _tag: "Done", performance: { ...performance, ...seen?.() } })
  }).pipe(
    Effect.withTracer(spans.tracer),
    // As in the product, where no telemetry is configured.
    Effect.withTracerEnabled(workload.watching === "spans")
  )
})

Program.run(main)
