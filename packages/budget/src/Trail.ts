/**
 * The trail: an entry for every decision that money depended on, written once, in the order of the
 * decisions. The entries of a payment add up to what the ledger says of it.
 */
import { Bolt11, Msat } from "@farthing/protocol"
import { Schema } from "effect"
import { LimitName } from "./Limits.ts"
import { PurchaseId, SpendOutcome, SpendState, nullable } from "./Spend.ts"

/**
 * What was decided: the state that a payment came to, what came of it (see `SpendState` and
 * `SpendOutcome`), or
 *
 * - `released`: the preimage of a lock went out; it counts as spent and not as held from then on
 * - `refused`: a limit, or a rule for every payment, stood in the way; nothing was reserved
 * - `approval_required`: a person has to agree first; nothing was reserved
 * - `let_go`: its process went away after it had submitted; the reservation stays
 * - `taken_over`: its process gave no sign of life, and another one takes care of it
 * - `overruled`: what an earlier owner said after it was taken over; it changed nothing
 * - `frozen`, `unfrozen`: all spending stopped, or goes on
 */
export const Decision = Schema.Literals([
  ...SpendState.literals,
  ...SpendOutcome.literals,
  "released",
  "refused",
  "approval_required",
  "let_go",
  "taken_over",
  "overruled",
  "frozen",
  "unfrozen"
])
export type Decision = typeof Decision.Type

/** The limit that stood in the way, and what it was measured by. */
export const Refusal = Schema.Struct({
  limit: Schema.Union([LimitName, Schema.Literal("approval_above_sats")]),
  asked: Msat.Msat,
  most: Msat.Msat,
  spent: Msat.Msat,
  held: Msat.Msat
})
export interface Refusal extends Schema.Schema.Type<typeof Refusal> {}

export const Entry = Schema.Struct({
  /** 1, 2, 3, ... in each budget. */
  seq: Schema.Int,
  /** Unix milliseconds. */
  at: Schema.Int,
  /** Undefined where the whole budget is meant, or nothing was to be bought yet. */
  purchase: nullable(PurchaseId),
  paymentHash: nullable(Bolt11.PaymentHash),
  what: Decision,
  /** By how many msat it moved every total of the payment; may be negative. */
  spent: Schema.Int,
  held: Schema.Int,
  delivered: Schema.Int,
  /** Why, for people. */
  note: Schema.String,
  refusal: nullable(Schema.fromJsonString(Refusal))
})
export interface Entry extends Schema.Schema.Type<typeof Entry> {}

const states: ReadonlySet<string> = new Set(SpendState.literals)

/** Whether the entry says to which state the payment came. */
export const isState = (decision: Decision): boolean => states.has(decision)
