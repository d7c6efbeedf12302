/** A market whose only provider follows a script; prices and delivery are its own. */
import { Effect } from "effect"
import * as Cli from "./Cli.ts"
import * as ForeignPeer from "./ForeignPeer.ts"

/** Account 0 is for the customer; the provider's is account 1, its wallet is `bank`. */
export const open = Effect.fnUntraced(function* (
  script: (bank: ForeignPeer.Wallet) => ForeignPeer.Script
) {
  const market = yield* Cli.market(["--no-provider", "--accounts", "2"])
  const bank = yield* Effect.acquireRelease(
    Effect.promise(() => ForeignPeer.wallet(market.accounts[1]?.nwc ?? "")),
    (bank) => Effect.sync(bank.close)
  )
  yield* Effect.acquireRelease(
    Effect.promise(() => ForeignPeer.provide(market.relay, script(bank))),
    (peer) => Effect.sync(peer.close)
  )
  return { ...market, bank }
})
