/** Where people meet: a relay, and wallets that can be reached over it. */
import { Schema } from "effect"

export const Terms = Schema.Struct({
  /** How many accounts the bank opens. */
  accounts: Schema.Int,
  /** For how many milliseconds the relay holds what is live before it passes it on. */
  hop: Schema.Finite
})
export interface Terms extends Schema.Schema.Type<typeof Terms> {}

export const Place = Schema.Struct({
  relay: Schema.String,
  /** Connection URIs (NIP-47), in the order of the accounts. */
  wallets: Schema.Array(Schema.String)
})
export interface Place extends Schema.Schema.Type<typeof Place> {}
