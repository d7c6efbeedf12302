/**
 * The receiving and looking side of a wallet. What spends stands apart, in `Payer`.
 */
import { Bolt11, Msat, Network, type SparkHtlc } from "@farthing/protocol"
import type { Duration, Effect, Option, Stream } from "effect"
import { Context, Schema } from "effect"

/**
 * Tells one wallet from another: the same whenever and from wherever it is used, another for
 * another wallet or another account. Not secret.
 */
export const WalletId = Schema.NonEmptyString.pipe(Schema.brand("WalletId"))
export type WalletId = typeof WalletId.Type

export interface Info {
  readonly id: WalletId
  readonly alias: string
  readonly network: Network.Network
  /** What it can do; asking for anything else fails with `Unsupported`. */
  readonly capabilities: {
    /** Hold invoices can be made, settled and cancelled. */
    readonly hold: boolean
    /** Hold invoices can be paid, and a look-up tells of a payment while it is under way. */
    readonly lock: boolean
    /** Money can be locked to a Spark address and taken there, without an invoice. */
    readonly htlc: boolean
    /** A payment's fee can be capped (NIP-47 has no way to). */
    readonly feeCap: boolean
  }
}

export interface InvoiceRequest {
  readonly amount: Msat.Msat
  readonly description: string
  readonly expiry: Duration.Input
}

export interface HoldInvoiceRequest extends InvoiceRequest {
  readonly paymentHash: Bolt11.PaymentHash
  /**
   * For how many blocks (BOLT 11 `min_final_cltv_expiry_delta`) the money is locked at least;
   * one counts as ten minutes, the one under way not at all. Default: the wallet's own.
   */
  readonly minFinalCltvDelta?: number
}

export interface HtlcRequest {
  /** Whole sats. */
  readonly amount: Msat.Msat
  /** Of the payer's preimage. */
  readonly paymentHash: Bolt11.PaymentHash
  /** For how long nobody who has locked money may get it back. */
  readonly lock: Duration.Input
  /** For how long money may be locked from now on. */
  readonly expiry: Duration.Input
}

/** `held`: paid by the customer, but locked until we settle or cancel (hold invoices and HTLCs). */
export const IncomingState = Schema.Literals(["pending", "held", "settled", "cancelled", "expired"])

/** An invoice of ours, or an HTLC that we quoted, and what became of it. */
export const Incoming = Schema.Struct({
  paymentHash: Bolt11.PaymentHash,
  /** Empty for an HTLC, which has none. */
  bolt11: Schema.String,
  amount: Msat.Msat,
  state: IncomingState,
  /**
   * Unix seconds until which the money of a `held` invoice can be taken, rather too early than
   * too late. None while nothing is held, and where the wallet does not say it.
   */
  heldUntil: Schema.Option(Schema.Int),
  /** Unix seconds. */
  createdAt: Schema.Int,
  settledAt: Schema.Option(Schema.Int)
})
export interface Incoming extends Schema.Schema.Type<typeof Incoming> {}

/** `pending` means under way: it may still settle or fail. */
export const OutgoingState = Schema.Literals(["pending", "settled", "failed"])

/** A payment of ours and what became of it. */
export const Outgoing = Schema.Struct({
  paymentHash: Bolt11.PaymentHash,
  /** Empty for an HTLC, which has none. */
  bolt11: Schema.String,
  amount: Msat.Msat,
  state: OutgoingState,
  /** None while the wallet has not said it (NIP-47 may never do). */
  fee: Schema.Option(Msat.Msat),
  /** Present once settled; proof of payment. */
  preimage: Schema.Option(Bolt11.Preimage),
  createdAt: Schema.Int,
  settledAt: Schema.Option(Schema.Int)
})
export interface Outgoing extends Schema.Schema.Type<typeof Outgoing> {}

/** Money that moved without an invoice: a wallet is filled, or another program empties it. */
export interface Transfer {
  /** The wallet's own name for it. */
  readonly id: string
  readonly direction: "in" | "out"
  readonly amount: Msat.Msat
  /** Unix seconds. */
  readonly createdAt: number
}

export interface Transactions {
  readonly incoming: ReadonlyArray<Incoming>
  readonly outgoing: ReadonlyArray<Outgoing>
  /** Empty where the wallet does not tell of them. */
  readonly transfers: ReadonlyArray<Transfer>
}

export interface Shape {
  /** That of `info`, without asking the wallet. */
  readonly id: WalletId
  readonly info: Effect.Effect<Info, WalletError>
  /** What can be spent now. */
  readonly balance: Effect.Effect<Msat.Msat, WalletError>
  /** Where money can be sent to without an invoice (Spark or Lightning address), if it has one. */
  readonly address: Effect.Effect<Option.Option<string>, WalletError>
  readonly makeInvoice: (request: InvoiceRequest) => Effect.Effect<Incoming, WalletError>
  readonly makeHoldInvoice: (request: HoldInvoiceRequest) => Effect.Effect<Incoming, WalletError>
  /** Expects money under this hash at our Spark address; `lookupIncoming` knows it from then on. */
  readonly quoteHtlc: (request: HtlcRequest) => Effect.Effect<SparkHtlc.SparkHtlc, WalletError>
  /** Takes the money of a `held` invoice, or HTLC, by showing its preimage. */
  readonly settleHoldInvoice: (preimage: Bolt11.Preimage) => Effect.Effect<void, WalletError>
  /**
   * Gives the money of a `held` invoice back, or voids a pending one. That of an HTLC is not taken
   * any more, and returns when its lock ends.
   */
  readonly cancelHoldInvoice: (paymentHash: Bolt11.PaymentHash) => Effect.Effect<void, WalletError>
  /** An invoice of ours; none if this wallet never made it. */
  readonly lookupIncoming: (
    paymentHash: Bolt11.PaymentHash
  ) => Effect.Effect<Option.Option<Incoming>, WalletError>
  /** A payment of ours; none if this wallet does not know of any (yet). */
  readonly lookupOutgoing: (
    paymentHash: Bolt11.PaymentHash
  ) => Effect.Effect<Option.Option<Outgoing>, WalletError>
  /** Everything since a unix second, newest first. */
  readonly transactions: (options?: {
    readonly since?: number
    readonly limit?: number
  }) => Effect.Effect<Transactions, WalletError>
  /**
   * Invoices and HTLCs of ours as they become `held` or `settled`, from the moment of subscription on.
   * A hint: at least once, and after a broken connection some may be missing, so whoever waits
   * for money also looks up.
   */
  readonly incoming: Stream.Stream<Incoming, WalletError>
}

export class Wallet extends Context.Service<Wallet, Shape>()("@farthing/wallet/Wallet") {}

/** The wallet did not answer, or could not be reached. Nothing is known about what it did. */
export class WalletUnreachable extends Schema.TaggedError<WalletUnreachable>()(
  "WalletUnreachable",
  { message: Schema.String }
) {}

/** The wallet cannot do this at all. */
export class Unsupported extends Schema.TaggedError<Unsupported>()("Unsupported", {
  message: Schema.String
}) {}

/** The wallet answered with a refusal; `code` is its own word for it. */
export class WalletRefused extends Schema.TaggedError<WalletRefused>()("WalletRefused", {
  code: Schema.String,
  message: Schema.String
}) {}

/** The wallet answered with something that cannot be true or understood. */
export class WalletAnswerInvalid extends Schema.TaggedError<WalletAnswerInvalid>()(
  "WalletAnswerInvalid",
  { message: Schema.String }
) {}

export class WalletError extends Schema.TaggedError<WalletError>()("WalletError", {
  reason: Schema.Union([WalletUnreachable, Unsupported, WalletRefused, WalletAnswerInvalid])
}) {
  override get message(): string {
    return this.reason.message
  }
}
