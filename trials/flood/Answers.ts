/** What the processes of the flood tell, and what all of them know. */
import { Key, Msat, NostrEvent } from "@farthing/protocol"
import { Schema } from "effect"

export const price = Msat.make(5_000)

/** With which each account is opened. */
export const balance = Msat.make(1_000_000_000)

export const Addresses = Schema.Struct({
  relay: Schema.String,
  wallets: Schema.Array(Schema.String)
})

/** Where a provider takes jobs. */
export const Counter = Schema.Struct({ publicKey: Key.PublicKey, channel: NostrEvent.EventId })
export interface Counter extends Schema.Schema.Type<typeof Counter> {}

export const BankAudit = Schema.Struct({
  customer: Schema.Int,
  provider: Schema.Int,
  sum: Schema.Int,
  findings: Schema.Array(Schema.String)
})

export const ProviderStatus = Schema.Struct({
  unpaid: Schema.Int,
  delivered: Schema.Int,
  owed: Schema.Int,
  refunded: Schema.Int,
  lost: Schema.Int,
  earned: Msat.Msat
})

export const Purchases = Schema.Struct({
  done: Schema.Int,
  /** How many failed, by the tag of the error. */
  failed: Schema.Record(Schema.String, Schema.Int),
  /** Known providers, the last time somebody looked. */
  providers: Schema.Int
})

export const SpendAudit = Schema.Struct({
  spent: Msat.Msat,
  held: Msat.Msat,
  findings: Schema.Array(Schema.Struct({ message: Schema.String }))
})
