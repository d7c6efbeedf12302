/** What a wallet says that knows nothing of Spark: its money is locked to invoices alone. */
import { Effect } from "effect"
import type { Locked, LockRequest, PaymentUnknown, PayRequest } from "./Payer.ts"
import { PaymentFailed } from "./Payer.ts"
import type { Shape } from "./Wallet.ts"
import { Unsupported, WalletError } from "./Wallet.ts"

const message = "This wallet cannot lock money over Spark"

export const quoteHtlc: Shape["quoteHtlc"] = () =>
  Effect.fail(new WalletError({ reason: new Unsupported({ message }) }))

/** Locks to invoices; everything else is refused. */
export const invoicesOnly =
  (lock: (request: PayRequest) => Effect.Effect<Locked, PaymentFailed | PaymentUnknown>) =>
  (request: LockRequest): Effect.Effect<Locked, PaymentFailed | PaymentUnknown> =>
    "invoice" in request
      ? lock(request)
      : Effect.fail(new PaymentFailed({ reason: "refused", message }))
