/**
 * The customer's side of the market for programs that do not use Effect: promises instead of
 * effects, sats instead of millisatoshi, and the errors of `ComputeError` as rejections.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { ComputeClient, type Provider, type Receipt } from "@farthing/compute"
import { type Network, Sat, type Settlement } from "@farthing/protocol"
import { Duration, Effect, Layer, ManagedRuntime, Option, Stream } from "effect"
import * as Market from "./Market.ts"

/** Limits in sats; one that is left out does not exist, and 0 means nothing may be spent. */
export interface Budget {
  readonly dailyLimitSats?: number
  readonly perTickLimitSats?: number
  readonly perJobLimitSats?: number
  readonly perProviderDailySats?: number
  readonly firstSpendLimitSats?: number
  readonly unprovenDailyLimitSats?: number
  readonly maxUnresolvedSats?: number
  readonly lifetimeLimitSats?: number
  readonly reserveSats?: number
  readonly maxFeeSats?: number
  readonly maxFeePercent?: number
}

export interface Options {
  /** `ws://` or `wss://`. */
  readonly relays: ReadonlyArray<string>
  /** An nsec, or the secret key in hex; without it the home's own key, made on first use. */
  readonly identity?: string | undefined
  /** `nostr+walletconnect://…` (NIP-47), or a wallet of words on Spark. */
  readonly wallet: string | SparkWallet | undefined
  readonly budget?: Budget
  /** How money and result may be exchanged, in order of preference; default: upfront. */
  readonly settlement?: ReadonlyArray<Settlement.Settlement>
  /** Default: regtest. */
  readonly network?: Network.Network
  /** The folder of ledger, journal and key; default: `FARTHING_HOME`, else the platform's. */
  readonly home?: string
}

export interface SparkWallet {
  /** BIP-39: 12 to 24 English words. */
  readonly mnemonic: string
  /** Which of their wallets; default: the first, 0. */
  readonly account?: number
  /** The file that `farthing dev --wallet spark` wrote; without it the network's own operators. */
  readonly connection?: string
}

export interface Client extends AsyncDisposable {
  /** Who sells now; waits for a first one for as many seconds (default 3). */
  readonly discoverProviders: (seconds?: number) => Promise<ReadonlyArray<Provider.Provider>>
  /** The cheapest with a known price within the budget. */
  readonly selectCheapestProvider: (
    providers: ReadonlyArray<Provider.Provider>,
    budgetSats: number
  ) => Provider.Provider | undefined
  /** Buys one inference; invoice and fee together cost at most the budget. */
  readonly requestInference: (
    provider: Provider.Provider,
    prompt: string,
    maxTokens: number,
    budgetSats: number
  ) => Promise<string>
  /** The same, telling each stage and each piece of text as it comes; ends with the receipt. */
  readonly streamInference: (
    provider: Provider.Provider,
    prompt: string,
    maxTokens: number,
    budgetSats: number
  ) => AsyncIterable<ComputeClient.Progress>
  /** What was bought, newest first. */
  readonly receipts: (limit?: number) => Promise<ReadonlyArray<Receipt.Receipt>>
  /** Closes connections and database; without it the process goes on. */
  readonly close: () => Promise<void>
}

/** Opens the market for an agent with this identity, wallet and budget. */
export const createComputeClient = async (options: Options): Promise<Client> => {
  const runtime = ManagedRuntime.make(
    Market.customer.pipe(
      Market.livingIn(environmentOf(options)),
      Layer.provide([NodeFileSystem.layer, NodePath.layer])
    )
  )
  const client = await runtime.runPromise(ComputeClient.ComputeClient)
  return {
    discoverProviders: (seconds = 3) =>
      runtime.runPromise(client.discoverProviders(Duration.seconds(seconds))),
    selectCheapestProvider: (providers, budgetSats) =>
      Option.getOrUndefined(ComputeClient.selectCheapestProvider(providers, budgetSats)),
    requestInference: (...request) =>
      runtime.runPromise(
        Effect.map(client.requestInference(requestOf(...request)), ({ text }) => text)
      ),
    streamInference: (...request) =>
      Stream.toAsyncIterable(client.streamInference(requestOf(...request))),
    receipts: (limit) => runtime.runPromise(client.receipts(limit === undefined ? {} : { limit })),
    close: () => runtime.dispose(),
    [Symbol.asyncDispose]: () => runtime.dispose()
  }
}

const requestOf = (
  provider: Provider.Provider,
  prompt: string,
  maxTokens: number,
  budgetSats: number
): ComputeClient.InferenceRequest => ({
  provider,
  prompt,
  maxTokens,
  budget: Sat.toMsat(Sat.make(budgetSats))
})

/** The options as the environment that the configuration reads and checks. */
const environmentOf = (options: Options): Readonly<Record<string, string | undefined>> => ({
  FARTHING_HOME: options.home ?? process.env["FARTHING_HOME"],
  XDG_DATA_HOME: process.env["XDG_DATA_HOME"],
  APPDATA: process.env["APPDATA"],
  FARTHING_NETWORK: options.network,
  FARTHING_RELAYS_URLS: options.relays.join(","),
  FARTHING_IDENTITY_NSEC: options.identity,
  ...walletOf(options.wallet),
  FARTHING_COMPUTE_SETTLEMENT: options.settlement?.join(","),
  ...Object.fromEntries(
    Object.entries(options.budget ?? {}).map(([name, limit]) => [
      `FARTHING_RUNWAY_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`,
      String(limit)
    ])
  )
})

const walletOf = (wallet: Options["wallet"]): Readonly<Record<string, string | undefined>> =>
  typeof wallet === "object"
    ? {
        FARTHING_WALLET_KIND: "spark",
        FARTHING_WALLET_MNEMONIC: wallet.mnemonic,
        FARTHING_WALLET_ACCOUNT: wallet.account === undefined ? undefined : String(wallet.account),
        FARTHING_WALLET_SPARK_CONNECTION: wallet.connection
      }
    : { FARTHING_WALLET_NWC_URI: wallet }
