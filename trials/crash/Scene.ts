/**
 * The scene of one crash: a folder with the books of everybody, and the processes of a market, a
 * provider and a customer, each of which can be started again where it was.
 */
import { Devnet } from "@farthing/devnet"
import { Msat } from "@farthing/protocol"
import { Effect, FileSystem } from "effect"
import type { Scope } from "effect"
import { join } from "node:path"
import * as Process from "../processes/Process.ts"
import type * as Task from "../processes/Task.ts"

/** What each account is opened with. */
export const opening = Msat.make(50_000_000)

/** The names of the two accounts, of their homes, and of those who have them. */
export type Person = "customer" | "provider"

export interface Scene {
  readonly folder: string
  readonly market: Effect.Effect<Process.Process, never, Scope.Scope>
  readonly provider: (
    task: Omit<Task.Provider, "name">
  ) => Effect.Effect<Process.Process, never, Scope.Scope>
  readonly customer: (
    task: Omit<Task.Customer, "atOnce">
  ) => Effect.Effect<Process.Process, never, Scope.Scope>
}

/** What somebody has to be patient for, cut short: who is dead is given up in seconds. */
const patience = {
  FARTHING_COMPUTE_QUOTE_TIMEOUT: "3 seconds",
  FARTHING_COMPUTE_PAYMENT_TIMEOUT: "3 seconds",
  FARTHING_COMPUTE_FIRST_CHUNK_TIMEOUT: "6 seconds",
  FARTHING_COMPUTE_IDLE_TIMEOUT: "4 seconds",
  FARTHING_COMPUTE_JOB_TIMEOUT: "6 seconds"
}

/** Every kind of limit, so that every total is kept. */
const limits = {
  FARTHING_RUNWAY_DAILY_LIMIT_SATS: "1000",
  FARTHING_RUNWAY_PER_TICK_LIMIT_SATS: "100",
  FARTHING_RUNWAY_PER_PROVIDER_DAILY_SATS: "1000",
  FARTHING_RUNWAY_FIRST_SPEND_LIMIT_SATS: "100",
  FARTHING_RUNWAY_UNPROVEN_DAILY_LIMIT_SATS: "1000",
  FARTHING_RUNWAY_MAX_UNRESOLVED_SATS: "1000",
  FARTHING_RUNWAY_LIFETIME_LIMIT_SATS: "1000",
  FARTHING_RUNWAY_RESERVE_SATS: "1"
}

export const make = Effect.fnUntraced(function* (folder: string, bundle: string) {
  const fileSystem = yield* FileSystem.FileSystem
  for (const name of ["customer", "provider", "market"])
    yield* fileSystem.makeDirectory(join(folder, name), { recursive: true })

  /** What the market said when it opened; it opens again at the same place. */
  let known: Readonly<Record<string, string>> = {}

  const environmentOf = (person: Person) => ({
    FARTHING_HOME: join(folder, person),
    FARTHING_NETWORK: Devnet.network,
    FARTHING_RELAYS_URLS: known["relay"] ?? "",
    FARTHING_WALLET_NWC_URI: known[person] ?? ""
  })

  const market = Effect.gen(function* () {
    const port = known["relay"] === undefined ? 0 : Number(new URL(known["relay"]).port)
    const task: Task.Market = {
      folder: join(folder, "market"),
      port,
      accounts: ["customer", "provider"],
      balance: opening,
      tells: true
    }
    const process = yield* Process.start({ bundle, name: "market", task })
    const ready = Effect.tap(process.ready, (of) => Effect.sync(() => (known = of)))
    return { ...process, ready } satisfies Process.Process
  })

  const scene: Scene = {
    folder,
    market,
    provider: (task) =>
      Process.start({
        bundle,
        name: "provider",
        task: { name: "provider", ...task } satisfies Task.Provider,
        environment: environmentOf("provider")
      }),
    customer: (task) =>
      Process.start({
        bundle,
        name: "customer",
        task: { atOnce: 1, ...task } satisfies Task.Customer,
        environment: { ...environmentOf("customer"), ...patience, ...limits }
      })
  }
  return scene
})
