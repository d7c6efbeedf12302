/**
 * `pnpm flood`: a customer and a provider, each a process of its own, buy and sell while everybody
 * else is hostile. What they hold in memory is measured each minute after their garbage is gone:
 * in the end it is what it was after the first minutes, or something grows. In the end the books
 * are audited to the msat.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Key, NostrEvent } from "@farthing/protocol"
import { Relay } from "@farthing/relay"
import { Clock, Console, Effect, FileSystem, Schedule, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { join } from "node:path"
import * as Accounts from "./Accounts.ts"
import * as Answers from "./Answers.ts"
import { Heap } from "./Heap.ts"
import * as HostileRelay from "./HostileRelay.ts"
import * as Process from "./Process.ts"
import * as Storm from "./Storm.ts"
import * as Table from "./Table.ts"

const flags = {
  minutes: Flag.Int("minutes").pipe(
    Flag.withDescription("How long the flood lasts"),
    Flag.withDefault(20)
  ),
  sample: Flag.Int("sample").pipe(
    Flag.withDescription("The minute with which the end is compared"),
    Flag.withDefault(5)
  ),
  snapshots: Flag.Boolean("snapshots").pipe(
    Flag.withDescription("Write heap snapshots at that minute and in the end"),
    Flag.withDefault(false)
  )
}

/** By how much the heap may differ. */
const tolerance = 0.1

/** Until the minute of the sample it floods harder, so that whatever is bounded is full by then. */
const surge = 4

const flood = Effect.fnUntraced(function* (options: {
  readonly minutes: number
  readonly sample: number
  readonly snapshots: boolean
}) {
  const { minutes, sample } = options
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped({ prefix: "farthing-flood-" })
  let minute = 0
  let victim: Answers.Counter | undefined
  const babbler: Storm.Babbler = {
    secret: Key.generate(),
    channel: NostrEvent.EventId.make(Key.publicKeyOf(Key.generate()))
  }
  const storm = Storm.make({
    babbler,
    victim: () => victim,
    force: () => (minute < sample - 1 ? surge : 1)
  })

  const market = yield* Process.start("market", { FLOOD_FOLDER: folder })
  const { relay, wallets } = yield* market.ask("addresses", Answers.Addresses)
  const hostile = yield* HostileRelay.make({ ...storm, pace: Storm.pace })
  const personOf = (name: string, wallet: string | undefined) => ({
    FARTHING_HOME: join(folder, name),
    FARTHING_NETWORK: "regtest",
    FARTHING_RELAYS_URLS: `${relay},${hostile.url}`,
    FARTHING_WALLET_NWC_URI: wallet ?? ""
  })
  const provider = yield* Process.start("provider", personOf("provider", wallets[1]))
  victim = yield* provider.ask("counter", Answers.Counter)
  const customer = yield* Process.start("customer", {
    ...personOf("customer", wallets[0]),
    FARTHING_COMPUTE_QUOTE_TIMEOUT: "5 seconds",
    FLOOD_PROVIDER: victim.publicKey,
    FLOOD_BABBLER: Key.publicKeyOf(babbler.secret)
  })
  const processes = [customer, provider, market]

  const mob = yield* Relay.make({ urls: [relay] })
  yield* Effect.suspend(() =>
    Effect.forEach(storm.requests(), (event) => Effect.forkChild(mob.publish(event)))
  ).pipe(Effect.repeat(Schedule.fixed(1_000 / Storm.pace)), Effect.forkScoped)

  const start = yield* Clock.currentTimeMillis
  const measure = Effect.gen(function* () {
    const heaps = yield* Effect.forEach(processes, ({ ask, name }) =>
      Effect.map(ask("heap", Heap), (heap) => [name, heap] as const)
    )
    const { done, failed, providers } = yield* customer.ask("purchases", Answers.Purchases)
    const { unpaid } = yield* provider.ask("status", Answers.ProviderStatus)
    const measured: Table.Minute = {
      minute,
      seconds: Math.round(((yield* Clock.currentTimeMillis) - start) / 1_000),
      heaps: Object.fromEntries(heaps),
      purchases: done,
      failed: Object.values(failed).reduce((sum, many) => sum + many, 0),
      providers,
      unpaid,
      frames: hostile.sent()
    }
    yield* Console.log(Table.line(measured))
    if (options.snapshots && (minute === sample || minute === minutes))
      yield* Effect.forEach([customer, provider], ({ ask }) =>
        Effect.flatMap(ask("snapshot", Schema.String), Console.log)
      )
    return measured
  })

  yield* Console.log(Table.head)
  const measured: Array<Table.Minute> = []
  while (minute < minutes) {
    const due = start + (minute + 1) * 60_000
    yield* Effect.sleep(Math.max(0, due - (yield* Clock.currentTimeMillis)))
    minute++
    measured.push(yield* measure)
  }

  const findings = [
    ...grown(measured, sample),
    ...(yield* Accounts.audit({ customer, provider, market }))
  ]
  const { done, failed } = yield* customer.ask("purchases", Answers.Purchases)
  yield* Console.log(`${done} purchases; failed: ${JSON.stringify(failed)}`)
  yield* Effect.forEach(findings, (finding) => Console.error(finding))
  if (findings.length > 0) return yield* new Drowned({ findings: findings.length })
  yield* Console.log("the heap is what it was, and every msat is accounted for")
}, Effect.scoped)

/** Whose heap is not what it was. */
const grown = (measured: ReadonlyArray<Table.Minute>, sample: number): ReadonlyArray<string> =>
  ["customer", "provider"].flatMap((name) => {
    const before = measured[sample - 1]?.heaps[name]?.used ?? Number.NaN
    const after = measured.at(-1)?.heaps[name]?.used ?? Number.NaN
    const change = (after - before) / before
    const words = `${name}: ${(100 * change).toFixed(1)} % between minute ${sample} and the end`
    return Math.abs(change) < tolerance ? [] : [words]
  })

class Drowned extends Schema.TaggedError<Drowned>()("Drowned", { findings: Schema.Int }) {}

Command.make("flood", flags, flood).pipe(
  Command.run({ version: "0" }),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain
)
