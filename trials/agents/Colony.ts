/**
 * Where ten agents live: a relay, a bank in which each of them has an account of its own, and the
 * worker with the example's configuration, as it is deployed but for its process.
 */
import { BankServer, Devnet, RelayServer } from "@farthing/devnet"
import { Msat, Sat } from "@farthing/protocol"
import { Relay } from "@farthing/relay"
import { Sqlite } from "@farthing/sqlite"
import { Bank, BankBook } from "@farthing/wallet"
import { Context, Effect, FileSystem, Layer, Stream } from "effect"
import { Config, Environment, Home } from "farthing"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

export const example = fileURLToPath(new URL("../../examples/agents.toml", import.meta.url))

export type Variables = Readonly<Record<string, string>>

export interface Colony {
  readonly names: ReadonlyArray<string>
  readonly bank: Bank.Shape
  /** What all of them have together. */
  readonly money: Effect.Effect<Msat.Msat, Bank.BankError>
  /** Of the worker. */
  readonly environment: Variables
  readonly database: string
  /** Job messages and ticks seen on the relay so far. */
  readonly stir: () => number
}

export const sats = (amount: number): Msat.Msat => Sat.toMsat(Sat.make(amount))

/** Of NIP-06. */
const words = "leader monkey parrot ring guide accident before fence cannon height naive bean"

/** Nothing is cut short because a second of the trial is over sooner than one of the machine. */
const patience: Variables = {
  FARTHING_RELAYS_PUBLISH_TIMEOUT: "10 minutes",
  FARTHING_COMPUTE_DISCOVERY_TIMEOUT: "1 minute",
  FARTHING_COMPUTE_QUOTE_TIMEOUT: "10 minutes",
  FARTHING_COMPUTE_PAYMENT_TIMEOUT: "10 minutes",
  FARTHING_COMPUTE_FIRST_CHUNK_TIMEOUT: "10 minutes",
  FARTHING_COMPUTE_IDLE_TIMEOUT: "10 minutes",
  FARTHING_COMPUTE_JOB_TIMEOUT: "20 minutes"
}

const house = "house"

/** Kinds of job messages and of ticks. */
const stirring = [42, 39_210, 39_211]

/** Until the scope closes; each agent's account is opened with what `purseOf` says. */
export const make = Effect.fnUntraced(function* (options: {
  /** An existing folder. */
  readonly folder: string
  readonly purseOf: (name: string, place: number) => Msat.Msat
  readonly settings?: Variables
}) {
  const { folder, purseOf, settings } = options
  const fileSystem = yield* FileSystem.FileSystem
  const home = join(folder, "home")
  yield* fileSystem.makeDirectory(home)
  const known = { FARTHING_HOME: home, FARTHING_IDENTITY_MNEMONIC: words }
  const { agents } = yield* Config.load({ path: example }).pipe(
    Effect.provide(Home.layer),
    Effect.provideService(Environment.Environment, known)
  )
  const names = agents.map(({ name }) => name)

  const market = yield* RelayServer.make({ store: { filename: join(folder, "relay.db") } })
  const till = yield* RelayServer.make()
  const services = yield* Layer.build(
    BankBook.layer({ network: Devnet.network }).pipe(
      Layer.provideMerge(Sqlite.layer({ filename: join(folder, "bank.db") })),
      Layer.merge(Relay.layer({ urls: [till.url] }))
    )
  )
  const bank = Context.get(services, Bank.Bank)
  yield* Effect.forEach(names, (name, place) => bank.open(name, purseOf(name, place)), {
    discard: true
  })
  const { connections } = yield* Effect.provideContext(
    BankServer.make({ accounts: [house, ...names], balance: Msat.zero, relays: [till.url] }),
    services
  )
  const walletOf = (name: string): string => {
    const account = connections.find((connection) => connection.account === name)
    if (account === undefined) throw new Error(`Nobody is called ${name}`)
    return Devnet.environment(market.url, account).FARTHING_WALLET_NWC_URI
  }

  let seen = 0
  const relay = yield* Relay.make({ urls: [market.url] })
  yield* relay
    .subscribe([{ kinds: stirring }])
    .pipe((events) => Stream.runForEach(events, () => Effect.sync(() => seen++)), Effect.forkScoped)

  return {
    names,
    bank,
    money: Effect.map(Effect.forEach([house, ...names], bank.balance), Msat.sum),
    environment: {
      ...known,
      ...patience,
      FARTHING_RELAYS_URLS: market.url,
      FARTHING_WALLET_NWC_URI: walletOf(house),
      ...Object.fromEntries(
        names.map((name) => [`FARTHING_AGENTS_${name.toUpperCase()}_NWC_URI`, walletOf(name)])
      ),
      ...settings
    },
    database: join(home, "farthing.db"),
    stir: () => seen
  } satisfies Colony
})
