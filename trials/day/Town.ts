/**
 * The town of the day: a relay, a bank on a relay of its own, a backend, and people with homes and
 * accounts. Relay, bank and backend may go away and come back at the same address.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { BankServer, Devnet, RelayServer } from "@farthing/devnet"
import { Msat } from "@farthing/protocol"
import { Relay } from "@farthing/relay"
import { Sqlite } from "@farthing/sqlite"
import { BankBook } from "@farthing/wallet"
import { Effect, FileSystem, Layer } from "effect"
import { join } from "node:path"
import * as Backend from "../../apps/worker/test/support/Backend.ts"
import * as Books from "../books/Books.ts"
import * as Stage from "../src/Stage.ts"
import * as Switch from "./Switch.ts"

export type Environment = Readonly<Record<string, string>>

export interface Town {
  readonly relay: Switch.Switch
  readonly wallet: Switch.Switch
  readonly backend: Switch.Switch
  readonly environmentOf: (name: string) => Environment
  /** Where somebody's books are. */
  readonly databaseOf: (name: string) => string
  readonly books: ReturnType<typeof Books.read>
}

/** What each account is opened with. */
const opening = Msat.make(1_000_000_000)

export const provider = "provider"

/** Opens until the scope closes; the provider has an account, too. */
export const make = Effect.fnUntraced(
  function* (options: {
    /** An existing folder. */
    readonly folder: string
    readonly customers: ReadonlyArray<string>
  }) {
    const { customers, folder } = options
    const fileSystem = yield* FileSystem.FileSystem
    const accounts = [provider, ...customers]
    for (const name of accounts)
      yield* fileSystem.makeDirectory(join(folder, name), { mode: 0o700 })

    const store = { filename: join(folder, "relay.db") }
    let relayPort = 0
    const relay = yield* Switch.make(
      Effect.gen(function* () {
        relayPort = (yield* RelayServer.make({ store, port: relayPort })).port
      }).pipe(Effect.orDie)
    )

    let backendUrl = ""
    const backend = yield* Switch.make(
      Effect.gen(function* () {
        const port = backendUrl === "" ? 0 : Number(new URL(backendUrl).port)
        const server = yield* Backend.make({ port })
        yield* server.finish
        backendUrl = server.url
      })
    )

    const bankRelay = yield* RelayServer.make()
    const services = yield* Layer.build(
      BankBook.layer({ network: Devnet.network, fees: { base: Stage.fee, ppm: 0 } }).pipe(
        Layer.provideMerge(Sqlite.layer({ filename: join(folder, "bank.db") })),
        Layer.merge(Relay.layer({ urls: [bankRelay.url] }))
      )
    )
    let connections: ReadonlyArray<BankServer.Connection> = []
    const wallet = yield* Switch.make(
      Effect.gen(function* () {
        const served = yield* BankServer.make({
          accounts,
          balance: opening,
          relays: [bankRelay.url]
        })
        connections = served.connections
      }).pipe(Effect.provideContext(services), Effect.orDie)
    )

    const environmentOf = (name: string): Environment => {
      const account = connections.find((connection) => connection.account === name)
      if (account === undefined) throw new Error(`Nobody is called ${name}`)
      return {
        ...Devnet.environment(`ws://127.0.0.1:${relayPort}`, account),
        FARTHING_HOME: join(folder, name),
        FARTHING_PROVIDER_BACKEND_URL: backendUrl
      }
    }
    const databaseOf = (name: string) => join(folder, name, "farthing.db")

    const town: Town = {
      relay,
      wallet,
      backend,
      environmentOf,
      databaseOf,
      books: Books.read({
        opening,
        bank: join(folder, "bank.db"),
        people: Object.fromEntries(accounts.map((name) => [name, databaseOf(name)]))
      })
    }
    return town
  },
  Effect.provide(NodeServices.layer),
  Effect.orDie
)
