/** What a provider's owner decides. */
import type { Msat, Network, Settlement } from "@farthing/protocol"
import { Duration } from "effect"

export interface Options {
  readonly name: string
  readonly about?: string
  readonly picture?: string
  /** A Lightning address for tips. */
  readonly lud16?: string
  /** Tells several providers of one key apart (the announcement's `d` tag). */
  readonly identifier?: string
  readonly network: Network.Network
  /** Per request, of a model without a price of its own. */
  readonly priceMsats: Msat.Msat
  /** Per request, by model. */
  readonly modelPrices?: Readonly<Record<string, Msat.Msat>>
  /** Which of the backend's models are sold, the default one first; all, if it is missing. */
  readonly models?: ReadonlyArray<string>
  /** How many jobs are inferred at once while every backend is healthy; default 4. */
  readonly capacity?: number
  /** How many paid jobs may wait for their turn before no more are quoted; default 32. */
  readonly queue?: number
  /** The most tokens of one answer, whatever is asked for; default 4,096. */
  readonly maxTokens?: number
  /** The longest prompt in bytes (UTF-8); default 32 KiB. */
  readonly maxPromptBytes?: number
  /** How many unpaid quotes one customer may have; default 100. */
  readonly unpaidPerCustomer?: number
  /** How many unpaid quotes there may be in all; default 10,000. */
  readonly unpaidInAll?: number
  /** How many requests of one customer are answered a minute; default 600. */
  readonly requestsPerMinute?: number
  /**
   * How money and result may be exchanged; default `upfront` alone. The other modes need a wallet
   * that makes hold invoices; for `escrow` one on Spark will do.
   */
  readonly settlement?: ReadonlyArray<Settlement.Settlement>
  /**
   * How many sealed results may be unpaid in all, from the beginning of the work on; default 8.
   * One customer may have a quarter of them, and one at least.
   */
  readonly maxUnpaidSealed?: number
  /**
   * How long the inference may take of a job whose money is not taken before it is delivered
   * (`escrow`, `sealed`); default 2 minutes. A lock has to last for 10 minutes longer.
   */
  readonly jobTimeout?: Duration.Input
  /** How long a quote can be paid; default 10 minutes. */
  readonly invoiceExpiry?: Duration.Input
  /** Requests that are older are ignored; default 2 minutes. */
  readonly requestAge?: Duration.Input
  /** How long a stop waits for jobs that are paid; default 30 seconds. */
  readonly stopWithin?: Duration.Input
  /** Whether customers' word is taken for the trace that a request belongs to; default false. */
  readonly traceContext?: boolean
  /** How long a job stays with a process that gives no sign of life; default 15 seconds. */
  readonly lease?: Duration.Input
}

export const resolve = (options: Options) => ({
  name: options.name,
  about: options.about ?? "",
  picture: options.picture,
  lud16: options.lud16,
  identifier: options.identifier ?? "farthing",
  network: options.network,
  price: options.priceMsats,
  modelPrices: new Map(Object.entries(options.modelPrices ?? {})),
  models: options.models,
  capacity: options.capacity ?? 4,
  queue: options.queue ?? 32,
  maxTokens: options.maxTokens ?? 4_096,
  maxPromptBytes: options.maxPromptBytes ?? 32 * 1024,
  unpaidPerCustomer: options.unpaidPerCustomer ?? 100,
  unpaidInAll: options.unpaidInAll ?? 10_000,
  requestsPerMinute: options.requestsPerMinute ?? 600,
  settlements: options.settlement ?? (["upfront"] as const),
  maxUnpaidSealed: options.maxUnpaidSealed ?? 8,
  jobTimeout: Duration.fromInputUnsafe(options.jobTimeout ?? "2 minutes"),
  invoiceExpiry: Duration.fromInputUnsafe(options.invoiceExpiry ?? "10 minutes"),
  requestAge: Duration.fromInputUnsafe(options.requestAge ?? "2 minutes"),
  stopWithin: Duration.fromInputUnsafe(options.stopWithin ?? "30 seconds"),
  traceContext: options.traceContext ?? false,
  lease: Duration.fromInputUnsafe(options.lease ?? "15 seconds")
})

/** The options with every default in its place. */
export type Resolved = ReturnType<typeof resolve>
