/**
 * The customer's side of the market: discover providers, choose one, buy an inference.
 */
import type { Treasury } from "@farthing/budget"
import type { Network } from "@farthing/protocol"
import type { Relay, Signer } from "@farthing/relay"
import type { Wallet } from "@farthing/wallet"
import type { Duration, Option, Stream } from "effect"
import { Context, Effect, Layer } from "effect"
import type { Migrator, SqlClient, SqlError } from "effect/sql"
import * as ChannelTransport from "./ChannelTransport.ts"
import * as ComputeClientLive from "./ComputeClientLive.ts"
import type { ComputeError } from "./ComputeError.ts"
import { type ComputeOptions, defaults } from "./ComputeOptions.ts"
import * as Discovery from "./Discovery.ts"
import type { InferenceRequest, Progress } from "./Inference.ts"
import type { Job, JobDetail, Recovered } from "./Job.ts"
import type { JobTransport } from "./JobTransport.ts"
import { Journal } from "./Journal.ts"
import { type Provider, provenIn } from "./Provider.ts"
import type { ProviderList, Query } from "./ProviderList.ts"
import type { Receipt } from "./Receipt.ts"
import * as SqlJournal from "./SqlJournal.ts"

export type { InferenceRequest, Progress, Stage } from "./Inference.ts"
export type { Job, JobDetail, Offer, Payment, Recovered, Refund, Step } from "./Job.ts"
export { JobState, underWay } from "./Job.ts"
/** The cheapest provider whose price is known and within the budget. */
export { selectCheapestProvider } from "./Selection.ts"

export interface Shape {
  /** Everybody who sells now, as far as the relays knew within the time given. */
  readonly discoverProviders: (
    within?: Duration.Input
  ) => Effect.Effect<ReadonlyArray<Provider>, ComputeError>
  /** The market as a list to look at, with our record of everybody in it. */
  readonly listProviders: (query?: Query) => Effect.Effect<ProviderList, ComputeError>
  /** Providers as they come, change and go. */
  readonly watchProviders: Stream.Stream<Provider, ComputeError>
  /** Buys an inference, from discovery to receipt. */
  readonly requestInference: (request: InferenceRequest) => Effect.Effect<Receipt, ComputeError>
  /** The same, telling each stage and each piece of text as it comes; ends with `Done`. */
  readonly streamInference: (request: InferenceRequest) => Stream.Stream<Progress, ComputeError>
  /**
   * Takes up what an earlier process left: payments whose end is not known, paid jobs without a
   * result, refunds that were offered or promised. Answers with every job it took up, as it
   * stands now.
   */
  readonly recover: Effect.Effect<ReadonlyArray<Recovered>, ComputeError>
  readonly jobs: (options?: {
    readonly limit?: number
  }) => Effect.Effect<ReadonlyArray<Job>, ComputeError>
  /**
   * Everything about the job whose request's id begins so, with its history; none if no job
   * begins so, or more than one.
   */
  readonly findJob: (prefix: string) => Effect.Effect<Option.Option<JobDetail>, ComputeError>
  readonly receipts: (options?: {
    readonly limit?: number
  }) => Effect.Effect<ReadonlyArray<Receipt>, ComputeError>
}

export class ComputeClient extends Context.Service<ComputeClient, Shape>()(
  "@farthing/compute/ComputeClient"
) {}

/** The network, and what differs from the defaults. */
export interface Options extends Partial<Omit<ComputeOptions, "network">> {
  readonly network: Network.Network
  /** Whose journal it is, where several share a database; default `main`. */
  readonly budget?: string
  /** The most offers that discovery remembers; default 100,000. */
  readonly maxProviders?: number
}

/** With its own discovery, journal and channel transport. */
export const layer = (
  options: Options
): Layer.Layer<
  ComputeClient,
  Migrator.MigrationError | SqlError.SqlError,
  Relay.Relay | Signer.Signer | SqlClient.SqlClient | Treasury.Treasury | Wallet.Wallet
> =>
  layerWith(options).pipe(
    Layer.provide([discovery(options), ChannelTransport.layer]),
    // Like the spend ledger's: jobs of two networks never meet.
    Layer.provide(SqlJournal.layer({ budget: `${options.network}/${options.budget ?? "main"}` }))
  )

/** Hears those who have delivered before, however many others there are. */
const discovery = ({ maxProviders, network }: Options) =>
  Layer.unwrap(
    Effect.map(Journal, (journal) =>
      Discovery.layer({
        network,
        proven: Effect.map(journal.records, provenIn),
        ...(maxProviders === undefined ? {} : { capacity: maxProviders })
      })
    )
  )

/** Over any discovery, journal and transport. */
export const layerWith = (
  options: Options
): Layer.Layer<
  ComputeClient,
  never,
  Discovery.Discovery | JobTransport | Journal | Treasury.Treasury | Wallet.Wallet
> => Layer.effect(ComputeClient, ComputeClientLive.make({ ...defaults, ...options }))
