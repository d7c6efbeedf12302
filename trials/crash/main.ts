/**
 * The crash matrix: kills customer, provider and market at every step of a purchase, starts them
 * again, and compares the books of everybody.
 *
 *     pnpm crash [--side "market at customer"] [--kind streamed] [--only "before Payer.pay"]
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Clock, Console, Data, Effect, FileSystem, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { join } from "node:path"
import * as Bundle from "../processes/Bundle.ts"
import * as Crash from "./Crash.ts"
import * as Points from "./Points.ts"
import * as Scene from "./Scene.ts"
import * as Table from "./Table.ts"

const flags = {
  side: Flag.String("side").pipe(
    Flag.withDescription('Who dies: customer, provider, market, "market at customer", …'),
    Flag.optional
  ),
  kind: Flag.Literals("kind", ["whole", "streamed", "refunded"]).pipe(
    Flag.withDescription("What is bought"),
    Flag.optional
  ),
  only: Flag.String("only").pipe(
    Flag.withDescription("The points whose name holds this text"),
    Flag.optional
  ),
  lanes: Flag.Int("lanes").pipe(
    Flag.withDescription("How many purchases are played at once"),
    Flag.withDefault(3)
  )
}

/** One purchase may take this long with all its recoveries. */
const longest = "100 seconds"

/** Plays in a folder of its own, which stays if the books do not agree. */
const playIn = Effect.fnUntraced(function* (
  folder: string,
  bundle: string,
  kind: Points.Kind,
  point?: Points.Point
) {
  const fileSystem = yield* FileSystem.FileSystem
  const scene = yield* Scene.make(folder, bundle)
  const verdict = yield* Crash.play(scene, kind, point).pipe(
    Effect.timeoutOrElse({
      duration: longest,
      orElse: () => Effect.fail(new Crash.Stuck({ message: `not over after ${longest}` }))
    }),
    Effect.catchTag("Stuck", ({ message }) =>
      Effect.succeed<Crash.Verdict>({
        struck: true,
        outcome: "stuck",
        disagreements: [message],
        passed: { customer: [], provider: [], market: [] }
      })
    )
  )
  if (verdict.disagreements.length === 0)
    yield* fileSystem.remove(folder, { recursive: true, force: true })
  return verdict
})

/** What is passed when nobody dies: the steps of each kind of purchase. */
const rehearse = Effect.fnUntraced(function* (
  root: string,
  bundle: string,
  kinds: ReadonlyArray<Points.Kind>
) {
  const played = yield* Effect.forEach(
    kinds,
    Effect.fnUntraced(function* (kind) {
      const folder = join(root, `rehearsal-${kind}`)
      const { disagreements, passed } = yield* playIn(folder, bundle, kind)
      if (disagreements.length > 0)
        return yield* new Disagreement({ message: `${kind}: ${disagreements.join("\n")}` })
      return [kind, passed] as const
    }),
    { concurrency: kinds.length }
  )
  return new Map(played)
})

const command = Command.make(
  "crash",
  flags,
  Effect.fnUntraced(function* ({ kind, lanes, only, side }) {
    const fileSystem = yield* FileSystem.FileSystem
    const began = yield* Clock.currentTimeMillis
    const bundle = yield* Bundle.make
    const root = yield* fileSystem.makeTempDirectory({ prefix: "farthing-crash-" })
    const kinds = Option.match(kind, {
      onNone: () => Points.allKinds,
      onSome: (kind) => [...new Set(["whole" as const, kind])]
    })
    const points = Points.of(yield* rehearse(root, bundle, kinds)).filter(
      (point) =>
        Option.getOrElse(side, () => Points.sideOf(point)) === Points.sideOf(point) &&
        Option.getOrElse(kind, () => point.kind) === point.kind &&
        point.at.includes(Option.getOrElse(only, () => ""))
    )
    const rows = yield* Effect.forEach(
      points,
      Effect.fnUntraced(function* (point, index) {
        const folder = join(root, String(index + 1).padStart(3, "0"))
        const verdict = yield* playIn(folder, bundle, point.kind, point)
        const row: Table.Row = { point, verdict, folder }
        yield* Console.log(Table.line(row))
        return row
      }),
      { concurrency: lanes }
    )
    const seconds = Math.round(((yield* Clock.currentTimeMillis) - began) / 1_000)
    for (const line of Table.summary(rows, seconds)) yield* Console.log(line)
    const failed = rows.filter(({ verdict }) => verdict.disagreements.length > 0)
    if (failed.length > 0)
      return yield* new Disagreement({ message: `${failed.length} points disagree; see ${root}` })
    yield* fileSystem.remove(root, { recursive: true })
  }, Effect.scoped)
).pipe(Command.withDescription("Kill everybody at every step of a purchase, and compare the books"))

/** Books tell different stories. */
class Disagreement extends Data.TaggedError("Disagreement")<{ readonly message: string }> {}

Command.run(command, { version: "0.0.0" }).pipe(
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain()
)
