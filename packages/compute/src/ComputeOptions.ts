/** How a customer buys, where a single request does not say otherwise. */
import type { Network, Settlement } from "@farthing/protocol"
import { Duration } from "effect"
import type { Policy } from "./Selection.ts"

export interface ComputeOptions {
  readonly network: Network.Network
  readonly policy: Policy
  readonly maxTokens: number
  /** Whether the next provider is asked when one does not come to a payment. */
  readonly fallbacks: boolean
  /** How many providers are asked at once; the best invoice is taken. */
  readonly quotes: number
  /** How many times a purchase may ask: rounds of `quotes` providers each. */
  readonly maxAttempts: number
  /** In order of preference. */
  readonly settlement: ReadonlyArray<Settlement.Settlement>
  /** For finding a first provider. */
  readonly discoveryTimeout: Duration.Duration
  /** From the request to the invoice. */
  readonly quoteTimeout: Duration.Duration
  /** For the payment; what is not known by then is `PaymentUnknown`. */
  readonly paymentTimeout: Duration.Duration
  /** From the payment to the first text. */
  readonly firstChunkTimeout: Duration.Duration
  /** Between two pieces of text. */
  readonly idleTimeout: Duration.Duration
  /** From the request to the whole result; never cuts a payment short. */
  readonly jobTimeout: Duration.Duration
  /**
   * For how long a result that was paid for, or a refund in its place, is still looked for after
   * it was given up.
   */
  readonly lateDelivery: Duration.Duration
  /** Whether providers are told what trace a request belongs to, where there is one. */
  readonly traceContext: boolean
}

/** Everything but the network. */
export const defaults: Omit<ComputeOptions, "network"> = {
  policy: "cheapest",
  maxTokens: 500,
  fallbacks: true,
  quotes: 1,
  maxAttempts: 3,
  settlement: ["upfront"],
  discoveryTimeout: Duration.seconds(3),
  quoteTimeout: Duration.seconds(30),
  paymentTimeout: Duration.seconds(60),
  firstChunkTimeout: Duration.seconds(60),
  idleTimeout: Duration.seconds(30),
  jobTimeout: Duration.seconds(120),
  lateDelivery: Duration.days(7),
  traceContext: false
}
