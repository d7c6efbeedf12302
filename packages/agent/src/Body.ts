/** What an agent is made of while it lives: its key, its purse, its market, its book. */
import type { Treasury } from "@farthing/budget"
import type { ComputeClient } from "@farthing/compute"
import type { Msat, Network } from "@farthing/protocol"
import type { Relay, Signer } from "@farthing/relay"
import type { Wallet } from "@farthing/wallet"
import type { AgentBook, Pen } from "./AgentBook.ts"
import type { Thresholds } from "./LifeState.ts"
import type { ZapInvoices } from "./ZapInvoices.ts"

/** What the configuration says of every agent. */
export interface Economy extends Thresholds {
  readonly network: Network.Network
  /** The most that one thought, or one payment nobody approved, may cost with its fee. */
  readonly perTick: Msat.Msat
  /** What has to stay in the wallet. */
  readonly reserve: Msat.Msat
  /** Per day: what counts until the agent's own burn is measured. */
  readonly burn: Msat.Msat
  /** About how many tokens a prompt may have. */
  readonly promptTokens: number
}

export interface Body {
  readonly signer: Signer.Shape
  readonly relay: Relay.Shape
  readonly wallet: Wallet.Shape
  readonly treasury: Treasury.Shape
  readonly compute: ComputeClient.Shape
  readonly zaps: ZapInvoices["Service"]
  readonly book: AgentBook["Service"]
  /** Writes as long as the lease is ours. */
  readonly pen: Pen
  readonly economy: Economy
}
