/** What both sides of an end-to-end comparison are asked to do, and what they tell of it. */
import { Schema } from "effect"

export const Workload = Schema.Struct({
  relay: Schema.String,
  /** Customers with a connection of their own. */
  agents: Schema.Int,
  /** Purchases of one customer at the same time. */
  concurrency: Schema.Int,
  /** Purchases in all, after those that warm up. */
  jobs: Schema.Int,
  warmUp: Schema.Int,
  /** Baseline only: what a customer asks the relay for. */
  listening: Schema.Literals(["seed", "p"]),
  wallet: Schema.Literals(["ledger", "nwc"])
})
export interface Workload extends Schema.Schema.Type<typeof Workload> {}

export const Performance = Schema.Struct({
  /** Milliseconds from wish to result. */
  p50: Schema.Finite,
  p99: Schema.Finite,
  jobsPerSecond: Schema.Finite,
  cpuMillisPerJob: Schema.Finite
})
export interface Performance extends Schema.Schema.Type<typeof Performance> {}

/** The answer that a purchase of this prompt has to bring. */
export const answerTo = (prompt: string): string => `echo: ${prompt}`
