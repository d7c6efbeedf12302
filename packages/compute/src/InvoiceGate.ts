/**
 * What an invoice has to be before money is reserved for it: exactly what was asked for, at no
 * more than was said, to be paid now or never. Pure; each fault is final for the provider.
 */
import type { Bolt11, Network, Settlement } from "@farthing/protocol"
import { Msat } from "@farthing/protocol"
import { Blocks } from "@farthing/wallet"
import { Option, Result } from "effect"
import type { InvoiceFault } from "./ComputeError.ts"
import type { Quoted } from "./JobTransport.ts"

/** What we know of the job the invoice is for. */
export interface Context {
  readonly network: Network.Network
  /** The advertised price of what was asked for; none is unknown. */
  readonly price: Option.Option<Msat.Msat>
  /** The most that the caller would pay for the invoice. */
  readonly cap: Msat.Msat
  /** What was asked for. */
  readonly settlement: Settlement.Settlement
  /** Of our own preimage, where the money is to be locked to it. */
  readonly ownHash: Option.Option<Bolt11.PaymentHash>
  /** Seconds that money has to stay locked for, where it waits for the result. */
  readonly leastLock: number
}

export interface Fault {
  readonly reason: InvoiceFault
  readonly message: string
}

/** Seconds of life an invoice needs, so that a payment has time to arrive. */
export const minSecondsLeft = 15

/** In blocks: money that is stuck on its way is back after a day (BOLT 11, field `c`). */
export const maxFinalCltvDelta = 144

/** Judges an invoice; `now` is in unix seconds. */
export const check = (
  quote: Quoted,
  decoded: Result.Result<Bolt11.Invoice, Bolt11.InvalidInvoice>,
  context: Context,
  now: number
): Result.Result<Bolt11.Invoice, Fault> => {
  if (Result.isFailure(decoded)) return fault("undecodable", decoded.failure.message)
  const invoice = decoded.success
  if (invoice.network !== context.network)
    return fault("wrong_network", `it is for ${invoice.network}, we are on ${context.network}`)
  const unasked = objectionToSettlement(quote, context)
  if (unasked !== undefined) return unasked
  if (Option.isNone(invoice.amount)) return fault("no_amount", "it has no amount")
  const amount = invoice.amount.value
  if (amount !== quote.amount)
    return fault("amount_mismatch", `it is over ${amount} msat, the message says ${quote.amount}`)
  if (Option.isSome(context.price) && amount > context.price.value)
    return fault("above_price", `${amount} msat, announced were ${context.price.value}`)
  if (amount > context.cap)
    return fault("above_budget", `${amount} msat, the budget is ${context.cap}`)
  if (quote.paymentHash !== undefined && quote.paymentHash !== invoice.paymentHash)
    return fault("hash_mismatch", "its payment hash is not that of the message")
  if (Option.isSome(context.ownHash) && invoice.paymentHash !== context.ownHash.value)
    return fault("hash_not_ours", "somebody else could take the money, by another preimage")
  const expiresAt = Math.min(invoice.expiresAt, quote.expiresAt ?? invoice.expiresAt)
  if (expiresAt <= now) return fault("expired", `it expired ${now - expiresAt} s ago`)
  if (expiresAt < now + minSecondsLeft)
    return fault("expires_too_soon", `it expires in ${expiresAt - now} s`)
  if (invoice.minFinalCltvDelta > maxFinalCltvDelta)
    return fault(
      "cltv_too_long",
      `the money could be stuck for ${invoice.minFinalCltvDelta} blocks`
    )
  const lasts = invoice.minFinalCltvDelta * Blocks.seconds
  if (context.settlement === "escrow" && lasts < context.leastLock)
    return fault(
      "lock_too_short",
      `the money would be locked for ${lasts} s, and the job needs ${context.leastLock}`
    )
  return Result.succeed(invoice)
}

/** Who asks for a lock gets no invoice that is simply paid, and who does not gets no lock. */
const objectionToSettlement = (
  { hold, settlement }: Quoted,
  asked: Pick<Context, "settlement">
): Result.Result<never, Fault> | undefined => {
  if (settlement !== asked.settlement)
    return settlement === "upfront"
      ? fault("downgraded", `${asked.settlement} was asked for, and it wants to be paid first`)
      : fault("settlement_not_asked", `${settlement} was not asked for`)
  if (hold && settlement === "upfront")
    return fault("hold_in_upfront", "a hold invoice could keep the money without taking it")
  if (!hold && settlement !== "upfront")
    return fault("no_hold", `${settlement} needs an invoice that holds the money`)
  return undefined
}

const fault = (reason: InvoiceFault, message: string): Result.Result<never, Fault> =>
  Result.fail({ reason, message })
