/** Where the facts of a wallet are checked. */
import type { Msat, Network } from "@farthing/protocol"
import type { Effect, Scope } from "effect"
import type { Shape as Payer } from "../Payer.ts"
import type { Shape as Wallet } from "../Wallet.ts"
import type { Later } from "./MovableClock.ts"

export interface Party {
  readonly wallet: Wallet
  readonly payer: Payer
}

/** Three customers of one network; alice and carol have `funds`, bob has nothing. */
export interface World {
  readonly alice: Party
  readonly bob: Party
  readonly carol: Party
  readonly funds: Msat.Msat
  readonly network: Network.Network
  /** What a payment of this amount costs on top of it. */
  readonly feeFor: (amount: Msat.Msat) => Msat.Msat
  /** Makes it so much later for everybody. */
  readonly later: Later
}

export interface Fact {
  readonly promise: string
  readonly check: (world: World) => Effect.Effect<void, unknown, Scope.Scope>
}
