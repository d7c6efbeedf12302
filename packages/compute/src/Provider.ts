/** A provider as the customer sees it: its announcement and our record with it. */
import type { Key, Msat } from "@farthing/protocol"
import { Announcement } from "@farthing/protocol"
import type { Option } from "effect"

export interface Provider {
  readonly pubkey: Key.PublicKey
  readonly name: string
  /** Of what was asked for: a model, or nothing in particular. None is unknown, never free. */
  readonly price: Option.Option<Msat.Msat>
  readonly models: ReadonlyArray<string>
  readonly announcement: Announcement.Announced
  readonly record: Record
}

/** What the customer's own journal knows of a provider. */
export interface Record {
  /** Requests that came to an end, whatever the end. */
  readonly jobs: number
  readonly delivered: number
  /** Paid without a result, and the money is not back. */
  readonly lost: number
  /** Paid without a result, and the money came back. */
  readonly refunded: number
  readonly refused: number
  /** Invoices that must not be paid. */
  readonly rejected: number
  /** Median time from payment to result, if there is one. */
  readonly medianMillis: number | undefined
  /**
   * Unix seconds until which the built-in policies do not choose it, because it took money
   * without delivering, held it for nothing, or delivered nothing but refunds; each time in a row
   * makes it twice as long.
   */
  readonly avoidUntil: number | undefined
}

/** The record of a provider we never dealt with. */
export const noRecord: Record = {
  jobs: 0,
  delivered: 0,
  lost: 0,
  refunded: 0,
  refused: 0,
  rejected: 0,
  medianMillis: undefined,
  avoidUntil: undefined
}

export const fromAnnouncement = (
  announcement: Announcement.Announced,
  record: Record = noRecord
): Provider => ({
  pubkey: announcement.provider,
  name: announcement.name,
  price: announcement.price,
  models: announcement.models,
  announcement,
  record
})

/** The same at the price of a model. */
export const forModel = (provider: Provider, model: string): Provider => ({
  ...provider,
  price: Announcement.priceOf(provider.announcement, model)
})

/** The same with what is known of it, if anything is. */
export const withRecord = (provider: Provider, record: Record | undefined): Provider =>
  record === undefined ? provider : { ...provider, record }

/** Those who have delivered at least once. */
export const provenIn = (
  records: ReadonlyMap<Key.PublicKey, Record>
): ReadonlyArray<Key.PublicKey> =>
  Array.from(records).flatMap(([provider, { delivered }]) => (delivered > 0 ? [provider] : []))

/** Whether it took money, or held it, without delivering and has not sat that out yet. */
export const isAvoided = ({ record }: Pick<Provider, "record">, now: number): boolean =>
  record.avoidUntil !== undefined && record.avoidUntil > now

/** The model that does a job, if no answer tells it: the one asked for, or the only one sold. */
export const modelFor = (
  { models: [first, ...others] }: Provider,
  wanted: string | undefined
): string | undefined => wanted ?? (others.length === 0 ? first : undefined)
