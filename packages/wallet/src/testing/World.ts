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
  /** Where hold invoices are not what `usualHolds` says. */
  readonly holds?: Partial<HoldTerms>
  /** The wallet of a party as another process opens it; the same one where it keeps no state. */
  readonly reopen?: (party: "alice" | "bob") => Effect.Effect<Party, unknown, Scope.Scope>
}

/** How hold invoices lock money on a network, and what a cancel does to it. */
export interface HoldTerms {
  /** Blocks for which they do at the least; the facts ask for so many. */
  readonly blocks: number
  /** Whether it is as long as was asked for, or the network alone decides. */
  readonly chosen: boolean
  /** Of these blocks, those at the end in which the payee's node gives up on the money. */
  readonly lost: number
  /** When the money that a cancel releases is back. */
  readonly cancelReturns: "at once" | "at the end"
}

export const usualHolds: HoldTerms = {
  blocks: 3,
  chosen: true,
  lost: 0,
  cancelReturns: "at once"
}

export interface Fact {
  readonly promise: string
  readonly check: (world: World) => Effect.Effect<void, unknown, Scope.Scope>
}
