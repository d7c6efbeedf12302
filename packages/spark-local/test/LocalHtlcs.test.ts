import type { SparkWallet } from "@buildonspark/spark-sdk"
import { PreimageRequestRole, PreimageRequestStatus } from "@buildonspark/spark-sdk/proto/spark"
import { assert, describe, it } from "@effect/vitest"
import { Bolt11, Hex } from "@farthing/protocol"
import { Effect, Exit } from "effect"
import type { RawWallet } from "./LocalWorld.ts"
import { inSeconds, newPreimage, within } from "./LocalWorld.ts"

/** Alice locks 5 sats for bob, for an hour. */
const lock = Effect.fnUntraced(function* (
  alice: RawWallet,
  bob: RawWallet,
  preimage: Bolt11.Preimage
) {
  const expiryTime = yield* inSeconds(3_600)
  return yield* alice.ask((sdk) =>
    sdk.createHTLC({
      receiverSparkAddress: bob.address,
      amountSats: 5,
      preimage,
      expiryTime
    })
  )
})

const find = (preimage: Bolt11.Preimage, matchRole: PreimageRequestRole) => (sdk: SparkWallet) =>
  sdk.queryHTLC({ paymentHashes: [Bolt11.hashOf(preimage)], matchRole })

const asSender = PreimageRequestRole.PREIMAGE_REQUEST_ROLE_SENDER
const asReceiver = PreimageRequestRole.PREIMAGE_REQUEST_ROLE_RECEIVER

describe("An HTLC", () => {
  it.live("is seen by both, and its receiver takes it with the preimage", () =>
    within(
      Effect.fnUntraced(function* ({ wallet }) {
        const alice = yield* wallet({ sats: 12 })
        const bob = yield* wallet()
        const preimage = yield* newPreimage
        const { id } = yield* lock(alice, bob, preimage)
        yield* alice.has(7)

        const [waiting] = (yield* bob.ask(find(preimage, asReceiver))).preimageRequests
        assert.strictEqual(
          waiting?.status,
          PreimageRequestStatus.PREIMAGE_REQUEST_STATUS_WAITING_FOR_PREIMAGE
        )
        assert.strictEqual(waiting?.transfer?.totalValue, 5)
        assert.strictEqual(waiting?.transfer?.id, id)
        assert.isUndefined(waiting?.preimage)

        yield* bob.ask((sdk) => sdk.claimHTLC(preimage))
        yield* bob.has(5)
        const [shown] = (yield* alice.ask(find(preimage, asSender))).preimageRequests
        assert.strictEqual(
          shown?.status,
          PreimageRequestStatus.PREIMAGE_REQUEST_STATUS_PREIMAGE_SHARED
        )
        assert.strictEqual(Hex.fromBytes(shown?.preimage ?? new Uint8Array()), preimage)
      })
    )
  )

  it.live("is for its receiver alone, and for the preimage alone", () =>
    within(
      Effect.fnUntraced(function* ({ wallet }) {
        const alice = yield* wallet({ sats: 12 })
        const bob = yield* wallet()
        const mallory = yield* wallet()
        const preimage = yield* newPreimage
        yield* lock(alice, bob, preimage)
        const wrong = yield* newPreimage
        assert.isTrue(Exit.isFailure(yield* Effect.exit(bob.ask((sdk) => sdk.claimHTLC(wrong)))))
        assert.isTrue(
          Exit.isFailure(yield* Effect.exit(mallory.ask((sdk) => sdk.claimHTLC(preimage))))
        )
        const seen = yield* mallory.ask((sdk) =>
          sdk.queryHTLC({
            paymentHashes: [Bolt11.hashOf(preimage)],
            matchRole: PreimageRequestRole.PREIMAGE_REQUEST_ROLE_RECEIVER_AND_SENDER
          })
        )
        assert.deepStrictEqual(seen.preimageRequests, [])
        yield* bob.ask((sdk) => sdk.claimHTLC(preimage))
        yield* bob.has(5)
      })
    )
  )

  it.live("returns to its sender when it expires, and cannot be taken any more", () =>
    within(
      Effect.fnUntraced(function* ({ later, wallet }) {
        const alice = yield* wallet({ sats: 12 })
        const bob = yield* wallet()
        const preimage = yield* newPreimage
        yield* lock(alice, bob, preimage)
        yield* later("59 minutes")
        yield* alice.has(7)
        yield* later("1 minute")
        yield* alice.has(12)
        const [returned] = (yield* alice.ask(find(preimage, asSender))).preimageRequests
        assert.strictEqual(returned?.status, PreimageRequestStatus.PREIMAGE_REQUEST_STATUS_RETURNED)
        assert.isTrue(Exit.isFailure(yield* Effect.exit(bob.ask((sdk) => sdk.claimHTLC(preimage)))))
        yield* lock(alice, bob, preimage)
        yield* bob.ask((sdk) => sdk.claimHTLC(preimage))
        yield* bob.has(5)
      })
    )
  )

  it.live("is one at a time for a hash, and none after its preimage was shown", () =>
    within(
      Effect.fnUntraced(function* ({ wallet }) {
        const alice = yield* wallet({ sats: 12 })
        const bob = yield* wallet()
        const preimage = yield* newPreimage
        yield* lock(alice, bob, preimage)
        assert.isTrue(Exit.isFailure(yield* Effect.exit(lock(alice, bob, preimage))))
        yield* alice.has(7)
        yield* bob.ask((sdk) => sdk.claimHTLC(preimage))
        assert.isTrue(Exit.isFailure(yield* Effect.exit(lock(alice, bob, preimage))))
        yield* alice.has(7)
      })
    )
  )
})
