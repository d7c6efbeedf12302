/** A relay, a bank on it, and wallets that reach it as any customer does. */
import { Msat, NwcUri } from "@farthing/protocol"
import { Relay } from "@farthing/relay"
import { Sqlite } from "@farthing/sqlite"
import { Bank, BankBook, Faults, NwcWallet, Payer, Wallet } from "@farthing/wallet"
import { BankServer, RelayServer } from "@farthing/devnet"
import { Context, Effect, Layer } from "effect"
import type { Redacted } from "effect"

export const funds = Msat.make(1_000_000)

export const fees = { base: Msat.make(1_000), ppm: 5_000 }

/** A bank that errs on demand, over a book in that file. */
export const bank = (filename = ":memory:") =>
  Faults.layer.pipe(
    Layer.provide(BankBook.layer({ network: "regtest", fees })),
    Layer.provideMerge(Sqlite.layer({ filename }))
  )

export const relay = Effect.map(RelayServer.make(), ({ url }) => url)

/** Serves accounts that start with `funds`, but for the second, which has nothing. */
export const serve = Effect.fnUntraced(function* (url: string, accounts = 3) {
  const bank = yield* Bank.Bank
  yield* bank.open("account-2")
  const { connections } = yield* BankServer.make({ accounts, balance: funds, relays: [url] }).pipe(
    Effect.provideServiceEffect(Relay.Relay, Relay.make({ urls: [url] }))
  )
  return connections
})

export const connect = Effect.fnUntraced(function* (
  nwc: Redacted.Redacted<string>,
  options?: NwcWallet.Options
) {
  const uri = yield* Effect.fromResult(NwcUri.parse(nwc))
  const relay = yield* Relay.make({ urls: uri.relays })
  const context = yield* NwcWallet.make(uri, relay, options)
  return {
    wallet: Context.get(context, Wallet.Wallet),
    payer: Context.get(context, Payer.Payer)
  }
})
