/**
 * What the user has configured: one TOML file, every key overridable by the environment, every
 * secret from the environment or from a file of mode 0600.
 *
 * The file is the one that is named, else `farthing.toml` in the home, and never one of the
 * current directory: a cloned repository must not raise limits.
 */
import type { ComputeOptions } from "@farthing/compute/ComputeOptions"
import type { Msat, Network, Settlement } from "@farthing/protocol"
import type { Redacted } from "effect"
import {
  Array as Arr,
  Context,
  type Duration,
  Effect,
  FileSystem,
  Layer,
  Option,
  Path,
  Schema
} from "effect"
import { Environment } from "./Environment.ts"
import { Home } from "./Home.ts"
import * as AgentSettings from "./config/AgentSettings.ts"
import { describe, Problem } from "./config/Problem.ts"
import * as RunwaySettings from "./config/RunwaySettings.ts"
import * as Sections from "./config/Sections.ts"
import * as Sources from "./config/Sources.ts"
import * as WalletSettings from "./config/WalletSettings.ts"

export { render as template } from "./config/Template.ts"

export interface Shape {
  /** The file that was read; none if there is none. */
  readonly file: Option.Option<string>
  readonly network: Network.Network
  /** Where the secret key comes from; `Identity` reads it. */
  readonly identity: IdentitySources
  readonly relays: {
    readonly urls: ReadonlyArray<string>
    readonly publishQuorum: number
    readonly publishTimeout: Duration.Duration
  }
  readonly wallet: WalletSettings.WalletSettings
  readonly runway: RunwaySettings.RunwaySettings
  readonly compute: Omit<ComputeOptions, "network" | "lateDelivery" | "traceContext">
  readonly provider: {
    readonly name: string
    /** Per request. */
    readonly price: Msat.Msat
    /** Per request, of models that cost something else. */
    readonly modelPrices: Readonly<Record<string, Msat.Msat>>
    /** Which of the backend's models are sold; none names none: all. */
    readonly models: Option.Option<ReadonlyArray<string>>
    /** None: the embedded backend. */
    readonly backendUrl: Option.Option<string>
    /** Asked in their order where the ones before fail. */
    readonly fallbackUrls: ReadonlyArray<string>
    readonly capacity: number
    readonly queue: number
    /** What customers may choose from. */
    readonly settlement: ReadonlyArray<Settlement.Settlement>
    /** How many sealed results may be unpaid at once. */
    readonly maxUnpaidSealed: number
    /** For the inference of a job whose money is only locked. */
    readonly jobTimeout: Duration.Duration
  }
  /** In the order of the file. */
  readonly agents: ReadonlyArray<AgentSettings.AgentSettings>
  readonly worker: {
    /** Whether it runs the provider. */
    readonly sells: boolean
    /** Where `/healthz`, `/readyz` and `/metrics` are served. */
    readonly host: string
    /** 0: any that is free. */
    readonly port: number
    /** How long running jobs have when the worker is told to stop. */
    readonly stopWithin: Duration.Duration
    readonly logFormat: "json" | "pretty"
  }
  readonly telemetry: {
    readonly otlpUrl: Option.Option<string>
    /** Whether a purchase is one trace over both of its sides. */
    readonly traceContext: boolean
  }
}

/** Paths are absolute. What the environment says counts more than a file. */
export interface IdentitySources {
  readonly nsec: Option.Option<Redacted.Redacted<string>>
  readonly mnemonic: Option.Option<Redacted.Redacted<string>>
  readonly nsecFile: Option.Option<string>
  readonly mnemonicFile: Option.Option<string>
}

export class Config extends Context.Service<Config, Shape>()("farthing/Config") {}

export interface Options {
  /** Another file than the home's; it has to exist. */
  readonly path?: string
}

/** Reads and checks everything; tells of all that is wrong at once. */
export const load = Effect.fnUntraced(function* (options: Options = {}) {
  const environment = yield* Environment
  const { file, folder } = yield* findFile(options)
  const path = yield* Path.Path
  const reader = Sources.makeReader({
    environment,
    file: Option.getOrElse(file, () => nothing)
  })
  const inFolder = Option.map((name: string) => path.resolve(folder, name))
  const source = Option.match(file, { onNone: () => "environment", onSome: ({ source }) => source })

  const { network } = reader.section("", Sections.root)
  const identity = reader.section("identity", Sections.sections.identity)
  const relays = reader.section("relays", Sections.sections.relays)
  const wallet = reader.section("wallet", Sections.sections.wallet)
  const runway = reader.section("runway", Sections.sections.runway)
  const compute = reader.section("compute", Sections.sections.compute)
  const provider = reader.section("provider", Sections.sections.provider)
  const agent = reader.section("agent", Sections.sections.agent)
  const worker = reader.section("worker", Sections.sections.worker)
  const telemetry = reader.section("telemetry", Sections.sections.telemetry)

  if (relays.publish_quorum > relays.urls.length)
    reader.problems.push({
      _tag: "WrongValue",
      source,
      key: "relays.publish_quorum",
      value: String(relays.publish_quorum),
      expected: `no more than the ${relays.urls.length} relays of relays.urls`
    })

  const agents = AgentSettings.read(reader, { agent, inFolder, runway, source })
  const config = Config.of({
    file: Option.map(file, ({ source }) => source),
    network,
    identity: {
      nsec: reader.secret("identity", "nsec"),
      mnemonic: reader.secret("identity", "mnemonic"),
      nsecFile: inFolder(identity.nsec_file),
      mnemonicFile: inFolder(identity.mnemonic_file)
    },
    relays: {
      urls: relays.urls,
      publishQuorum: relays.publish_quorum,
      publishTimeout: relays.publish_timeout
    },
    wallet: yield* WalletSettings.read(reader, wallet, { inFolder, network, source }),
    runway: RunwaySettings.of(runway),
    compute: {
      policy: compute.policy,
      maxTokens: compute.max_tokens,
      fallbacks: compute.fallbacks,
      quotes: compute.quotes,
      maxAttempts: compute.max_attempts,
      settlement: compute.settlement,
      discoveryTimeout: compute.discovery_timeout,
      quoteTimeout: compute.quote_timeout,
      paymentTimeout: compute.payment_timeout,
      firstChunkTimeout: compute.first_chunk_timeout,
      idleTimeout: compute.idle_timeout,
      jobTimeout: compute.job_timeout
    },
    provider: {
      name: provider.name,
      price: provider.price_msats,
      modelPrices: provider.model_prices,
      models: provider.models,
      backendUrl: provider.backend_url,
      fallbackUrls: provider.fallback_urls,
      capacity: provider.capacity,
      queue: provider.queue,
      settlement: provider.settlement,
      maxUnpaidSealed: provider.max_unpaid_sealed,
      jobTimeout: provider.job_timeout
    },
    agents,
    worker: {
      sells: Option.getOrElse(
        worker.sells,
        () => agents.length === 0 || reader.mentions("provider")
      ),
      host: worker.host,
      port: worker.port,
      stopWithin: worker.stop_within,
      logFormat: worker.log_format
    },
    telemetry: { otlpUrl: telemetry.otlp_url, traceContext: telemetry.trace_context }
  })
  return Arr.isReadonlyArrayNonEmpty(reader.problems)
    ? yield* new ConfigInvalid({ problems: reader.problems })
    : config
})

export const layer = (
  options?: Options
): Layer.Layer<Config, ConfigInvalid, Home | FileSystem.FileSystem | Path.Path> =>
  Layer.effect(Config, load(options))

/** The configuration cannot be used; nothing was started. */
export class ConfigInvalid extends Schema.TaggedError<ConfigInvalid>()("ConfigInvalid", {
  problems: Schema.NonEmptyArray(Problem)
}) {
  /** A line for each problem. */
  override get message(): string {
    return this.problems.map(describe).join("\n")
  }
}

const nothing: Sources.File = { source: "", table: {} }

/** The file, and the folder to which the paths in it are relative. */
const findFile = Effect.fnUntraced(function* (options: Options) {
  const fileSystem = yield* FileSystem.FileSystem
  const home = yield* Home
  const path = yield* Path.Path
  const named = options.path === undefined ? undefined : path.resolve(options.path)
  if (
    named === undefined &&
    !(yield* Effect.orElseSucceed(fileSystem.exists(home.config), () => true))
  )
    return { file: Option.none<Sources.File>(), folder: home.path }
  const file = yield* Effect.mapError(
    Sources.readFile(named ?? home.config),
    (problem) => new ConfigInvalid({ problems: [problem] })
  )
  return { file: Option.some(file), folder: path.dirname(file.source) }
})
