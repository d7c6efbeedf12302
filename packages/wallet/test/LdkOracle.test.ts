import { describe, it } from "@effect/vitest"
import { Msat } from "@farthing/protocol"
import * as MovableClock from "@farthing/wallet/testing/MovableClock"
import * as WalletContract from "@farthing/wallet/testing/WalletContract"
import { Effect } from "effect"
import * as LdkWallet from "./ldk/LdkWallet.ts"
import * as Network from "./ldk/Network.ts"

/** What carol, who forwards everything from alice to bob, takes for it (BOLT 7). */
const feeFor = (amount: Msat.Msat) =>
  Msat.make(Network.fees.base + Math.floor((amount * Network.fees.ppm) / 1_000_000))

const world = Effect.fnUntraced(function* (later: MovableClock.Later) {
  const network = yield* Network.make
  return {
    alice: yield* LdkWallet.make(network, network.alice),
    bob: yield* LdkWallet.make(network, network.bob),
    carol: yield* LdkWallet.make(network, network.carol),
    funds: Network.funds,
    network: "regtest",
    feeFor,
    later: (time) => Effect.andThen(later(time), network.mine(time)),
    // Nodes refuse less than they need to claim on the chain what a peer does not give them, and
    // give up on a payment when no more than that is left.
    holds: { blocks: 40, lost: 21 }
  } satisfies WalletContract.World
})

describe("Lightning nodes, by which banks are measured,", () => {
  for (const { check, promise } of WalletContract.facts) {
    it.live(promise, () => MovableClock.within((later) => Effect.flatMap(world(later), check)))
  }
})
