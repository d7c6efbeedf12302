/** What a wallet is asked for on behalf of a spend. Pure. */
import { Bolt11 } from "@farthing/protocol"
import type { LockRequest, PayRequest } from "@farthing/wallet/Payer"
import { Option, Result } from "effect"
import type { LockSpend, SpendRecord } from "./Spend.ts"

export const of = (spend: SpendRecord, invoice: Bolt11.Invoice): PayRequest => ({
  invoice,
  maxFee: spend.allowedFee,
  expiresAt: lastMoment(spend)
})

export const ofLock = (spend: SpendRecord, wish: LockSpend): LockRequest =>
  "htlc" in wish
    ? { htlc: wish.htlc, preimage: wish.preimage, expiresAt: lastMoment(spend) }
    : of(spend, wish.invoice)

/** What can be taken up again half-way; an HTLC is locked in one stroke. */
export const again = (spend: SpendRecord): Option.Option<PayRequest> =>
  Option.map(Result.getSuccess(Bolt11.decode(spend.bolt11)), (invoice) => of(spend, invoice))

/** Unix seconds; the wallet must not begin it later. */
const lastMoment = (spend: SpendRecord): number => spend.payExpiresAt ?? spend.invoiceExpiresAt
