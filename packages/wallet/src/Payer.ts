/**
 * The spending side of a wallet. Only the Treasury (`@farthing/budget`) may use it: every
 * payment goes through the budget.
 */
import { Bolt11, Msat, type SparkHtlc } from "@farthing/protocol"
import type { Effect, Redacted } from "effect"
import { Context, Schema } from "effect"

export interface PayRequest {
  readonly invoice: Bolt11.Invoice
  /** The most that may be paid on top of the amount, where the wallet can cap it. */
  readonly maxFee: Msat.Msat
  /** Unix seconds; the wallet must not start this payment later. */
  readonly expiresAt: number
}

/** An HTLC over Spark; only wallets with the capability `htlc` can lock one. It costs no fee. */
export interface HtlcRequest {
  readonly htlc: SparkHtlc.SparkHtlc
  /** Ours, of the HTLC's payment hash. It is shown to nobody. */
  readonly preimage: Redacted.Redacted<Bolt11.Preimage>
  /** Unix seconds; the money must not be locked later. */
  readonly expiresAt: number
}

export type LockRequest = PayRequest | HtlcRequest

/** A payment that is done: sha256(preimage) was checked to be the payment hash. */
export interface Paid {
  readonly preimage: Bolt11.Preimage
  /** What the wallet says it took on top of the amount; undefined if it does not say. */
  readonly fee: Msat.Msat | undefined
}

/** A payment whose money the wallet has locked to the payment hash, or which is done already. */
export interface Locked {
  /**
   * What it comes to, however long that takes: taken by the payee, or back (`PaymentFailed`).
   * Can be asked for again and again.
   */
  readonly end: Effect.Effect<Paid, PaymentFailed | PaymentUnknown>
}

export interface Shape {
  readonly capsFee: boolean
  /** Pays once. Fails with `PaymentFailed` only if the money provably did not leave. */
  readonly pay: (request: PayRequest) => Effect.Effect<Paid, PaymentFailed | PaymentUnknown>
  /**
   * Pays once, and returns as soon as the money is locked, which for the invoice of a payee who
   * waits for nothing is when it is paid. Fails like `pay`, but is never unknown because the
   * payee takes long. Whoever stops waiting leaves the lock as it is, for a look-up to find.
   */
  readonly lock: (request: LockRequest) => Effect.Effect<Locked, PaymentFailed | PaymentUnknown>
  /**
   * Takes up a payment or lock of an invoice that was interrupted half-way, which a look-up tells
   * as `pending`, and returns once the wallet is at it again; what becomes of it is for look-ups to
   * tell. Never moves money a second time. Nothing to do for wallets that go on by themselves.
   */
  readonly resume: (request: PayRequest) => Effect.Effect<void, PaymentUnknown>
}

export class Payer extends Context.Service<Payer, Shape>()("@farthing/wallet/Payer") {}

/** Why nothing was paid. */
export const FailureReason = Schema.Literals([
  "insufficient_balance",
  "fee_too_high",
  "no_route",
  "expired",
  "already_paid",
  "refused",
  "unreachable"
])
export type FailureReason = typeof FailureReason.Type

/** The money did not leave the wallet and will not leave it any more. */
export class PaymentFailed extends Schema.TaggedError<PaymentFailed>()("PaymentFailed", {
  reason: FailureReason,
  message: Schema.String
}) {}

/** The money may have left: look the payment hash up, never pay again blindly. */
export class PaymentUnknown extends Schema.TaggedError<PaymentUnknown>()("PaymentUnknown", {
  paymentHash: Bolt11.PaymentHash,
  message: Schema.String
}) {}
