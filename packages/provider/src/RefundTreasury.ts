/**
 * The provider's own budget: refunds leave the wallet through it, each at most once. No limit but
 * what was paid for the job, which is each refund's cap.
 */
import { Treasury } from "@farthing/budget"
import { Msat } from "@farthing/protocol"
import { Duration } from "effect"

export const budget = "refunds"

/** The fee may take what the offer left of the payment, and no more. */
const limits: Exclude<Treasury.Options["limits"], { readonly pipe: unknown }> = {
  reserve: Msat.zero,
  maxFee: Msat.most,
  maxFeePercent: 0,
  wait: Duration.zero,
  timeZone: "UTC"
}

export const layer = (
  options: Pick<Treasury.Options, "network" | "payTimeout" | "lease" | "clockMargin">
) => Treasury.layer({ ...options, budget, limits })
