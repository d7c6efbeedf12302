/** What the processes of a trial are told when they start, in the variable `TRIAL`. */
import { Msat, Settlement } from "@farthing/protocol"
import { Effect, Schema } from "effect"
import { Doom } from "./Fuse.ts"

const common = {
  /** By how many seconds its clock is ahead. */
  ahead: Schema.optionalKey(Schema.Int),
  doom: Schema.optionalKey(Doom),
  /** Whether each point that is passed is told of. */
  tells: Schema.optionalKey(Schema.Boolean)
}

/** By which somebody errs now and then; without one nobody does. */
const lot = Schema.optionalKey(Schema.String)

export const Purchase = Schema.Struct({
  id: Schema.String,
  prompt: Schema.String,
  stream: Schema.Boolean,
  settlement: Settlement.Settlement
})
export interface Purchase extends Schema.Schema.Type<typeof Purchase> {}

export const Customer = Schema.Struct({
  ...common,
  purchases: Schema.Array(Purchase),
  /** How many purchases go on at once. */
  atOnce: Schema.Int,
  /** Whether what is locked comes back by itself alone, so that nobody waits for it. */
  locksReturn: Schema.optionalKey(Schema.Boolean)
})
export interface Customer extends Schema.Schema.Type<typeof Customer> {}

/**
 * - `embedded`: the product's own
 * - `slow`: a word at a time
 * - `failing`: never answers
 * - `fickle`: one of these, by lot
 */
export const Backend = Schema.Literals(["embedded", "slow", "failing", "fickle"])
export type Backend = typeof Backend.Type

export const Provider = Schema.Struct({
  ...common,
  lot,
  name: Schema.String,
  backend: Backend,
  price: Msat.Msat,
  /** For how long a quote can be paid. */
  invoiceSeconds: Schema.Int
})
export interface Provider extends Schema.Schema.Type<typeof Provider> {}

export const Market = Schema.Struct({
  ...common,
  lot,
  /** An existing folder for the books. */
  folder: Schema.String,
  /** Where the relay listens; 0: any free port. */
  port: Schema.Int,
  /** Those that are new start with `balance` msat. */
  accounts: Schema.Array(Schema.String),
  balance: Schema.Int
})
export interface Market extends Schema.Schema.Type<typeof Market> {}

const told = <S extends Schema.Codec<unknown, unknown>>(schema: S) =>
  Effect.suspend(() =>
    Schema.decodeUnknownEffect(Schema.fromJsonString(schema))(process.env["TRIAL"])
  )

export const customer = told(Customer)
export const provider = told(Provider)
export const market = told(Market)
