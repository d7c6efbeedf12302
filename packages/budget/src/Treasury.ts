/**
 * The one door to the wallet: reserves budget, pays once, records, recovers.
 */
import { Bolt11, Key, Msat, Network } from "@farthing/protocol"
import type { PaymentFailed, PaymentUnknown } from "@farthing/wallet/Payer"
import type { Effect } from "effect"
import { Context, Schema } from "effect"

export { PaymentFailed, PaymentUnknown } from "@farthing/wallet/Payer"

/** One wish for a result: all its requests, quotes, attempts and its one payment. */
export const PurchaseId = Schema.NonEmptyString.pipe(Schema.brand("PurchaseId"))
export type PurchaseId = typeof PurchaseId.Type

/** One turn of an agent; a single `ask` is a tick of its own. */
export const TickId = Schema.NonEmptyString.pipe(Schema.brand("TickId"))
export type TickId = typeof TickId.Type

export interface Spend {
  readonly purchase: PurchaseId
  readonly tick: TickId
  readonly payee: Key.PublicKey
  readonly invoice: Bolt11.Invoice
  /** The most that invoice and fee together may cost. */
  readonly cap: Msat.Msat
  /** A person has agreed to this spend, so the approval threshold does not apply. */
  readonly approved: boolean
}

/** A payment that is done. */
export interface Settled {
  readonly paymentHash: Bolt11.PaymentHash
  readonly preimage: Bolt11.Preimage
  readonly amount: Msat.Msat
  /** What was booked: the fee, or the whole fee reserve while the wallet does not say. */
  readonly fee: Msat.Msat
  /** Spent and held today together with it. */
  readonly leftToday: Msat.Msat | undefined
}

/** What became of a payment, for whoever asks later. */
export const SpendState = Schema.Literals([
  "intended",
  "submitted",
  "held",
  "settled",
  "failed",
  "unknown"
])
export type SpendState = typeof SpendState.Type

export interface SpendRecord {
  readonly purchase: PurchaseId
  readonly paymentHash: Bolt11.PaymentHash
  readonly payee: Key.PublicKey
  readonly bolt11: string
  readonly state: SpendState
  readonly amount: Msat.Msat
  readonly allowedFee: Msat.Msat
  readonly fee: Msat.Msat | undefined
  readonly preimage: Bolt11.Preimage | undefined
  /** `YYYY-MM-DD` in the ledger's time zone: the day it was reserved. */
  readonly day: string
}

export type PayError =
  | PaymentRefused
  | BudgetExhausted
  | ApprovalRequired
  | PaymentFailed
  | PaymentUnknown
  | WalletUnavailable
  | LedgerUnavailable

export interface Shape {
  /** Reserve, write the intent, pay, settle: at most once per payment hash and purchase. */
  readonly pay: (spend: Spend) => Effect.Effect<Settled, PayError>
  /** Whether a spend of this size could be reserved now; before any request is sent. */
  readonly check: (
    wish: Pick<Spend, "tick"> & { readonly amount: Msat.Msat; readonly payee?: Key.PublicKey }
  ) => Effect.Effect<void, BudgetExhausted | ApprovalRequired | LedgerUnavailable>
  /** Says what came of a settled payment: a provider with deliveries is proven. */
  readonly conclude: (
    paymentHash: Bolt11.PaymentHash,
    outcome: "delivered" | "lost"
  ) => Effect.Effect<void, LedgerUnavailable>
  /** Looks up what is unknown and takes over what a dead process left behind. */
  readonly recover: Effect.Effect<ReadonlyArray<SpendRecord>, WalletUnavailable | LedgerUnavailable>
  readonly find: (
    purchase: PurchaseId
  ) => Effect.Effect<ReadonlyArray<SpendRecord>, LedgerUnavailable>
  readonly status: Effect.Effect<Status, LedgerUnavailable>
}

/** One limit and how much of it is used. */
export interface LimitStatus {
  readonly limit: LimitName
  readonly most: Msat.Msat
  readonly spent: Msat.Msat
  readonly held: Msat.Msat
}

export interface Status {
  readonly day: string
  readonly frozen: string | undefined
  readonly spentToday: Msat.Msat
  readonly held: Msat.Msat
  readonly unknown: Msat.Msat
  readonly spentEver: Msat.Msat
  readonly limits: ReadonlyArray<LimitStatus>
}

export class Treasury extends Context.Service<Treasury, Shape>()("@farthing/budget/Treasury") {}

export const LimitName = Schema.Literals([
  "budget",
  "daily_limit_sats",
  "per_tick_limit_sats",
  "per_job_limit_sats",
  "per_provider_daily_sats",
  "first_spend_limit_sats",
  "unproven_daily_limit_sats",
  "max_unresolved_sats",
  "lifetime_limit_sats",
  "reserve_sats",
  "frozen"
])
export type LimitName = typeof LimitName.Type

/** The spend would break a limit; nothing was paid. */
export class BudgetExhausted extends Schema.TaggedError<BudgetExhausted>()("BudgetExhausted", {
  limit: LimitName,
  most: Msat.Msat,
  spent: Msat.Msat,
  held: Msat.Msat,
  asked: Msat.Msat,
  /** When the limit starts anew (ISO 8601), if it does. */
  resetsAt: Schema.optionalKey(Schema.String)
}) {}

/** A person has to agree to a spend of this size. */
export class ApprovalRequired extends Schema.TaggedError<ApprovalRequired>()("ApprovalRequired", {
  asked: Msat.Msat,
  above: Msat.Msat
}) {}

/** The invoice is one that must not be paid. */
export class PaymentRefused extends Schema.TaggedError<PaymentRefused>()("PaymentRefused", {
  reason: Schema.Literals([
    "wrong_network",
    "no_amount",
    "expired",
    "cltv_too_long",
    "already_used",
    "purchase_already_paid"
  ]),
  message: Schema.String
}) {}

/** The wallet cannot be asked at all; nothing was paid. */
export class WalletUnavailable extends Schema.TaggedError<WalletUnavailable>()(
  "WalletUnavailable",
  { message: Schema.String }
) {}

/** The spend ledger cannot be read or written; without it nothing is paid. */
export class LedgerUnavailable extends Schema.TaggedError<LedgerUnavailable>()(
  "LedgerUnavailable",
  { message: Schema.String }
) {}

export interface Options {
  readonly network: Network.Network
}
