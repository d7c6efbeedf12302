/**
 * Where trials are played: a bank whose accounts are wallets over NWC, served on a relay of its
 * own, and market places, each with relays of its own. All of it real, in one process, with books
 * in a folder that goes away with the stage. One stage serves many trials: each opens a place and
 * accounts that nobody else uses.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { BankServer, Devnet, RelayServer } from "@farthing/devnet"
import { Msat } from "@farthing/protocol"
import { Relay } from "@farthing/relay"
import { Sqlite } from "@farthing/sqlite"
import { Bank, BankBook, Faults } from "@farthing/wallet"
import * as MovableClock from "@farthing/wallet/testing/MovableClock"
import { Context, Effect, FileSystem, Layer } from "effect"
import type { Scope } from "effect"
import { join } from "node:path"

/** What the bank takes for each payment: an odd amount, so that no msat gets lost unseen. */
export const fee = Msat.make(251)

/** An account of the bank, and how its owner reaches it. */
export interface Account extends BankServer.Connection {
  /** What it was opened with. */
  readonly opening: Msat.Msat
}

/** A market place: where people meet who name the same relays. */
export interface Place {
  readonly urls: ReadonlyArray<string>
  /** How scripted people speak there. */
  readonly relay: Relay.Shape
}

export interface Shape {
  /** An existing folder for homes. */
  readonly folder: string
  /** The books themselves: for scripted people, and to look at. It errs as `faults` say. */
  readonly bank: Bank.Shape
  /** What the bank does wrong next, also towards those who reach it over NWC. */
  readonly faults: Faults.Shape
  /** Opens an account that nobody has used, and serves it until the scope closes. */
  readonly account: (
    name: string,
    balance?: Msat.Msat
  ) => Effect.Effect<Account, never, Scope.Scope>
}

export class Stage extends Context.Service<Stage, Shape>()("@farthing/trials/Stage") {}

const make = Effect.gen(function* () {
  const fileSystem = yield* FileSystem.FileSystem
  const folder = yield* fileSystem.makeTempDirectoryScoped({ prefix: "farthing-trial-" })
  const { url } = yield* RelayServer.make({ store: { filename: join(folder, "bank-relay.db") } })
  const services = yield* Layer.build(
    Faults.layer.pipe(
      Layer.provide(BankBook.layer({ network: Devnet.network, fees: { base: fee, ppm: 0 } })),
      Layer.provideMerge(Sqlite.layer({ filename: join(folder, "bank.db") })),
      Layer.merge(Relay.layer({ urls: [url] }))
    )
  )
  let opened = 0

  const account: Shape["account"] = Effect.fnUntraced(function* (name, opening = wealth) {
    const { connections } = yield* BankServer.make({
      accounts: [`${name} ${++opened}`],
      balance: opening,
      relays: [url]
    }).pipe(Effect.provideContext(services))
    return { ...connections[0]!, opening }
  }, Effect.orDie)

  return Stage.of({
    folder,
    bank: Context.get(services, Bank.Bank),
    faults: Context.get(services, Faults.Faults),
    account
  })
})

/** What an account has where nobody says otherwise. */
const wealth = Msat.make(1_000_000_000)

export const layer = Layer.effect(Stage, make).pipe(Layer.provide(NodeFileSystem.layer))

/** Played on a stage of its own, where hours pass for everybody at once. */
export const played = <E>(
  trial: (later: MovableClock.Later) => Effect.Effect<void, E, Stage | Scope.Scope>
) => MovableClock.within((later) => Effect.scoped(Effect.provide(trial(later), Layer.fresh(layer))))

export interface PlaceOptions {
  /** How many relays of its own it has; default 1. */
  readonly relays?: number
  /** Relays that are there already, named before its own. */
  readonly others?: ReadonlyArray<string>
  readonly limits?: RelayServer.Options["limits"]
}

/** Opens a market place until the scope closes. Scripted people speak on its own relays. */
export const place = ({ limits, others = [], relays = 1 }: PlaceOptions = {}) =>
  Effect.gen(function* () {
    const server = RelayServer.make(limits === undefined ? {} : { limits })
    const servers = yield* Effect.replicateEffect(server, relays)
    const own = servers.map(({ url }) => url)
    return { urls: [...others, ...own], relay: yield* Relay.make({ urls: own }) } satisfies Place
  }).pipe(Effect.orDie)
