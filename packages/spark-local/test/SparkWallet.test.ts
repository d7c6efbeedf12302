import { describe, it } from "@effect/vitest"
import { Msat } from "@farthing/protocol"
import type { Wallet } from "@farthing/wallet"
import * as WalletContract from "@farthing/wallet/testing/WalletContract"
import { Effect, Option } from "effect"
import type { Party } from "./SparkWorld.ts"
import * as SparkWorld from "./SparkWorld.ts"

const funds = Msat.make(50_000)

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

/** The money comes when it is needed for the first time: most facts are not about this party. */
const whenNeeded = Effect.fnUntraced(function* (
  party: WalletContract.Party,
  fund: Effect.Effect<void, unknown>
) {
  const funded = yield* Effect.cached(Effect.orDie(fund))
  const { payer, wallet } = party
  return {
    wallet,
    payer: {
      ...payer,
      pay: (request) => Effect.andThen(funded, payer.pay(request)),
      lock: (request) => Effect.andThen(funded, payer.lock(request))
    }
  } satisfies WalletContract.Party
})

const contractWorld = Effect.fnUntraced(function* ({
  later,
  open,
  party,
  spark
}: SparkWorld.World) {
  const [alice, bob, carol] = yield* Effect.all([party(funds, patient), party(), party()], {
    concurrency: "unbounded"
  })
  return {
    alice: arriving(alice, bob.wallet),
    bob,
    carol: yield* whenNeeded(arriving(carol, bob.wallet), SparkWorld.give(spark, carol, funds)),
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
