/**
 * What is given back for a paid job that could not be done: how much, until when, and which
 * invoice may be paid for it. Pure.
 */
import { Bolt11, Msat, type Network, type NostrEvent } from "@farthing/protocol"
import { Option, Result } from "effect"

/** What a customer can ask back. */
export interface Offer {
  /** Paid in full: the fee of the refund was taken off before. */
  readonly amount: Msat.Msat
  /** Unix seconds; what is not asked for by then is lost. */
  readonly expiresAt: number
  /** Why the job could not be done; for the operator. */
  readonly reason: string
}

/** How long an offer stands, in seconds. */
export const offerLasts = 7 * 24 * 60 * 60

const sat = 1_000

/** At least a sat, as payments by Lightning cost; but no more than half of what was paid. */
const feeReserve = (paid: Msat.Msat): number =>
  Math.min(Math.max(sat, Math.ceil(paid / 100)), Math.floor(paid / 2))

/** What was paid less the fee reserve, in whole sats: not every wallet asks for less. */
export const amountFor = (paid: Msat.Msat): Msat.Msat => {
  const left = paid - feeReserve(paid)
  return Msat.make(left < sat ? left : left - (left % sat))
}

/** `now` in unix seconds. */
export const offerFor = (paid: Msat.Msat, now: number, reason: string): Offer => ({
  amount: amountFor(paid),
  expiresAt: now + offerLasts,
  reason
})

/** The name of the one payment that a refund may be, in the Treasury's book. */
export const purchaseOf = (request: NostrEvent.EventId): string => `refund:${request}`

/** An invoice that is about to expire would be refused on the way; in seconds. */
const leastTimeLeft = 60

/** The Treasury pays nothing that may be locked for longer. */
const longestFinalCltvDelta = 144

/** The invoice, if it may be paid for the offer; else why not. `now` in unix seconds. */
export const judgeInvoice = (
  bolt11: string,
  terms: {
    readonly offer: Offer
    readonly network: Network.Network
    readonly now: number
  }
): Result.Result<Bolt11.Invoice, string> =>
  Result.flatMap(
    Result.mapError(Bolt11.decode(bolt11), ({ message }) => `not an invoice: ${message}`),
    (invoice) => {
      const objection = objectionTo(invoice, terms)
      return objection === undefined ? Result.succeed(invoice) : Result.fail(objection)
    }
  )

const objectionTo = (
  { amount, expiresAt, minFinalCltvDelta, network }: Bolt11.Invoice,
  terms: Parameters<typeof judgeInvoice>[1]
): string | undefined => {
  const { now, offer } = terms
  if (now >= offer.expiresAt) return "the offer has expired"
  if (network !== terms.network) return `the invoice is for ${network}`
  if (!Option.contains(amount, offer.amount))
    return `the invoice is not over the ${offer.amount} msats on offer`
  if (expiresAt < now + leastTimeLeft) return "the invoice expires too soon"
  if (minFinalCltvDelta > longestFinalCltvDelta) return "the invoice could lock the money too long"
  return undefined
}
