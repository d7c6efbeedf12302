/**
 * What a payee asks for, on whatever rail: a Lightning invoice, or an HTLC over Spark. Both name a
 * payment hash, an amount and a last moment; both can be kept as a text.
 */
import { Option, Result } from "effect"
import * as Bolt11 from "./Bolt11.ts"
import type * as Msat from "./Msat.ts"
import type * as Settlement from "./Settlement.ts"
import * as SparkHtlc from "./SparkHtlc.ts"

export type PaymentRequest = Bolt11.Invoice | SparkHtlc.SparkHtlc

export const isHtlc = (request: PaymentRequest): request is SparkHtlc.SparkHtlc =>
  "lockSeconds" in request

/** None of an invoice that leaves it to its payer. */
export const amountOf = (request: PaymentRequest): Option.Option<Msat.Msat> =>
  isHtlc(request) ? Option.some(request.amount) : request.amount

export const railOf = (request: PaymentRequest): Settlement.Rail =>
  isHtlc(request) ? "spark" : "lightning"

/** The invoice as it was given, or the text of an HTLC. */
export const textOf = (request: PaymentRequest): string =>
  isHtlc(request) ? SparkHtlc.stringify(request) : request.bolt11

/** The rail of such a text. */
export const railOfText = (text: string): Settlement.Rail =>
  SparkHtlc.isText(text) ? "spark" : "lightning"

export const parse = (
  text: string
): Result.Result<PaymentRequest, Bolt11.InvalidInvoice | SparkHtlc.InvalidHtlc> =>
  SparkHtlc.isText(text) ? SparkHtlc.parse(text) : Bolt11.decode(text)
