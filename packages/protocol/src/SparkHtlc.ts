/**
 * Where money is to be locked over Spark: what an `EscrowQuote` asks for, and the counterpart of a
 * hold invoice. Whoever shows the preimage in time takes the money; otherwise the operators return
 * it by themselves.
 */
import { Option, Result, Schema } from "effect"
import * as Bolt11 from "./Bolt11.ts"
import * as Msat from "./Msat.ts"
import type * as Network from "./Network.ts"
import * as SparkAddress from "./SparkAddress.ts"

export interface SparkHtlc {
  readonly network: Network.Network
  /** The payee's Spark address (bech32m). */
  readonly address: string
  /** Whole sats: Spark knows nothing smaller. */
  readonly amount: Msat.Msat
  readonly paymentHash: Bolt11.PaymentHash
  /** Unix seconds; from then on nothing must be locked for it any more. */
  readonly expiresAt: number
  /** For how long the money is locked, counted from when it is. */
  readonly lockSeconds: number
}

/** Why something names no HTLC. */
export class InvalidHtlc extends Schema.TaggedError<InvalidHtlc>()("InvalidHtlc", {
  message: Schema.String
}) {}

/** What an HTLC is made of; its address says on which network it lives. */
export const make = (terms: Omit<SparkHtlc, "network">): Result.Result<SparkHtlc, InvalidHtlc> =>
  Option.match(SparkAddress.decode(terms.address), {
    onNone: () => Result.fail(new InvalidHtlc({ message: "it names no Spark address" })),
    onSome: ({ network }) => Result.succeed({ ...terms, network })
  })

/** As a text, for whoever keeps invoices as texts; `parse` reads it. */
export const stringify = (htlc: SparkHtlc): string =>
  `${scheme}${htlc.address}?hash=${htlc.paymentHash}&msats=${htlc.amount}&expires=${htlc.expiresAt}&lock=${htlc.lockSeconds}`

/** Whether a text is that of an HTLC, and not an invoice. */
export const isText = (text: string): boolean => text.startsWith(scheme)

export const parse = (text: string): Result.Result<SparkHtlc, InvalidHtlc> => {
  const [, address = "", hash = "", amount, expires, lock] = pattern.exec(text) ?? []
  const [msats, expiresAt, lockSeconds] = [Number(amount), Number(expires), Number(lock)]
  return isHash(hash) && [msats, expiresAt, lockSeconds].every(Msat.is)
    ? make({ address, amount: Msat.make(msats), paymentHash: hash, expiresAt, lockSeconds })
    : Result.fail(new InvalidHtlc({ message: "it is no HTLC over Spark" }))
}

const scheme = "spark:"

const pattern =
  /^spark:([a-z0-9]+)\?hash=([0-9a-f]{64})&msats=(\d{1,16})&expires=(\d{1,16})&lock=(\d{1,16})$/

const isHash = Schema.is(Bolt11.PaymentHash)
