/** What proves a payment, and what about it makes a person look before more is spent. Pure. */
import { Msat } from "@farthing/protocol"
import type { Bolt11 } from "@farthing/protocol"
import type { SpendRecord } from "./Spend.ts"

export interface Proof {
  readonly preimage: Bolt11.Preimage
  /** Undefined if the wallet does not say it. */
  readonly fee: Msat.Msat | undefined
  /** The wallet began it when the time for that was over; default false. */
  readonly late?: boolean
}

/** One bitcoin. Whoever claims a larger fee lies, and sums of such lies would break every total. */
const mostCredibleFee = Msat.make(100_000_000_000)

const isCredible = (fee: Msat.Msat): boolean => fee <= mostCredibleFee

/** The fee that can be booked. */
export const credibleFee = ({ fee }: Proof): Msat.Msat | undefined =>
  fee !== undefined && isCredible(fee) ? fee : undefined

/** What should never happen, in words; undefined if all is well. */
export const alarm = (
  before: SpendRecord,
  after: SpendRecord,
  { fee = Msat.zero, late = false }: Proof
): string | undefined => {
  const payment = `payment ${after.paymentHash}`
  if (!isCredible(fee)) {
    return `the wallet says that ${payment} cost a fee of ${fee} msat, which cannot be true`
  }
  if (before.state === "failed") return `${payment} was believed to have failed, but was made`
  if (after.fee !== undefined && after.fee > after.allowedFee) {
    return `${payment} cost a fee of ${after.fee} msat, more than the ${after.allowedFee} msat allowed`
  }
  return late && before.state !== "settled"
    ? `${payment} was made when the time for it was over`
    : undefined
}
