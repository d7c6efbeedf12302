/**
 * What may be spent. A limit that is absent does not exist; 0 means nothing may be spent.
 */
import { Msat } from "@farthing/protocol"
import type { Duration } from "effect"

export interface Limits {
  readonly daily?: Msat.Msat
  readonly perTick?: Msat.Msat
  readonly perJob?: Msat.Msat
  readonly perProviderDaily?: Msat.Msat
  readonly firstSpend?: Msat.Msat
  readonly unprovenDaily?: Msat.Msat
  readonly unresolved?: Msat.Msat
  readonly lifetime?: Msat.Msat
  /** Above this a person has to approve. */
  readonly approvalAbove?: Msat.Msat
  /** What has to stay in the wallet. */
  readonly reserve: Msat.Msat
  /** The larger of the two fee limits applies. */
  readonly maxFee: Msat.Msat
  readonly maxFeePercent: number
  /** How long a refusal that is caused only by amounts held may wait for them. */
  readonly wait: Duration.Duration
  /** IANA name: where a day begins. */
  readonly timeZone: string
}
