/**
 * The crash matrix: kills customer, provider and market at every step of a purchase, starts them
 * again, and compares the books of everybody.
 *
 *     pnpm crash [--side "market at customer"] [--kind streamed] [--only "before Payer.pay"]
 *     pnpm crash --every 4
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Array as Arr, Clock, Console, Data, Effect, FileSystem, Option } from "effect"
import { Command, Flag } from "effect/cli"
import * as Bundle from "../processes/Bundle.ts"
import * as Points from "./Points.ts"
import * as Rounds from "./Rounds.ts"
import * as Table from "./Table.ts"

const flags = {
  side: Flag.String("side").pipe(
    Flag.withDescription('Who dies: customer, provider, market, "market at customer", …'),
    Flag.optional
  ),
  kind: Flag.Literals("kind", Points.allKinds).pipe(
    Flag.withDescription("What is bought"),
    Flag.optional
  ),
  only: Flag.String("only").pipe(
    Flag.withDescription("The points whose name holds this text"),
    Flag.optional
  ),
  every: Flag.Int("every").pipe(
    Flag.withDescription("Only one point in so many"),
    Flag.withDefault(1)
  ),
  list: Flag.Boolean("list").pipe(
    Flag.withDescription("Name the points, and kill nobody"),
    Flag.withDefault(false)
  ),
  patience: Flag.Int("patience").pipe(
    Flag.withDescription("How much longer than in an idle machine people wait"),
    Flag.withDefault(1)
  ),
  lanes: Flag.Int("lanes").pipe(
    Flag.withDescription("How many purchases are played at once"),
    Flag.withDefault(3)
  )
}

const command = Command.make(
  "crash",
  flags,
  Effect.fnUntraced(function* ({ every, kind, lanes, list, only, patience, side }) {
    const fileSystem = yield* FileSystem.FileSystem
    const began = yield* Clock.currentTimeMillis
    const bundle = yield* Bundle.make
    const root = yield* fileSystem.makeTempDirectory({ prefix: "farthing-crash-" })
    const rounds = Rounds.make({ root, bundle, lanes, patience })

    const rehearsed = Option.match(kind, {
      onNone: () => Points.allKinds,
      onSome: (kind) => Arr.dedupe(["whole" as const, kind])
    })
    const passed = yield* Effect.forEach(
      rehearsed,
      Effect.fnUntraced(function* (kind) {
        const { disagreements, outcome, passed } = yield* rounds.rehearse(kind)
        yield* Console.log(`nobody dies, ${kind}: ${outcome}`)
        if (disagreements.length > 0)
          return yield* new Disagreement({ message: disagreements.join("\n") })
        return [kind, passed] as const
      }),
      { concurrency: lanes }
    )
    const points = Points.of(new Map(passed))
      .filter(
        (point) =>
          Option.getOrElse(side, () => Points.sideOf(point)) === Points.sideOf(point) &&
          Option.getOrElse(kind, () => point.kind) === point.kind &&
          point.at.includes(Option.getOrElse(only, () => ""))
      )
      .filter((_, at) => at % every === 0)
    if (list) {
      for (const point of points) yield* Console.log(Points.nameOf(point))
      return yield* Console.log(`${points.length} points`)
    }

    const played = yield* rounds.play(points, (played) => Console.log(Table.line(played)))
    const seconds = Math.round(((yield* Clock.currentTimeMillis) - began) / 1_000)
    for (const line of Table.summary(played, seconds)) yield* Console.log(line)
    const failed = Table.failures(played).length
    if (failed > 0)
      return yield* new Disagreement({ message: `${failed} points disagree; see ${root}` })
    yield* fileSystem.remove(root, { recursive: true })
  }, Effect.scoped)
).pipe(Command.withDescription("Kill everybody at every step of a purchase, and compare the books"))

/** Books tell different stories. */
class Disagreement extends Data.TaggedError("Disagreement")<{ readonly message: string }> {}

Command.run(command, { version: "0.0.0" }).pipe(
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain()
)
