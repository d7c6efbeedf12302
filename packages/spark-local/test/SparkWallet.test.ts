import { describe, it } from "@effect/vitest"
import { Msat } from "@farthing/protocol"
import type { Wallet } from "@farthing/wallet"
import * as WalletContract from "@farthing/wallet/testing/WalletContract"
import { Effect, Option } from "effect"
import type { Party } from "./SparkWorld.ts"
import * as SparkWorld from "./SparkWorld.ts"

const funds = Msat.make(100_000)

/** Days pass here while a payment is waited for. */
const patient = { answerTimeout: "3 days", paymentTimeout: "3 days" } as const

/**
 * Whoever locks money is not told when the payee's wallet sees it, which takes as long as the payment
 * does over Lightning. The facts look at once.
 */
const arriving = ({ payer, wallet }: Party, payee: Wallet.Shape): WalletContract.Party => ({
  wallet,
  payer: {
    ...payer,
    lock: (request) =>
      Effect.tap(payer.lock(request), () => {
        const { paymentHash } = "invoice" in request ? request.invoice : request.htlc
        return payee
          .lookupIncoming(paymentHash)
          .pipe(
            Effect.orDie,
            Effect.repeat({ until: Option.exists(({ state }) => state !== "pending") })
          )
      })
  }
})

const contractWorld = Effect.fnUntraced(function* ({ later, open, party }: SparkWorld.World) {
  const [alice, bob, carol] = yield* Effect.all([party(funds, patient), party(), party(funds)], {
    concurrency: "unbounded"
  })
  return {
    alice: arriving(alice, bob.wallet),
    bob,
    carol: arriving(carol, bob.wallet),
    funds,
    network: "regtest",
    feeFor: () => Msat.make(1000),
    later,
    reopen: (who) => open(who === "alice" ? alice : bob, patient),
    holds: { blocks: 144, chosen: false, lost: 1, cancelReturns: "at the end" }
  } satisfies WalletContract.World
})

describe("SparkWallet", () => {
  for (const { check, promise } of [...WalletContract.facts, ...WalletContract.htlcFacts]) {
    it.live(promise, () =>
      SparkWorld.within((world) => Effect.flatMap(contractWorld(world), check))
    )
  }
})
