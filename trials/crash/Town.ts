/**
 * A small market of processes: relay and bank, one provider, and one customer who lives as long
 * as a purchase. Market and provider are started again whenever they die. Everybody's books stay
 * in one folder, so that many purchases follow each other in one town.
 */
import { Devnet } from "@farthing/devnet"
import { Msat } from "@farthing/protocol"
import { Deferred, Effect, FileSystem } from "effect"
import type { Scope } from "effect"
import { join } from "node:path"
import * as Books from "../books/Books.ts"
import type { Doom } from "../processes/Fuse.ts"
import type { Line } from "../processes/Lines.ts"
import * as Process from "../processes/Process.ts"
import type * as Task from "../processes/Task.ts"

export interface Options {
  /** Of the town's own. */
  readonly folder: string
  /** The folder of the bundled processes. */
  readonly bundle: string
  readonly backend: Task.Backend
  /** Hears what each process says. */
  readonly onLine: (name: Process.Name, line: Line) => void
}

export interface Town {
  readonly folder: string
  readonly market: Kept
  readonly provider: Kept
  /** A customer with this to buy; it ends when it has come to rest. */
  readonly customer: (
    purchase: Task.Purchase,
    doom?: Doom
  ) => Effect.Effect<Process.Process, never, Scope.Scope>
  readonly books: ReturnType<typeof Books.read>
}

/** A process that is started again whenever it dies. */
export interface Kept {
  /** Waits for the life that can be used. */
  readonly alive: Effect.Effect<Process.Process>
  /** Ends this life, and begins another one with this doom. */
  readonly rebirth: (doom: Doom) => Effect.Effect<void>
}

/** What each account is opened with. */
const opening = Msat.make(50_000_000)

/** What somebody has to be patient for, cut short: who is dead is given up in seconds. */
const patience = {
  FARTHING_COMPUTE_QUOTE_TIMEOUT: "5 seconds",
  FARTHING_COMPUTE_PAYMENT_TIMEOUT: "3 seconds",
  FARTHING_COMPUTE_FIRST_CHUNK_TIMEOUT: "6 seconds",
  FARTHING_COMPUTE_IDLE_TIMEOUT: "4 seconds",
  FARTHING_COMPUTE_JOB_TIMEOUT: "6 seconds"
}

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
export const make = Effect.fnUntraced(function* ({ backend, bundle, folder, onLine }: Options) {
  const fileSystem = yield* FileSystem.FileSystem
  for (const name of ["customer", "provider", "market"])
    yield* fileSystem.makeDirectory(join(folder, name), { recursive: true })

  const start = (
    name: Process.Name,
    task: object,
    environment: Readonly<Record<string, string>> = {}
  ) => Process.start({ bundle, name, task, environment, onLine: (line) => onLine(name, line) })

  /** Where the market is, and the wallets of the accounts; the same in every life. */
  let place: Readonly<Record<string, string>> = {}

  const environmentOf = (person: "customer" | "provider") => ({
    FARTHING_HOME: join(folder, person),
    FARTHING_NETWORK: Devnet.network,
    FARTHING_RELAYS_URLS: place["relay"] ?? "",
    FARTHING_WALLET_NWC_URI: place[person] ?? ""
  })

  const market = yield* keepAlive((doom) =>
    start("market", {
      ...doom,
      tells: true,
      folder: join(folder, "market"),
      port: place["relay"] === undefined ? 0 : Number(new URL(place["relay"]).port),
      accounts: ["customer", "provider"],
      balance: opening
    } satisfies Task.Market)
  )
  place = yield* Effect.flatMap(market.alive, ({ ready }) => ready)

  const provider = yield* keepAlive((doom) =>
    start(
      "provider",
      { ...doom, tells: true, name: "provider", backend } satisfies Task.Provider,
      environmentOf("provider")
    )
  )
  const seller = yield* Effect.flatMap(provider.alive, ({ ready }) => ready)

  const customer: Town["customer"] = (purchase, doom) =>
    start(
      "customer",
      {
        ...given(doom),
        tells: true,
        purchases: [purchase],
        atOnce: 1,
        provider: seller["provider"] ?? ""
      } satisfies Task.Customer,
      { ...environmentOf("customer"), ...patience, ...limits }
    )

  const books = Books.read({
    opening,
    bank: join(folder, "market", "bank.db"),
    people: {
      customer: join(folder, "customer", "farthing.db"),
      provider: join(folder, "provider", "farthing.db")
    }
  })

  return { folder, market, provider, customer, books } satisfies Town
}, Effect.orDie)

const given = (doom: Doom | undefined) => (doom === undefined ? {} : { doom })

const keepAlive = Effect.fnUntraced(function* (
  start: (doom: { readonly doom?: Doom }) => Effect.Effect<Process.Process, never, Scope.Scope>
) {
  let doom: Doom | undefined
  let living = Deferred.makeUnsafe<Process.Process>()

  /** From now on the next life is waited for. */
  const expectAnother = (): void => {
    if (Deferred.isDoneUnsafe(living)) living = Deferred.makeUnsafe()
  }

  yield* Effect.gen(function* () {
    const fate = given(doom)
    doom = undefined
    const process = yield* start(fate)
    yield* Effect.ignore(Effect.andThen(process.ready, Deferred.succeed(living, process)))
    yield* process.end
    expectAnother()
  }).pipe(Effect.scoped, Effect.forever, Effect.forkScoped)

  const kept: Kept = {
    alive: Effect.suspend(() => Deferred.await(living)),
    rebirth: Effect.fnUntraced(function* (next) {
      const process = yield* Deferred.await(living)
      doom = next
      expectAnother()
      yield* process.kill
    })
  }
  return kept
})
