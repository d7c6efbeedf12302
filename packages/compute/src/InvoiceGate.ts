/**
 * What an invoice has to be before money is reserved for it: exactly what was asked for, at no
 * more than was said, to be paid now or never. Pure; each fault is final for the provider.
 */
import type { Bolt11, Network, Settlement } from "@farthing/protocol"
import { Msat } from "@farthing/protocol"
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
  readonly settlement: ReadonlyArray<Settlement.Settlement>
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
  if (!context.settlement.includes(quote.settlement))
    return fault("settlement_not_asked", `${quote.settlement} was not asked for`)
  if (quote.hold && quote.settlement === "upfront")
    return fault("hold_in_upfront", "a hold invoice could keep the money without taking it")
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
  const expiresAt = Math.min(invoice.expiresAt, quote.expiresAt ?? invoice.expiresAt)
  if (expiresAt <= now) return fault("expired", `it expired ${now - expiresAt} s ago`)
  if (expiresAt < now + minSecondsLeft)
    return fault("expires_too_soon", `it expires in ${expiresAt - now} s`)
  if (invoice.minFinalCltvDelta > maxFinalCltvDelta)
    return fault(
      "cltv_too_long",
      `the money could be stuck for ${invoice.minFinalCltvDelta} blocks`
    )
  return Result.succeed(invoice)
}

const fault = (reason: InvoiceFault, message: string): Result.Result<never, Fault> =>
  Result.fail({ reason, message })
