/**
 * A small market of processes: relay and bank, providers, and customers who live as long as what
 * they have to buy. Market and providers are started again whenever they die. Everybody's books
 * stay in one folder.
 */
import { Devnet } from "@farthing/devnet"
import { Msat } from "@farthing/protocol"
import { Deferred, Effect, FileSystem, Schedule } from "effect"
import type { Scope } from "effect"
import { join } from "node:path"
import * as Agreement from "../books/Agreement.ts"
import * as Books from "../books/Books.ts"
import type * as Fuse from "./Fuse.ts"
import type { Doom } from "./Fuse.ts"
import type { Line } from "./Lines.ts"
import * as Process from "./Process.ts"
import * as SparkTown from "./SparkTown.ts"
import type * as Task from "./Task.ts"

export interface Options {
  /** Of the town's own. */
  readonly folder: string
  /** The folder of the bundled processes. */
  readonly bundle: string
  /** Their names, which are those of their accounts. */
  readonly customers: ReadonlyArray<string>
  /** The same, and what each infers with. */
  readonly providers: Readonly<Record<string, Task.Backend>>
  /** Who of them has a wallet on Spark; the others have accounts at the bank. */
  readonly spark?: ReadonlyArray<string>
  /** How much longer than in an idle machine people wait; default 1. */
  readonly patience?: number
  /** The lot by which bank and backends err; default: they do not. */
  readonly lot?: string
  /** What people are told of relay and bank besides the truth: another way to the relay. */
  readonly way?: (relay: string) => Effect.Effect<string, never, Scope.Scope>
  /** Whether a new life of this one is doomed. */
  readonly fate?: (name: string) => Effect.Effect<Doom | undefined>
  readonly onLine?: (name: string, line: Line) => void
}

export interface Town {
  readonly folder: string
  readonly market: Kept
  readonly providers: ReadonlyMap<string, Kept>
  /** Around what operators and service provider do; undefined where nobody is on Spark. */
  readonly operators: Fuse.Shape | undefined
  /** A customer with something to buy; it ends when it has come to rest. */
  readonly customer: (
    name: string,
    task: Pick<Task.Customer, "purchases" | "atOnce" | "doom" | "locksReturn">
  ) => Effect.Effect<Process.Process, never, Scope.Scope>
  /** So many hours pass for everybody: market and providers begin a new life after them. */
  readonly pass: (hours: number) => Effect.Effect<void>
  /** The books once the providers have come to their end with everything that was paid. */
  readonly books: ReturnType<typeof Books.read>
}

/** A process that is started again whenever it dies. */
export interface Kept {
  /** Waits for the life that can be used. */
  readonly alive: Effect.Effect<Process.Process>
  /** Ends this life, and begins another one with this doom. */
  readonly rebirth: (doom?: Doom) => Effect.Effect<void>
}

/** For the providers to come to their end. */
const sellersPatience = "25 seconds"

/** What each account is opened with. */
const opening = Msat.make(50_000_000)

/** Odd, so that no msat gets lost unseen; Spark knows whole sats alone. */
const oddPrice = Msat.make(10_001)
const wholePrice = Msat.make(10_000)

/** The time-outs of a customer, so short that who is dead is given up in seconds. */
const timeouts = (patience: number) => ({
  FARTHING_COMPUTE_QUOTE_TIMEOUT: `${5 * patience} seconds`,
  FARTHING_COMPUTE_PAYMENT_TIMEOUT: `${3 * patience} seconds`,
  FARTHING_COMPUTE_FIRST_CHUNK_TIMEOUT: `${6 * patience} seconds`,
  FARTHING_COMPUTE_IDLE_TIMEOUT: `${4 * patience} seconds`,
  FARTHING_COMPUTE_JOB_TIMEOUT: `${6 * patience} seconds`
})

/** For how many seconds a quote can be paid: the least that a customer takes, and time to send it. */
const invoiceSeconds = (patience: number): number => 15 + 5 * patience

/** Every kind of limit, so that every total is kept. */
const limits = {
  FARTHING_RUNWAY_DAILY_LIMIT_SATS: "10000",
  FARTHING_RUNWAY_PER_TICK_LIMIT_SATS: "100",
  FARTHING_RUNWAY_PER_PROVIDER_DAILY_SATS: "10000",
  FARTHING_RUNWAY_FIRST_SPEND_LIMIT_SATS: "10000",
  FARTHING_RUNWAY_UNPROVEN_DAILY_LIMIT_SATS: "10000",
  FARTHING_RUNWAY_MAX_UNRESOLVED_SATS: "1000",
  FARTHING_RUNWAY_LIFETIME_LIMIT_SATS: "10000",
  FARTHING_RUNWAY_RESERVE_SATS: "1"
}

/** Everybody is awake; until the scope closes. */
export const make = Effect.fnUntraced(function* (options: Options) {
  const { bundle, customers, folder, onLine, patience = 1, providers } = options
  const way = options.way ?? Effect.succeed
  const fate = options.fate ?? (() => Effect.undefined)
  const lot = options.lot === undefined ? {} : { lot: options.lot }
  const people = [...customers, ...Object.keys(providers)]
  const onSpark = options.spark ?? []
  const accounts = people.filter((name) => !onSpark.includes(name))
  const fileSystem = yield* FileSystem.FileSystem
  for (const name of ["market", ...people])
    yield* fileSystem.makeDirectory(join(folder, name), { recursive: true })

  const start = (
    name: string,
    process: Process.Name,
    task: object,
    environment: Readonly<Record<string, string>> = {}
  ) =>
    Process.start({
      bundle,
      name: process,
      task,
      environment,
      onLine: (line) => onLine?.(name, line)
    })

  /** By how many seconds everybody's clock is ahead. */
  let ahead = 0

  /** Where the market is, and the wallets of the accounts; the same in every life. */
  let place: Readonly<Record<string, string>> = {}

  const market = yield* keepAlive(fate("market"), (doom) =>
    start("market", "market", {
      ...doom,
      ...lot,
      ahead,
      tells: true,
      folder: join(folder, "market"),
      port: place["relay"] === undefined ? 0 : Number(new URL(place["relay"]).port),
      accounts,
      balance: opening
    } satisfies Task.Market)
  )
  place = yield* Effect.flatMap(market.alive, ({ ready }) => ready)
  const bank = join(folder, "market", "bank.db")
  const spark =
    onSpark.length === 0
      ? undefined
      : yield* SparkTown.make({
          folder,
          bank,
          people: onSpark,
          opening,
          ahead: () => ahead,
          onLine: (line) => onLine?.("operators", line)
        })
  const relay = yield* way(place["relay"] ?? "")

  const environmentOf = (name: string) => ({
    FARTHING_HOME: join(folder, name),
    FARTHING_NETWORK: Devnet.network,
    FARTHING_RELAYS_URLS: relay,
    ...(onSpark.includes(name)
      ? spark?.environmentOf(name)
      : { FARTHING_WALLET_NWC_URI: walletAt(relay, place[name] ?? "") })
  })

  const shops = yield* Effect.forEach(
    Object.entries(providers),
    Effect.fnUntraced(function* ([name, backend]) {
      const provider = yield* keepAlive(fate(name), (doom) =>
        start(
          name,
          "provider",
          {
            ...doom,
            ...lot,
            ahead,
            tells: true,
            name,
            backend,
            price: onSpark.length === 0 ? oddPrice : wholePrice,
            invoiceSeconds: invoiceSeconds(patience)
          } satisfies Task.Provider,
          environmentOf(name)
        )
      )
      return [name, provider] as const
    })
  )
  const kept = new Map(shops)
  yield* Effect.forEach(kept.values(), ({ alive }) => alive)

  const customer: Town["customer"] = (name, task) =>
    start(name, "customer", { ahead, tells: true, ...task } satisfies Task.Customer, {
      ...environmentOf(name),
      ...timeouts(patience),
      ...limits
    })

  const asTheyStand = Books.read({
    opening,
    bank,
    people: Object.fromEntries(people.map((name) => [name, join(folder, name, "farthing.db")]))
  }).pipe(Effect.flatMap((books) => spark?.completed(books) ?? Effect.succeed(books)))

  const books = asTheyStand.pipe(
    Effect.repeat({ while: Agreement.sellersAreBusy, schedule: Schedule.spaced("50 millis") }),
    Effect.timeoutOrElse({ duration: sellersPatience, orElse: () => asTheyStand })
  )

  const town: Town = {
    folder,
    market,
    providers: kept,
    operators: spark?.fuse,
    customer,
    pass: Effect.fnUntraced(function* (hours) {
      ahead += hours * 3_600
      yield* market.rebirth()
      yield* market.alive
      yield* Effect.forEach(kept.values(), (provider) =>
        Effect.andThen(provider.rebirth(), provider.alive)
      )
    }),
    books
  }
  return town
}, Effect.orDie)

/** The same wallet, reached at another relay. */
const walletAt = (relay: string, nwc: string): string => {
  const url = new URL(nwc)
  url.searchParams.set("relay", relay)
  return url.toString()
}

const keepAlive = Effect.fnUntraced(function* (
  fate: Effect.Effect<Doom | undefined>,
  start: (doom: { readonly doom?: Doom }) => Effect.Effect<Process.Process, never, Scope.Scope>
) {
  let laid: Doom | undefined
  let living = Deferred.makeUnsafe<Process.Process>()

  /** From now on the next life is waited for. */
  const expectAnother = (): void => {
    if (Deferred.isDoneUnsafe(living)) living = Deferred.makeUnsafe()
  }

  yield* Effect.gen(function* () {
    const doom = laid ?? (yield* fate)
    laid = undefined
    const process = yield* start(doom === undefined ? {} : { doom })
    yield* Effect.ignore(Effect.andThen(process.ready, Deferred.succeed(living, process)))
    yield* process.end
    expectAnother()
  }).pipe(Effect.scoped, Effect.forever, Effect.forkScoped)

  const kept: Kept = {
    alive: Effect.suspend(() => Deferred.await(living)),
    rebirth: Effect.fnUntraced(function* (doom) {
      const process = yield* Deferred.await(living)
      laid = doom
      expectAnother()
      yield* process.kill
    })
  }
  return kept
})
