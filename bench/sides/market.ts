/**
 * The devnet in a process of its own: a relay, and a bank that serves accounts over it. Prints
 * where they are and serves until it is stopped; given its terms.
 */
import { BankServer, Devnet, RelayServer } from "@farthing/devnet"
import { Msat } from "@farthing/protocol"
import { Sqlite } from "@farthing/sqlite"
import { BankBook } from "@farthing/wallet"
import { Console, Context, Effect, FileSystem, Layer, Redacted, Schema } from "effect"
import { join } from "node:path"
import * as Hop from "../src/Hop.ts"
import { Place, Terms } from "../src/Place.ts"
import * as Program from "../src/Program.ts"

/** Nobody is slowed down, and nothing is refused for its number. */
const limits = { maxLimit: 20_000, defaultLimit: 20_000 }

const bank = (accounts: number, relay: string) =>
  BankServer.layer({
    accounts: Array.from({ length: accounts }, (_, index) => `account ${index}`),
    balance: Msat.make(10_000_000_000),
    relays: [relay]
  }).pipe(
    Layer.provide(BankBook.layer({ network: Devnet.network })),
    Layer.provide(Sqlite.layer({ filename: ":memory:" }))
  )

const main = Effect.gen(function* () {
  const [given = ""] = yield* Program.given
  const { accounts, hop } = yield* Schema.decodeEffect(Schema.fromJsonString(Terms))(given)
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped({ prefix: "farthing-bench-" })
  const server = yield* RelayServer.make({
    store: { filename: join(folder, "relay.db") },
    limits
  })
  const relay = yield* Hop.before(server.url, hop)
  const services = yield* Layer.build(bank(accounts, relay))
  const { connections } = Context.get(services, BankServer.BankServer)
  const wallets = connections.map(({ nwc }) => Redacted.value(nwc))
  const place = yield* Schema.encodeEffect(Schema.fromJsonString(Place))({ relay, wallets })
  yield* Console.log(place)
  return yield* Effect.never
})

Program.run(main)
