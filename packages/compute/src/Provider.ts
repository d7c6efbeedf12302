/** A provider as the customer sees it: its announcement and our record with it. */
import type { Announcement, Key, Msat } from "@farthing/protocol"
import type { Option } from "effect"

export interface Provider {
  readonly pubkey: Key.PublicKey
  readonly name: string
  /** None is unknown, never free. */
  readonly price: Option.Option<Msat.Msat>
  readonly models: ReadonlyArray<string>
  readonly announcement: Announcement.Announced
  readonly record: Record
}

/** What the customer's own journal knows of a provider. */
export interface Record {
  readonly jobs: number
  readonly delivered: number
  readonly lost: number
  readonly refused: number
  readonly rejected: number
  /** Median time from payment to result, if there is one. */
  readonly medianMillis: number | undefined
}
