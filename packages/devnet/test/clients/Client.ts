/** What every client library of others can do, so that one set of tests holds for all of them. */
import type { Event } from "nostr-tools/core"
import type { Filter } from "nostr-tools/filter"

export interface Client {
  /** Rejects with the relay's reason where it refuses. */
  readonly publish: (event: Event) => Promise<void>
  /** What is stored for the filter, up to EOSE. */
  readonly query: (filter: Filter) => Promise<ReadonlyArray<Event>>
  /** Returns at EOSE; tells of what comes after it. */
  readonly subscribe: (filter: Filter, tell: (event: Event) => void) => Promise<void>
  readonly close: () => void
}

/** Proves the key to the relay where the relay asks (NIP-42). */
export type Connect = (url: string, secret: Uint8Array) => Promise<Client>
