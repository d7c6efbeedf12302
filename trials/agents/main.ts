/**
 * `pnpm ten-days`: ten agents and a provider live through ten days in one worker, by a clock that
 * makes minutes of them. Money runs out and comes back; limits have to hold, every audit has to be
 * clean, and no money may be made or lost.
 *
 *     pnpm ten-days [--days 10]
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Clock, Console, Effect, FileSystem, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import * as TenDays from "./TenDays.ts"

const flags = {
  days: Flag.Int("days").pipe(Flag.withDescription("How many"), Flag.withDefault(10)),
  log: Flag.Boolean("log").pipe(
    Flag.withDescription("Print what the worker logs"),
    Flag.withDefault(false)
  )
}

/** What the poor begin with, in sats: enough for a few of ten days. */
const poor = { wren: 600, lark: 900, swift: 200, stork: 1_000, tern: 500 }

const run = Effect.fnUntraced(function* ({ days, log }: { days: number; log: boolean }) {
  const fileSystem = yield* FileSystem.FileSystem
  const began = yield* Clock.currentTimeMillis
  const { findings, lives } = yield* TenDays.play({
    folder: yield* fileSystem.makeTempDirectoryScoped({ prefix: "farthing-agents-" }),
    hours: days * 24,
    poor,
    ...(log ? { onLine: (line: string) => process.stderr.write(`${line}\n`) } : {}),
    onDay: (day, { lives }) =>
      Console.log(
        `day ${day}: ${[...lives].map(([name, { states, thoughts }]) => `${name} ${states.at(-1) ?? "-"} ${thoughts}`).join(", ")}`
      )
  })
  const took = Math.round(((yield* Clock.currentTimeMillis) - began) / 1_000)
  yield* Console.log(`${days} days in ${took} s`)
  for (const [name, { failures, limited, states, thoughts }] of lives)
    yield* Console.log(
      `${name.padEnd(6)} ${thoughts} thoughts, held back ${limited} times, ${failures.length} failures: ${states.join(" > ")}`
    )
  const faults = [
    ...findings,
    ...[...lives].flatMap(([name, { failures }]) =>
      [...new Set(failures)].map((why) => `${name}: ${why}`)
    )
  ]
  for (const fault of faults) yield* Console.log(`    ${fault}`)
  if (faults.length > 0) return yield* new BadDays({ faults: faults.length })
  yield* Console.log("limits held, audits are clean, and no money was made or lost")
}, Effect.scoped)

class BadDays extends Schema.TaggedError<BadDays>()("BadDays", { faults: Schema.Int }) {}

Command.make("ten-days", flags, run).pipe(
  Command.run({ version: "0" }),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain
)
