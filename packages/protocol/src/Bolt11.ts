/**
 * Lightning invoices (BOLT 11).
 */
import { Option, Result, Schema } from "effect"
import * as Hex from "./Hex.ts"
import type * as Msat from "./Msat.ts"
import type * as Network from "./Network.ts"

/** sha256 of the preimage: the name of a payment. */
export const PaymentHash = Hex.ofBytes(32).pipe(Schema.brand("PaymentHash"))
export type PaymentHash = typeof PaymentHash.Type

/** Whoever has it can prove the payment: 32 bytes whose sha256 is the payment hash. */
export const Preimage = Hex.ofBytes(32).pipe(Schema.brand("Preimage"))
export type Preimage = typeof Preimage.Type

/** A decoded invoice whose checksum and signature were found good. */
export interface Invoice {
  /** The invoice as it was given, in lower case. */
  readonly bolt11: string
  readonly network: Network.Network
  /** None: the payer chooses; Farthing refuses to pay those. */
  readonly amount: Option.Option<Msat.Msat>
  /** Unix seconds. */
  readonly createdAt: number
  /** Unix seconds; from then on the invoice must not be paid. */
  readonly expiresAt: number
  readonly paymentHash: PaymentHash
  readonly paymentSecret: string
  /** The payee's node key, 33 bytes in hex: from the `n` field or recovered from the signature. */
  readonly payee: string
  readonly description: Option.Option<string>
  readonly descriptionHash: Option.Option<string>
  readonly minFinalCltvDelta: number
}

/** What is needed to issue an invoice. Deterministic: same input, same invoice. */
export interface Draft {
  readonly network: Network.Network
  readonly amount: Option.Option<Msat.Msat>
  readonly createdAt: number
  readonly expirySeconds: number
  readonly paymentHash: PaymentHash
  readonly paymentSecret: string
  readonly description: string
  readonly minFinalCltvDelta: number
}

/** Why a string is no invoice that may be paid. */
export class InvalidInvoice extends Schema.TaggedError<InvalidInvoice>()("InvalidInvoice", {
  message: Schema.String
}) {}

export declare const decode: (bolt11: string) => Result.Result<Invoice, InvalidInvoice>

/** Encodes and signs with the payee's node key (32 bytes). */
export declare const encode: (draft: Draft, nodeKey: Uint8Array) => string
