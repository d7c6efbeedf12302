/**
 * `pnpm day`: a worker lives through a day of customers, outages and restarts, by a clock that
 * makes minutes of it. Whatever it said of itself has to have been true, in the end all books have
 * to agree to the msat, and its memory has to be what it was in the morning.
 *
 *     pnpm day [--hours 24] [--customers 50] [--seed 1]
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Clock, Console, Effect, FileSystem, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import * as Heap from "../flood/Heap.ts"
import * as Day from "./Day.ts"

const flags = {
  hours: Flag.Int("hours").pipe(Flag.withDescription("How long the day is"), Flag.withDefault(24)),
  customers: Flag.Int("customers").pipe(
    Flag.withDescription("How many come"),
    Flag.withDefault(50)
  ),
  purchases: Flag.Int("purchases").pipe(
    Flag.withDescription("How often each of them buys"),
    Flag.withDefault(6)
  ),
  pace: Flag.Int("pace").pipe(
    Flag.withDescription("Milliseconds a second of the day, at least"),
    Flag.withDefault(1)
  ),
  seed: Flag.Int("seed").pipe(
    Flag.withDescription("Decides who comes when, and what goes away"),
    Flag.withDefault(1)
  )
}

/** The hour with which the end is compared: by then everybody has been there. */
const morning = 6

/** By how much the heap may have grown. */
const tolerance = 0.1

/** How many faults are told. */
const shown = 40

interface Options {
  readonly hours: number
  readonly customers: number
  readonly purchases: number
  readonly pace: number
  readonly seed: number
}

const live = Effect.fnUntraced(function* ({ customers, hours, pace, purchases, seed }: Options) {
  const fileSystem = yield* FileSystem.FileSystem
  const folder = yield* fileSystem.makeTempDirectoryScoped({ prefix: "farthing-day-" })
  const began = yield* Clock.currentTimeMillis
  const heaps = new Map<number, number>()

  const tell = Effect.fnUntraced(function* (hour: number, evening: Day.Evening) {
    const { used } = yield* Heap.measure
    heaps.set(hour, used)
    const delivered = evening.outcomes.get("delivered") ?? 0
    const others = [...evening.outcomes.values()].reduce((sum, many) => sum + many, 0) - delivered
    yield* Console.log(
      `hour ${hour}: ${delivered} delivered, ${others} not; ${evening.agreed["book"] ?? 0} looks at the book, ` +
        `${evening.findings.length} untruths; heap ${(used / 2 ** 20).toFixed(1)} MiB`
    )
  })

  const night = yield* Day.play({
    folder,
    pace,
    minutes: hours * 60,
    customers,
    purchases,
    outages: Math.ceil(hours / 4),
    restarts: Math.ceil(hours / 12),
    seed,
    onHour: tell
  })

  const took = Math.round(((yield* Clock.currentTimeMillis) - began) / 1_000)
  yield* Console.log(`${hours} hours in ${took} s`)
  yield* Console.log(`purchases: ${listed(night.outcomes)}; in the end: ${listed(night.jobs)}`)
  yield* Console.log(`was true:  ${listed(new Map(Object.entries(night.agreed)))}`)
  const faults = [...night.findings, ...night.disagreements, ...grown(heaps, hours)]
  for (const fault of faults.slice(0, shown)) yield* Console.log(`    ${fault}`)
  if (faults.length > shown) yield* Console.log(`    and ${faults.length - shown} more`)
  if (faults.length > 0) return yield* new BadDay({ faults: faults.length })
  yield* Console.log("whatever it said was true, and the books agree to the msat")
}, Effect.scoped)

const listed = (counts: ReadonlyMap<string, number>): string =>
  [...counts].map(([name, many]) => `${many} ${name}`).join(", ")

const grown = (heaps: ReadonlyMap<number, number>, hours: number): ReadonlyArray<string> => {
  const before = heaps.get(morning)
  const after = heaps.get(hours - 1)
  if (before === undefined || after === undefined || hours - 1 <= morning) return []
  const change = (after - before) / before
  return change <= tolerance
    ? []
    : [`the heap grew by ${(100 * change).toFixed(1)} % after hour ${morning}`]
}

class BadDay extends Schema.TaggedError<BadDay>()("BadDay", { faults: Schema.Int }) {}

Command.make("day", flags, live).pipe(
  Command.run({ version: "0" }),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain
)
