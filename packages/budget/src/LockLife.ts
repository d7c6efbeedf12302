/** How long a lock lasts, on either rail. Pure. */
import type { Bolt11, SparkHtlc } from "@farthing/protocol"
import { Blocks } from "@farthing/wallet"

/**
 * Blocks come at random: so many of them take longer than their mean, but hardly ever by more than
 * four standard deviations (of a Poisson process, the root of their number).
 */
const longest = (blocks: number): number => Math.ceil(blocks + 4 * Math.sqrt(blocks))

/** In seconds: Spark's operators return what has run out by themselves, within minutes. */
const returnMargin = 600

/** What a payee asks for, as far as it concerns locks. */
type Asked =
  | Pick<Bolt11.Invoice, "expiresAt" | "minFinalCltvDelta">
  | Pick<SparkHtlc.SparkHtlc, "expiresAt" | "lockSeconds">

/** In seconds, from when the money is locked: payer and payee may count on no more. */
export const leastOf = (asked: Asked): number =>
  "lockSeconds" in asked ? asked.lockSeconds : asked.minFinalCltvDelta * Blocks.seconds

/**
 * Unix seconds; the payee cannot take the money later, whenever it was locked, which is at the latest
 * when what was asked for expires: of an invoice it has `min_final_cltv_expiry_delta` blocks for that
 * (BOLT 11), of an HTLC as long as its lock lasts.
 */
export const endOf = (asked: Asked): number =>
  asked.expiresAt +
  ("lockSeconds" in asked
    ? asked.lockSeconds + returnMargin
    : longest(asked.minFinalCltvDelta) * Blocks.seconds)
