/** What the relay bears from one client, stated to everybody in its NIP-11 document. */

export interface Limits {
  /** Bytes of one message, in UTF-8. */
  readonly maxMessageLength: number
  /** Open subscriptions of one connection. */
  readonly maxSubscriptions: number
  /** Filters of one subscription. */
  readonly maxFilters: number
  /** Stored events that one filter gets at most. */
  readonly maxLimit: number
  /** Stored events that a filter without `limit` gets. */
  readonly defaultLimit: number
  /** Characters of a subscription id. NIP-01 allows no more than 64. */
  readonly maxSubscriptionIdLength: number
  readonly maxEventTags: number
  /** Characters of an event's content. */
  readonly maxContentLength: number
  /** By how many seconds `created_at` may be ahead of the relay's clock. */
  readonly createdAtAhead: number
  /** Bytes that may wait for a client that reads too slowly; beyond them it is cut off. */
  readonly maxBacklog: number
  /** Messages of one connection that may wait for their turn before it is read no further. */
  readonly maxPending: number
  readonly maxConnections: number
  /** Events a second that one connection may publish, with bursts of as many. */
  readonly eventsPerSecond: number
}

export const defaults: Limits = {
  maxMessageLength: 131_072,
  maxSubscriptions: 4_096,
  maxFilters: 64,
  maxLimit: 5_000,
  defaultLimit: 500,
  maxSubscriptionIdLength: 64,
  maxEventTags: 2_000,
  maxContentLength: 65_536,
  createdAtAhead: 900,
  maxBacklog: 64 * 1024 * 1024,
  maxPending: 1_024,
  maxConnections: 10_000,
  eventsPerSecond: Number.POSITIVE_INFINITY
}
