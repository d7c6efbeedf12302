/** A bank on a relay, and wallets that reach it as any customer does. */
import { BankServer, RelayServer } from "@farthing/devnet"
import { Msat, NwcUri } from "@farthing/protocol"
import { Relay } from "@farthing/relay"
import { Sqlite } from "@farthing/sqlite"
import { Bank, BankBook, Faults, NwcWallet, Payer, Wallet } from "@farthing/wallet"
import { Context, Effect, Layer } from "effect"
import type { Redacted } from "effect"

export const funds = Msat.make(1_000_000)

const fees = { base: Msat.make(1_000), ppm: 5_000 }

/** A bank that errs on demand, over a book in that file. */
export const bank = (filename = ":memory:") =>
  Faults.layer.pipe(
    Layer.provide(BankBook.layer({ network: "regtest", fees })),
    Layer.provideMerge(Sqlite.layer({ filename }))
  )

/** The address of a relay of its own. */
export const relay = Effect.map(RelayServer.make(), ({ url }) => url)

/** Serves alice and carol, who start with `funds`, and bob, who has nothing. */
export const serve = Effect.fnUntraced(function* (url: string) {
  const bank = yield* Bank.Bank
  yield* bank.open("bob")
  const { connections } = yield* BankServer.make({
    accounts: ["alice", "bob", "carol"],
    balance: funds,
    relays: [url]
  }).pipe(Effect.provideServiceEffect(Relay.Relay, Relay.make({ urls: [url] })))
  const [alice, bob, carol] = connections
  return alice === undefined || bob === undefined || carol === undefined
    ? yield* Effect.die("an account is missing")
    : { alice: alice.nwc, bob: bob.nwc, carol: carol.nwc }
})

export const connect = Effect.fnUntraced(function* (
  nwc: Redacted.Redacted<string>,
  options?: NwcWallet.Options
) {
  const uri = yield* Effect.fromResult(NwcUri.parse(nwc))
  const context = yield* Layer.build(NwcWallet.layer(uri, options))
  return {
    wallet: Context.get(context, Wallet.Wallet),
    payer: Context.get(context, Payer.Payer)
  }
})
