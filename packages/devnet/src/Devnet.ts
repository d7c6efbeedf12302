/**
 * A whole market on one machine, but for its people: a relay, and a bank whose accounts are
 * wallets over NWC. Its books stand in one folder, so that events, accounts and money are there
 * again after a restart.
 */
import type { Msat, Network } from "@farthing/protocol"
import { Sqlite } from "@farthing/sqlite"
import { Bank, BankBook } from "@farthing/wallet"
import { Context, Effect, Layer, Redacted } from "effect"
import { join } from "node:path"
import * as BankServer from "./BankServer.ts"
import * as Claim from "./Claim.ts"
import * as RelayServer from "./RelayServer.ts"

/** The only network on which everybody may make money. */
export const network: Network.Network = "regtest"

export interface Options {
  /** An existing folder for the books. */
  readonly folder: string
  /** Default: any free port. */
  readonly port?: number
  /** The names of the accounts; those that are new start with `balance`. */
  readonly accounts: ReadonlyArray<string>
  readonly balance: Msat.Msat
}

export interface Shape {
  /** The relay's address. */
  readonly relay: string
  /** In the order of the names. */
  readonly accounts: ReadonlyArray<BankServer.Connection>
  /** The bank itself, for whoever keeps an account there without a wallet. */
  readonly bank: Bank.Shape
}

export class Devnet extends Context.Service<Devnet, Shape>()("@farthing/devnet/Devnet") {}

/** Serves until the scope closes. Fails with `MarketRunning` where the folder serves already. */
export const make = Effect.fnUntraced(function* ({ accounts, balance, folder, port }: Options) {
  yield* Claim.make(folder)
  const { url } = yield* RelayServer.make({
    store: { filename: join(folder, "relay.db") },
    ...(port === undefined ? {} : { port })
  })
  const bank = BankServer.layer({ accounts, balance, relays: [url] }).pipe(
    Layer.provideMerge(BankBook.layer({ network })),
    Layer.provide(Sqlite.layer({ filename: join(folder, "bank.db") }))
  )
  const context = yield* Layer.build(bank)
  const { connections } = Context.get(context, BankServer.BankServer)
  return Devnet.of({ relay: url, accounts: connections, bank: Context.get(context, Bank.Bank) })
})

export const layer = (options: Options) => Layer.effect(Devnet, make(options))

/** What an account's owner has in the environment to take part: its wallet and its relay. */
export const environment = (relay: string, account: BankServer.Connection) => ({
  FARTHING_NETWORK: network,
  FARTHING_RELAYS_URLS: relay,
  FARTHING_WALLET_NWC_URI: Redacted.value(account.nwc)
})
