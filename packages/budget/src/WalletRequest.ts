/** What a wallet is asked for on behalf of a spend. Pure. */
import { Bolt11 } from "@farthing/protocol"
import type { PayRequest } from "@farthing/wallet/Payer"
import { Option, Result } from "effect"
import type { SpendRecord } from "./Spend.ts"

export const of = (spend: SpendRecord, invoice: Bolt11.Invoice): PayRequest => ({
  invoice,
  maxFee: spend.allowedFee,
  expiresAt: spend.payExpiresAt ?? spend.invoiceExpiresAt
})

/** What can be taken up again half-way; none where there is no invoice. */
export const again = (spend: SpendRecord): Option.Option<PayRequest> =>
  Option.map(Result.getSuccess(Bolt11.decode(spend.bolt11)), (invoice) => of(spend, invoice))
