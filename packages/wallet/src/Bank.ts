/**
 * A bank that issues Lightning invoices and moves money between its accounts: real signed BOLT 11
 * invoices, real preimages, hold invoices and fees, in a double-entry book that survives a crash.
 *
 * The rules of the house:
 * - Every movement is a set of entries whose sum is 0. Only the mint, where deposits come from,
 *   may be below zero.
 * - A payment hash is paid at most once, ever. Paying it again from the same account moves
 *   nothing and answers with the first payment's outcome; from another account it is refused.
 * - An account cannot pay itself, nor an invoice without an amount or of another issuer.
 * - The payer bears the fee. A held payment holds its fee too, and a cancelled one returns both.
 */
import { Bolt11, Key, Msat, Network } from "@farthing/protocol"
import type { Effect, Option, Stream } from "effect"
import { Context, Schema } from "effect"
import type { Locked, Paid, PaymentFailed, PaymentUnknown, PayRequest } from "./Payer.ts"
import type { Incoming, InvoiceRequest, Outgoing } from "./Wallet.ts"

/** What the payer is charged on top of an amount: `base + ⌈amount × ppm / 1,000,000⌉`. */
export interface FeeSchedule {
  readonly base: Msat.Msat
  readonly ppm: number
}

export interface MakeInvoice extends InvoiceRequest {
  /** The caller's hash makes it a hold invoice; without one the bank draws the preimage. */
  readonly paymentHash?: Bolt11.PaymentHash
  /** Blocks for which the money of a hold invoice is locked; default 144. */
  readonly minFinalCltvDelta?: number
}

/** Something that happened to an account's money. */
export type Change =
  | { readonly _tag: "Incoming"; readonly incoming: IssuedInvoice }
  | { readonly _tag: "Outgoing"; readonly outgoing: Outgoing }

/** A customer's invoice together with what only its owner may know. */
export interface IssuedInvoice extends Incoming {
  /** None until it is settled. */
  readonly preimage: Option.Option<Bolt11.Preimage>
}

/** An account's invoices and payments. */
export interface Statement {
  readonly incoming: ReadonlyArray<IssuedInvoice>
  readonly outgoing: ReadonlyArray<Outgoing>
}

/** What the book adds up to; every number is re-derived from the entries. */
export interface Audit {
  /** All entries together: 0 in a book that is whole. */
  readonly sum: number
  readonly balances: ReadonlyMap<string, number>
  /** What is wrong, in words; empty in a book that is whole. */
  readonly findings: ReadonlyArray<string>
}

export interface Shape {
  readonly network: Network.Network
  /** The node key (33 bytes in hex) that signs the invoices. */
  readonly nodeId: string
  readonly feeFor: (amount: Msat.Msat) => Msat.Msat
  /** Opens an account with money from the mint, if there is none of that name. */
  readonly open: (account: string, balance?: Msat.Msat) => Effect.Effect<void, BankError>
  /** A key of the account for a purpose, the same whenever it is asked for. */
  readonly keyOf: (account: string, purpose: string) => Key.SecretKey
  /** New money from the mint. */
  readonly deposit: (account: string, amount: Msat.Msat) => Effect.Effect<void, BankError>
  /** What the account can spend now; money under a lock is not in it. */
  readonly balance: (account: string) => Effect.Effect<Msat.Msat, BankError>
  readonly makeInvoice: (
    account: string,
    request: MakeInvoice
  ) => Effect.Effect<IssuedInvoice, BankError>
  /** Takes the money of a held invoice; once it is settled, doing so again changes nothing. */
  readonly settleHold: (
    account: string,
    preimage: Bolt11.Preimage
  ) => Effect.Effect<void, BankError>
  /** Returns the money of a held invoice, or voids one that is pending. */
  readonly cancelHold: (
    account: string,
    paymentHash: Bolt11.PaymentHash
  ) => Effect.Effect<void, BankError>
  /** Pays once. The payment of a hold invoice returns when it is settled or cancelled. */
  readonly pay: (
    account: string,
    request: PayRequest
  ) => Effect.Effect<Paid, PaymentFailed | PaymentUnknown>
  /** Pays once. The payment of a hold invoice returns when the money is held. */
  readonly lock: (
    account: string,
    request: PayRequest
  ) => Effect.Effect<Locked, PaymentFailed | PaymentUnknown>
  /** An invoice of this account. */
  readonly findInvoice: (
    account: string,
    paymentHash: Bolt11.PaymentHash
  ) => Effect.Effect<Option.Option<IssuedInvoice>, BankError>
  /** A payment by this account. */
  readonly findPayment: (
    account: string,
    paymentHash: Bolt11.PaymentHash
  ) => Effect.Effect<Option.Option<Outgoing>, BankError>
  /** Newest first; `since` (unix seconds) and `limit` count for each direction. */
  readonly transactions: (
    account: string,
    options?: { readonly since?: number; readonly limit?: number }
  ) => Effect.Effect<Statement, BankError>
  /**
   * Every change from the moment of subscription on, in order and once, also those that another
   * process makes in the same book.
   */
  readonly changes: (account: string) => Stream.Stream<Change, BankError>
  readonly audit: Effect.Effect<Audit, BankError>
}

export class Bank extends Context.Service<Bank, Shape>()("@farthing/wallet/Bank") {}

export class UnknownAccount extends Schema.TaggedError<UnknownAccount>()("UnknownAccount", {
  message: Schema.String
}) {}

export class UnknownInvoice extends Schema.TaggedError<UnknownInvoice>()("UnknownInvoice", {
  message: Schema.String
}) {}

/** What was asked for cannot be done by anybody. */
export class InvalidRequest extends Schema.TaggedError<InvalidRequest>()("InvalidRequest", {
  message: Schema.String
}) {}

/** The invoice is in a state in which this cannot be done (any more). */
export class WrongState extends Schema.TaggedError<WrongState>()("WrongState", {
  message: Schema.String
}) {}

/** The book cannot be read or written. */
export class BookUnavailable extends Schema.TaggedError<BookUnavailable>()("BookUnavailable", {
  message: Schema.String
}) {}

export class BankError extends Schema.TaggedError<BankError>()("BankError", {
  reason: Schema.Union([
    UnknownAccount,
    UnknownInvoice,
    InvalidRequest,
    WrongState,
    BookUnavailable
  ])
}) {
  override get message(): string {
    return this.reason.message
  }
}
