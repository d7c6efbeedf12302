/**
 * The steady soak: one customer and one provider, each a process of its own, and nothing goes
 * wrong. What both hold in memory when they are at rest is the same after five minutes as in the
 * end, and so are their sockets and timers; then the books are audited to the msat.
 */
import { Clock, Console, Data, Effect, FileSystem, Schema } from "effect"
import { join } from "node:path"
import * as Accounts from "../../flood/Accounts.ts"
import * as Answers from "../../flood/Answers.ts"
import { Heap } from "../../flood/Heap.ts"
import * as Process from "../../flood/Process.ts"
import { grown, Handles } from "./Handles.ts"
import * as Table from "./Table.ts"

export interface Options {
  readonly purchases: number
  /** The minute with which the end is compared. */
  readonly sample: number
  /** Whether heap snapshots are written then and in the end. */
  readonly snapshots: boolean
}

/** How many are bought at once, and how often so many, in milliseconds. */
const atOnce = 50
const round = 1_500

/** By how much a heap may differ. */
const tolerance = 0.1

const here = import.meta.url

const Purchases = Schema.Struct({
  done: Schema.Int,
  failed: Schema.Record(Schema.String, Schema.Int)
})

export const run = Effect.fnUntraced(function* ({ purchases, sample, snapshots }: Options) {
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped({ prefix: "farthing-soak-" })
  const market = yield* Process.start("market", { FLOOD_FOLDER: folder })
  const { relay, wallets } = yield* market.ask("addresses", Answers.Addresses)
  const person = Effect.fnUntraced(function* (
    name: string,
    wallet: string | undefined,
    environment: Readonly<Record<string, string>> = {}
  ) {
    const home = join(folder, name)
    yield* fs.makeDirectory(home)
    return yield* Process.start(
      name,
      {
        ...environment,
        FARTHING_HOME: home,
        FARTHING_NETWORK: "regtest",
        FARTHING_RELAYS_URLS: relay,
        FARTHING_WALLET_NWC_URI: wallet ?? ""
      },
      here
    )
  })
  const provider = yield* person("provider", wallets[1])
  yield* provider.ask("status", Answers.ProviderStatus)
  const customer = yield* person("customer", wallets[0], {
    SOAK_PURCHASES: String(purchases),
    SOAK_AT_ONCE: String(atOnce),
    SOAK_ROUND_MILLIS: String(round)
  })

  const measureAtRest = Effect.gen(function* () {
    const heaps = {
      customer: yield* customer.ask("heap", Heap),
      provider: yield* provider.ask("heap", Heap),
      market: yield* market.ask("heap", Heap)
    }
    const { done, failed } = yield* customer.ask("purchases", Purchases)
    return {
      heaps,
      handles: {
        customer: yield* customer.ask("handles", Handles),
        provider: yield* provider.ask("handles", Handles)
      },
      done,
      failed: Object.values(failed).reduce((sum, many) => sum + many, 0)
    }
  })

  const snapshot = Effect.forEach([customer, provider], ({ ask }) =>
    Effect.flatMap(ask("snapshot", Schema.String), Console.log)
  )

  const start = yield* Clock.currentTimeMillis
  const secondsSince = Effect.map(Clock.currentTimeMillis, (now) => (now - start) / 1_000)

  const look = Effect.fnUntraced(function* (minute: number) {
    yield* customer.ask("rest", Schema.Unknown)
    const measured = yield* measureAtRest
    const seconds = Math.round(yield* secondsSince)
    const isLast = measured.done + measured.failed >= purchases
    if (snapshots && (minute === sample || isLast)) yield* snapshot
    yield* customer.ask("goOn", Schema.Unknown)
    const line: Table.Minute = { minute, seconds, ...measured }
    yield* Console.log(Table.line(line))
    return { line, isLast }
  })

  yield* Console.log(Table.head)
  const minutes: Array<Table.Minute> = []
  for (let minute = 1; ; minute++) {
    yield* Effect.sleep(Math.max(0, minute * 60_000 - 1_000 * (yield* secondsSince)))
    const { isLast, line } = yield* look(minute)
    minutes.push(line)
    if (isLast) break
  }

  for (const line of Table.summary(minutes, sample)) yield* Console.log(line)
  const findings = [
    ...differences(minutes, sample),
    ...(yield* Accounts.audit({ customer, provider, market }))
  ]
  for (const finding of findings) yield* Console.error(finding)
  if (findings.length > 0)
    return yield* new Unsteady({ message: `${findings.length} things are not as they should be` })
  yield* Console.log("The heaps and handles are what they were, and every msat is accounted for.")
}, Effect.scoped)

/** What is not as it was, in words. */
const differences = (minutes: ReadonlyArray<Table.Minute>, sample: number) => {
  const before = minutes[sample - 1]
  const after = minutes.at(-1)
  if (before === undefined || after === undefined || before === after)
    return [`it was over before minute ${sample} could be compared with the end`]
  const people = (["customer", "provider"] as const).flatMap((name) => {
    const change = Table.growth(before, after, name)
    const heap = `a heap that has changed by ${(100 * change).toFixed(1)} % since minute ${sample}`
    return [
      ...(Math.abs(change) < tolerance ? [] : [heap]),
      ...grown(before.handles[name], after.handles[name])
    ].map((finding) => `the ${name} has ${finding}`)
  })
  return after.failed === 0 ? people : [...people, `${after.failed} purchases failed`]
}

/** Something grew, or went wrong where nothing should. */
export class Unsteady extends Data.TaggedError("Unsteady")<{ readonly message: string }> {}
