/**
 * The market as one of its people sees it: the one layer graph, from a home and a configuration
 * to a customer or a provider.
 *
 * ```
 *   Home     ─ database ─┐
 *   Identity ─ signer ───┤
 *   Config   ─ relay ────┼─ treasury ─ customer
 *   Config   ─ wallet ───┴─ seller
 * ```
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { type Limits, Treasury } from "@farthing/budget"
import { ComputeClient } from "@farthing/compute"
import {
  Backends,
  ComputeProvider,
  EmbeddedBackend,
  InferenceBackend,
  OpenAiBackend,
  ProviderBook,
  RefundTreasury,
  SqlProviderBook
} from "@farthing/provider"
import { type Key, Msat } from "@farthing/protocol"
import { Relay, Signer } from "@farthing/relay"
import { Sqlite } from "@farthing/sqlite"
import { NoWallet, NwcWallet, OnDemand, SparkWallet, Wallet } from "@farthing/wallet"
import { Context, Duration, Effect, Layer, Option, Schema } from "effect"
import * as Config from "./Config.ts"
import { Environment } from "./Environment.ts"
import * as Home from "./Home.ts"
import * as Identity from "./Identity.ts"
import * as Mnemonic from "./Mnemonic.ts"
import * as Telemetry from "./Telemetry.ts"

/**
 * Somebody who lives in this environment and no other: home, configuration and key. Built anew,
 * because what was built for others around it is theirs.
 */
export const livingIn =
  (environment: Readonly<Record<string, string | undefined>>) =>
  <A, E, R>(somebody: Layer.Layer<A, E, R>) =>
    Layer.fresh(
      somebody.pipe(
        Layer.provide(Identity.layer),
        Layer.provide(Config.layer()),
        Layer.provide(Home.layer),
        Layer.provide(Layer.succeed(Environment)(environment))
      )
    )

/** The home's one database. */
export const database = Layer.unwrap(
  Effect.map(Home.Home, (home) => Sqlite.layer({ filename: home.database }))
)

/** Signs as the identity. */
export const signer = Layer.unwrap(
  Effect.map(Identity.Identity, ({ secretKey }) => Signer.layer(secretKey))
)

/** The configured relays, as one. */
export const relay = Layer.unwrap(
  Effect.gen(function* () {
    const { relays } = yield* Config.Config
    return Relay.layer({
      urls: relays.urls,
      quorum: relays.publishQuorum,
      publishTimeout: relays.publishTimeout,
      signer: yield* Signer.Signer
    })
  })
)

/** How long the wallet has for whatever moves no money; somebody who only looks on may wait less. */
export const WalletPatience = Context.Reference<Duration.Input>("farthing/Market/WalletPatience", {
  defaultValue: () => "20 seconds"
})

/** The configured NWC wallet; fails with `WalletMissing` if there is none. */
const nwcWallet = Layer.unwrap(
  Effect.gen(function* () {
    const { compute, wallet } = yield* Config.Config
    const uri = yield* Effect.mapError(
      Effect.fromOption(wallet.nwcUri),
      () => new WalletMissing({ kind: "nwc" })
    )
    return NwcWallet.layer(uri, {
      answerTimeout: yield* WalletPatience,
      paymentTimeout: compute.paymentTimeout
    })
  })
)

/** The Spark wallet of its own words, else of the identity's; fails with `WalletMissing` without either. */
const sparkAccount = Effect.gen(function* () {
  const { network, wallet } = yield* Config.Config
  const words = Option.isSome(wallet.mnemonic) ? wallet.mnemonic : yield* Identity.findMnemonic
  const account: SparkWallet.Account = {
    mnemonic: yield* Effect.mapError(
      Effect.fromOption(words),
      () => new WalletMissing({ kind: "spark" })
    ),
    account: wallet.account,
    network,
    ...Option.match(wallet.sparkConnection, { onNone: () => ({}), onSome: (local) => ({ local }) })
  }
  return account
})

/** Where money can be sent to the Spark wallet; nobody is asked for it. */
export const sparkAddress = Effect.flatMap(sparkAccount, SparkWallet.addressOf)

/** A single answer of Spark takes several calls, to three operators far away. */
const shortestSparkAnswer = Duration.seconds(15)

/** Opened when it is first asked for something: not everybody who could ask does. */
const sparkWallet = (account: SparkWallet.Account) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const { compute } = yield* Config.Config
      const patience = Duration.fromInputUnsafe(yield* WalletPatience)
      const answerTimeout = Duration.max(patience, shortestSparkAnswer)
      const identity = yield* Mnemonic.sparkIdentity(account.mnemonic, account.account)
      return OnDemand.layer({
        id: Wallet.WalletId.make(`spark:${account.network}:${identity}`),
        capsFee: true,
        wallet: SparkWallet.layer({
          ...account,
          answerTimeout,
          openTimeout: Duration.times(answerTimeout, 2),
          paymentTimeout: compute.paymentTimeout
        })
      })
    })
  )

/**
 * The configured wallet; fails with `WalletMissing` if there is none, and with `SparkUnavailable` at
 * once where it could not be opened on this machine.
 */
export const wallet = Layer.unwrap(
  Effect.gen(function* () {
    const config = yield* Config.Config
    if (config.wallet.kind === "nwc") return nwcWallet
    const account = yield* sparkAccount
    yield* SparkWallet.identityOf(account)
    return sparkWallet(account)
  })
)

/** The configured wallet, or one that can only say that it is missing. */
export const anyWallet = Layer.unwrap(
  Effect.map(Config.Config, (config) =>
    config.wallet.kind === "nwc" ? nwcWallet : Layer.unwrap(Effect.map(sparkAccount, sparkWallet))
  )
).pipe(Layer.catchTag("WalletMissing", ({ message }) => NoWallet.layer(message)))

/** The seller's own book. */
export const salesBook = SqlProviderBook.layer

const treasuryWithin = (limits: Treasury.Options["limits"]) =>
  Layer.unwrap(
    Effect.map(Config.Config, ({ compute, network }) =>
      Treasury.layer({ network, limits, payTimeout: compute.paymentTimeout })
    )
  )

/** The budget over the database and the wallet. */
export const treasury = Layer.unwrap(
  Effect.map(Config.Config, ({ runway }) => treasuryWithin(runway.limits))
)

/**
 * The same for somebody who buys, and who may sell beside it: what the home's own customers have
 * paid for and not got yet stays in the wallet, so that it can be given back.
 */
export const purse = Layer.unwrap(
  Effect.gen(function* () {
    const { limits } = (yield* Config.Config).runway
    return Option.match(yield* Identity.findProvider, {
      onNone: () => treasury,
      onSome: ({ publicKey }) =>
        Layer.unwrap(
          Effect.map(ProviderBook.ProviderBook, (book) =>
            treasuryWithin(Effect.map(owedBy(book, publicKey), (owed) => leaving(limits, owed)))
          )
        ).pipe(Layer.provide(salesBook))
    })
  })
)

/** While nobody knows what is owed, nothing is spent. */
export const owedBy = (
  book: ProviderBook.Shape,
  provider: Key.PublicKey
): Effect.Effect<Msat.Msat> => Effect.orElseSucceed(book.obligations(provider), () => Msat.most)

/** With so much more that stays in the wallet. */
export const leaving = (limits: Limits.Limits, owed: Msat.Msat): Limits.Limits => ({
  ...limits,
  reserve: Msat.add(limits.reserve, Msat.min(owed, Msat.left(Msat.most, limits.reserve)))
})

/** Somebody who pays invoices that come from elsewhere: neither relay nor key is needed. */
export const spender = purse.pipe(Layer.provideMerge(wallet), Layer.provideMerge(database))

/** What buys, over a relay, a treasury and a database. */
export const computeClient = Layer.unwrap(
  Effect.map(Config.Config, ({ compute, network, telemetry: { traceContext } }) =>
    ComputeClient.layer({ network, traceContext, ...compute })
  )
)

const bookPaysNothing = "The books alone pay nothing."

/** The books alone, of which nothing can be paid: no wallet, no relay and no key are needed. */
export const books = treasury.pipe(
  Layer.provideMerge(NoWallet.layer(bookPaysNothing)),
  Layer.provideMerge(database)
)

/** The books and the wallet whose payments they tell of. */
export const bookkeeper = treasury.pipe(Layer.provideMerge(anyWallet), Layer.provideMerge(database))

/** Who watches, where the configuration says that somebody does. */
const telemetry = Telemetry.layerUnlessDecided({ serviceName: "farthing" })

/** Relays, key and database of somebody in the market. */
export const marketplace = relay.pipe(
  Layer.provideMerge(signer),
  Layer.provideMerge(database),
  Layer.provideMerge(telemetry)
)

/** Somebody who can look at everything and buy nothing: no wallet is needed. */
export const onlooker = computeClient.pipe(
  Layer.provideMerge(treasury),
  Layer.provideMerge(anyWallet),
  Layer.provideMerge(marketplace)
)

/** An agent that buys. */
export const customer = computeClient.pipe(
  Layer.provideMerge(purse),
  Layer.provideMerge(wallet),
  Layer.provideMerge(marketplace)
)

const server = (url: string) =>
  OpenAiBackend.layer({ baseUrl: url }).pipe(Layer.provide(NodeHttpClient.layerNodeHttp))

/**
 * What turns prompts into text: the server at a URL, else the embedded one; and then each of
 * the others, where the ones before fail.
 */
export const backend = (url: string | undefined, fallbackUrls: ReadonlyArray<string> = []) =>
  Backends.layer(
    url === undefined ? EmbeddedBackend.layer : server(url),
    ...fallbackUrls.map(server)
  )

/** The backends of the configuration; a server that is named goes before the configured one. */
export const configuredBackend = (url?: string) =>
  Layer.unwrap(
    Effect.map(Config.Config, ({ provider }) =>
      backend(url ?? Option.getOrUndefined(provider.backendUrl), provider.fallbackUrls)
    )
  )

/** Where Ollama listens on this machine: at the port of `OLLAMA_HOST`, which it reads itself. */
const ollamaUrl = Effect.map(Environment, (environment) => {
  const port = /:(\d+)\/?$/.exec(environment["OLLAMA_HOST"] ?? "")?.[1] ?? "11434"
  return `http://127.0.0.1:${port}/v1`
})

/** The Ollama of this machine, if one answers and has a model. */
export const localOllama = Effect.gen(function* () {
  const url = yield* ollamaUrl
  return yield* InferenceBackend.InferenceBackend.pipe(
    Effect.flatMap(({ models }) => models),
    Effect.timeout("2 seconds"),
    Effect.map((models) => (models.length === 0 ? Option.none() : Option.some(url))),
    Effect.orElseSucceed(() => Option.none<string>()),
    Effect.provide(backend(url))
  )
})

/** What a seller decides that no configuration says. */
export type Offer = Partial<Omit<ComputeProvider.Options, "network">>

/** What refunds are paid from: no budget of a customer's, over the seller's wallet. */
export const refundTreasury = Layer.unwrap(
  Effect.map(Config.Config, ({ compute, network }) =>
    RefundTreasury.layer({ network, payTimeout: compute.paymentTimeout })
  )
)

/** The book of refunds alone, as `books` is the customer's. */
export const refundBooks = refundTreasury.pipe(
  Layer.provide(NoWallet.layer(bookPaysNothing)),
  Layer.provide(database)
)

/** What sells, over a relay, a wallet and a database; an offer goes before the configuration. */
export const computeProvider = (offer: Offer = {}) =>
  Layer.unwrap(
    Effect.map(Config.Config, ({ network, provider, telemetry: { traceContext } }) =>
      ComputeProvider.layer({
        traceContext,
        name: provider.name,
        priceMsats: provider.price,
        modelPrices: provider.modelPrices,
        capacity: provider.capacity,
        queue: provider.queue,
        settlement: provider.settlement,
        maxUnpaidSealed: provider.maxUnpaidSealed,
        jobTimeout: provider.jobTimeout,
        ...Option.match(provider.models, { onNone: () => ({}), onSome: (models) => ({ models }) }),
        ...offer,
        network
      })
    )
  ).pipe(Layer.provide(salesBook), Layer.provide(refundTreasury))

/** Where somebody sells: relay, wallet, key and database, and nothing on offer yet. */
export const premises = wallet.pipe(Layer.provideMerge(marketplace))

/** Somebody who sells what a backend infers. */
export const seller = (offer: Offer = {}) =>
  computeProvider(offer).pipe(Layer.provideMerge(premises))

/** There is no wallet to pay or be paid with. */
export class WalletMissing extends Schema.TaggedError<WalletMissing>()("WalletMissing", {
  kind: Schema.Literals(["nwc", "spark"])
}) {
  override get message(): string {
    return this.kind === "nwc"
      ? "There is no wallet yet. Put its connection URI (nostr+walletconnect://…) into FARTHING_WALLET_NWC_URI, or into a file of mode 0600 that wallet.nwc_uri_file names."
      : "There are no words for the Spark wallet yet. `farthing init --wallet spark` makes some; or put them into FARTHING_WALLET_MNEMONIC, or into a file of mode 0600 that wallet.mnemonic_file names."
  }
}
