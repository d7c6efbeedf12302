/**
 * What a quote has to be before money is reserved for it, an invoice or an HTLC: exactly what was
 * asked for, at no more than was said, to be paid now or never. Pure; each fault is final for the
 * provider.
 */
import * as LockLife from "@farthing/budget/LockLife"
import {
  Bolt11,
  Msat,
  type Network,
  PaymentRequest,
  Sat,
  Settlement,
  SparkHtlc
} from "@farthing/protocol"
import { Blocks } from "@farthing/wallet"
import { Option, Result } from "effect"
import type { InvoiceFault } from "./ComputeError.ts"
import type { Quoted, QuotedHtlc } from "./JobTransport.ts"

/** What we know of the job the quote is for. */
export interface Context {
  readonly network: Network.Network
  /** The advertised price of what was asked for; none is unknown. */
  readonly price: Option.Option<Msat.Msat>
  /** The most that the caller would pay for it. */
  readonly cap: Msat.Msat
  /** What was asked for. */
  readonly way: Settlement.Way
  /** Of our own preimage, where the money is to be locked to it. */
  readonly ownHash: Option.Option<Bolt11.PaymentHash>
  /** Seconds that money has to stay locked for, where it waits for the result. */
  readonly leastLock: number
}

export interface Fault {
  readonly reason: InvoiceFault
  readonly message: string
}

/** Seconds of life a quote needs, so that a payment has time to arrive. */
export const minSecondsLeft = 15

/** In blocks: money that is stuck on its way is back after a day (BOLT 11, field `c`). */
export const maxFinalCltvDelta = 144

/** In seconds: the same for money that is locked over Spark. */
export const maxLock = maxFinalCltvDelta * Blocks.seconds

/** In seconds: an HTLC whose quote says nothing is locked soon, or not at all. */
const usualExpiry = 600

/** Judges a quote; `now` is in unix seconds. */
export const check = (
  quote: Quoted,
  context: Context,
  now: number
): Result.Result<PaymentRequest.PaymentRequest, Fault> => {
  const read = readQuote(quote, now)
  if (Result.isFailure(read)) return fault("undecodable", read.failure.message)
  const request = read.success
  if (request.network !== context.network)
    return fault("wrong_network", `it is for ${request.network}, we are on ${context.network}`)
  const unasked = objectionToSettlement(quote, context)
  if (unasked !== undefined) return unasked
  const asked = PaymentRequest.amountOf(request)
  if (Option.isNone(asked)) return fault("no_amount", "it has no amount")
  const amount = asked.value
  if (amount !== quote.amount)
    return fault("amount_mismatch", `it is over ${amount} msat, the message says ${quote.amount}`)
  if (quote.rail === "spark" && !(amount > 0 && Sat.isWhole(amount)))
    return fault("no_amount", `${amount} msat cannot be locked over Spark: whole sats alone can`)
  if (Option.isSome(context.price) && amount > context.price.value)
    return fault("above_price", `${amount} msat, announced were ${context.price.value}`)
  if (amount > context.cap)
    return fault("above_budget", `${amount} msat, the budget is ${context.cap}`)
  if (quote.paymentHash !== undefined && quote.paymentHash !== request.paymentHash)
    return fault("hash_mismatch", "its payment hash is not that of the message")
  if (Option.isSome(context.ownHash) && request.paymentHash !== context.ownHash.value)
    return fault("hash_not_ours", "somebody else could take the money, by another preimage")
  const expiresAt = Math.min(request.expiresAt, quote.expiresAt ?? request.expiresAt)
  if (expiresAt <= now) return fault("expired", `it expired ${now - expiresAt} s ago`)
  if (expiresAt < now + minSecondsLeft)
    return fault("expires_too_soon", `it expires in ${expiresAt - now} s`)
  return objectionToLock(request, context) ?? Result.succeed(request)
}

const readQuote = (
  quote: Quoted,
  now: number
): Result.Result<PaymentRequest.PaymentRequest, Bolt11.InvalidInvoice | SparkHtlc.InvalidHtlc> =>
  quote.rail === "lightning" ? Bolt11.decode(quote.bolt11) : readHtlc(quote, now)

const readHtlc = (quote: QuotedHtlc, now: number) => {
  const { address, amount, lockSeconds, paymentHash } = quote
  const expiresAt = quote.expiresAt ?? now + usualExpiry
  return SparkHtlc.make({ address, amount, paymentHash, expiresAt, lockSeconds })
}

/** Who asks for a lock gets no invoice that is simply paid, and who does not gets no lock. */
const objectionToSettlement = (
  quote: Quoted,
  { way }: Pick<Context, "way">
): Result.Result<never, Fault> | undefined => {
  const asked = Settlement.modeOf(way)
  const { rail, settlement } = quote
  if (settlement !== asked)
    return settlement === "upfront"
      ? fault("downgraded", `${asked} was asked for, and it wants to be paid first`)
      : fault("settlement_not_asked", `${settlement} was not asked for`)
  if (rail !== Settlement.railOf(way))
    return fault("rail_not_asked", `${asked} over ${rail} was not asked for`)
  if (quote.rail === "spark") return undefined
  if (quote.hold && settlement === "upfront")
    return fault("hold_in_upfront", "a hold invoice could keep the money without taking it")
  if (!quote.hold && settlement !== "upfront")
    return fault("no_hold", `${settlement} needs an invoice that holds the money`)
  return undefined
}

/** Neither forever, nor for less than the job needs. */
const objectionToLock = (
  request: PaymentRequest.PaymentRequest,
  { leastLock, way }: Pick<Context, "leastLock" | "way">
): Result.Result<never, Fault> | undefined => {
  const lasts = LockLife.leastOf(request)
  if (lasts > maxLock)
    return PaymentRequest.isHtlc(request)
      ? fault("lock_too_long", `the money would be locked for ${lasts} s`)
      : fault("cltv_too_long", `the money could be stuck for ${request.minFinalCltvDelta} blocks`)
  return Settlement.modeOf(way) === "escrow" && lasts < leastLock
    ? fault(
        "lock_too_short",
        `the money would be locked for ${lasts} s, and the job needs ${leastLock}`
      )
    : undefined
}

const fault = (reason: InvoiceFault, message: string): Result.Result<never, Fault> =>
  Result.fail({ reason, message })
