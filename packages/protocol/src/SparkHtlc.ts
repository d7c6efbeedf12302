/**
 * Where money is to be locked over Spark: what an `EscrowQuote` asks for, and the counterpart of a
 * hold invoice. Whoever shows the preimage in time takes the money; otherwise the operators return
 * it by themselves.
 */
import type * as Bolt11 from "./Bolt11.ts"
import type * as Msat from "./Msat.ts"
import type * as Network from "./Network.ts"

export interface SparkHtlc {
  readonly network: Network.Network
  /** The payee's Spark address (bech32m). */
  readonly address: string
  /** Whole sats: Spark knows nothing smaller. */
  readonly amount: Msat.Msat
  readonly paymentHash: Bolt11.PaymentHash
  /** Unix seconds; from then on nothing must be locked for it any more. */
  readonly expiresAt: number
  /** For how long the money is locked, counted from when it is. */
  readonly lockSeconds: number
}
