/** What both sides of an end-to-end comparison are asked to do, and what they tell of it. */
import { Settlement } from "@farthing/protocol"
import { Schema } from "effect"

/** Something of which customer and provider have their own. */
const OfEach = Schema.Struct({ customer: Schema.Int, provider: Schema.Int })

export const Workload = Schema.Struct({
  relays: Schema.Array(Schema.String),
  /** Connection URIs (NIP-47), the provider's first; none: a bank in the same process. */
  wallets: Schema.Array(Schema.String),
  /** Customers with a connection of their own. */
  agents: Schema.Int,
  /** Purchases of one customer at the same time. */
  concurrency: Schema.Int,
  /** Purchases in all, after those that warm up. */
  jobs: Schema.Int,
  warmUp: Schema.Int,
  /** Ours only: how money and result are exchanged. */
  settlement: Settlement.Settlement,
  /** Baseline only: what a customer asks the relay for. */
  listening: Schema.Literals(["seed", "p"]),
  /** Baseline only: how often a purchase is written down durably. */
  writes: OfEach,
  /** What is looked at besides the clock; each costs time, so that only one run is for the clock. */
  watching: Schema.Literals(["clock", "commits", "spans"])
})
export interface Workload extends Schema.Schema.Type<typeof Workload> {}

/** The time that spans of a name took in all, in milliseconds. */
export const Spans = Schema.Record(Schema.String, Schema.Finite)
export type Spans = typeof Spans.Type

export const Performance = Schema.Struct({
  /** Milliseconds from wish to result. */
  p50: Schema.Finite,
  p99: Schema.Finite,
  mean: Schema.Finite,
  jobsPerSecond: Schema.Finite,
  cpuMillisPerJob: Schema.Finite,
  /** In all. */
  commits: Schema.optionalKey(OfEach),
  spans: Schema.optionalKey(Spans)
})
export interface Performance extends Schema.Schema.Type<typeof Performance> {}

/** What a side says: that all are warm, and in the end how it went. */
export const Word = Schema.Union([
  Schema.TaggedStruct("Warm", {}),
  Schema.TaggedStruct("Done", { performance: Performance })
])
export type Word = typeof Word.Type

/** The answer that a purchase of this prompt has to bring. */
export const answerTo = (prompt: string): string => `echo: ${prompt}`
