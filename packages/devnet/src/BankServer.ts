/**
 * The bank of a devnet: accounts of one book, each served as a wallet over Nostr Wallet Connect
 * (NIP-47). Keys follow from the book's seed, so connections survive a restart.
 */
import { Key, Msat, NwcUri } from "@farthing/protocol"
import { Relay } from "@farthing/relay"
import { Bank } from "@farthing/wallet"
import { Context, Effect, Layer, Option, Schema } from "effect"
import type { Redacted, Scope } from "effect"
import type { SqlClient } from "effect/sql"
import * as RequestBook from "./bank/RequestBook.ts"
import * as WalletService from "./bank/WalletService.ts"

export interface Options {
  /** Their names. */
  readonly accounts: ReadonlyArray<string>
  /** What each new account starts with. */
  readonly balance: Msat.Msat
  /** Where the accounts are served. */
  readonly relays: ReadonlyArray<string>
}

/** All that a customer needs to use its account. */
export interface Connection {
  readonly account: string
  /** The account's wallet service key. */
  readonly npub: string
  readonly nwc: Redacted.Redacted<string>
}

export interface Shape {
  readonly connections: ReadonlyArray<Connection>
}

export class BankServer extends Context.Service<BankServer, Shape>()(
  "@farthing/devnet/BankServer"
) {}

/** Opens the accounts and serves them until the scope closes; returns once all can be reached. */
export const make: (
  options: Options
) => Effect.Effect<
  Shape,
  BankServerError,
  Bank.Bank | Relay.Relay | SqlClient.SqlClient | Scope.Scope
> = Effect.fnUntraced(
  function* (options) {
    const book = yield* RequestBook.make
    const connections = yield* Effect.forEach(
      options.accounts,
      (account) => serve(options, book, account),
      {
        concurrency: "unbounded"
      }
    )
    return { connections }
  },
  Effect.mapError(({ message }) => new BankServerError({ message }))
)

const serve = Effect.fnUntraced(function* (
  { balance, relays }: Options,
  book: RequestBook.RequestBook,
  account: string
) {
  const bank = yield* Bank.Bank
  yield* bank.open(account, balance)
  const service = bank.keyOf(account, "nwc/service")
  const secret = bank.keyOf(account, "nwc/client")
  yield* WalletService.serve({ account, service, client: Key.publicKeyOf(secret), book })
  const wallet = Key.publicKeyOf(service)
  return {
    account,
    npub: Key.formatPublic(wallet),
    nwc: NwcUri.format({ wallet, relays, secret, lud16: Option.none() })
  }
})

export const layer = (
  options: Options
): Layer.Layer<BankServer, BankServerError, Bank.Bank | SqlClient.SqlClient> =>
  Layer.effect(BankServer, make(options)).pipe(Layer.provide(Relay.layer({ urls: options.relays })))

/** The bank cannot be served. */
export class BankServerError extends Schema.TaggedError<BankServerError>()("BankServerError", {
  message: Schema.String
}) {}
