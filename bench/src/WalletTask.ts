/** What a wallet in a process of its own is given, and what it answers. */
import { SparkConnection } from "@farthing/wallet/SparkConnection"
import { Schema } from "effect"

export const Account = Schema.Union([
  /** At a bank in the same process, by its database. */
  Schema.TaggedStruct("ledger", { account: Schema.String, database: Schema.String }),
  /** By a connection URI (NIP-47). */
  Schema.TaggedStruct("nwc", { uri: Schema.String }),
  /** By its words, at operators of this machine; with a database for its book. */
  Schema.TaggedStruct("spark", {
    mnemonic: Schema.String,
    connection: SparkConnection,
    database: Schema.String
  })
])
export type Account = typeof Account.Type

export const WalletTask = Schema.Struct({
  account: Account,
  /** To be paid, one after the other. */
  invoices: Schema.Array(Schema.String)
})
export interface WalletTask extends Schema.Schema.Type<typeof WalletTask> {}

export const WalletPerformance = Schema.Struct({
  /** Milliseconds until it said its balance, its module included. */
  start: Schema.Finite,
  /** Milliseconds of a payment: the median. */
  payment: Schema.Finite,
  /** Megabytes: what the process had in the end. */
  resident: Schema.Finite
})
export interface WalletPerformance extends Schema.Schema.Type<typeof WalletPerformance> {}
