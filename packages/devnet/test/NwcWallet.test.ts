import { describe, it } from "@effect/vitest"
import { Bank } from "@farthing/wallet"
import * as WalletContract from "@farthing/wallet/testing/WalletContract"
import { Effect } from "effect"
import * as Devnet from "./Devnet.ts"

const world = Effect.gen(function* () {
  const connections = yield* Devnet.serve(yield* Devnet.relay)
  const [alice, bob, carol] = yield* Effect.forEach(connections, ({ nwc }) => Devnet.connect(nwc))
  if (alice === undefined || bob === undefined || carol === undefined) {
    return yield* Effect.die("three accounts were asked for")
  }
  const { feeFor } = yield* Bank.Bank
  return {
    alice,
    bob,
    carol,
    funds: Devnet.funds,
    network: "regtest",
    feeFor
  } satisfies WalletContract.World
})

describe("NwcWallet", () => {
  for (const { check, promise } of WalletContract.facts) {
    it.live(promise, () => Effect.flatMap(world, check).pipe(Effect.provide(Devnet.bank())))
  }
})
