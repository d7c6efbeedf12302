import { assert, describe, it } from "@effect/vitest"
import { Msat } from "@farthing/protocol"
import { Effect, Exit } from "effect"
import { randomBytes } from "node:crypto"
import { available, within } from "./LocalWorld.ts"

describe("Leaves", () => {
  it.live("go to whom they are sent, and both sides know of it", () =>
    within(
      Effect.fnUntraced(function* ({ wallet }) {
        const alice = yield* wallet({ sats: 12 })
        const bob = yield* wallet()
        const sent = yield* alice.ask((sdk) =>
          sdk.transfer({ amountSats: 5, receiverSparkAddress: bob.address })
        )
        yield* bob.has(5)
        yield* alice.has(7)
        const seen = yield* bob.ask((sdk) => sdk.getTransfers())
        assert.deepStrictEqual(
          seen.transfers.map(({ id, status, totalValue, transferDirection }) => ({
            id,
            status,
            totalValue,
            transferDirection
          })),
          [
            {
              id: sent.id,
              status: "TRANSFER_STATUS_COMPLETED",
              totalValue: 5,
              transferDirection: "INCOMING"
            }
          ]
        )
      })
    )
  )

  it.live("are exchanged where none add up to an amount", () =>
    within(
      Effect.fnUntraced(function* ({ spark, wallet }) {
        const alice = yield* wallet()
        const bob = yield* wallet()
        for (let count = 0; count < 3; count++) yield* spark.fund(alice.address, Msat.make(1_000))
        yield* spark.fund(alice.address, Msat.make(6_000))
        yield* alice.has(9)
        yield* alice.ask((sdk) =>
          sdk.transfer({ amountSats: 8, receiverSparkAddress: bob.address })
        )
        yield* bob.has(8)
        yield* alice.ask((sdk) =>
          sdk.transfer({ amountSats: 1, receiverSparkAddress: bob.address })
        )
        yield* bob.has(9)
        yield* bob.ask((sdk) =>
          sdk.transfer({ amountSats: 7, receiverSparkAddress: alice.address })
        )
        yield* alice.has(7)
        yield* bob.has(2)
      })
    )
  )

  it.live("wait for a wallet that is away", () =>
    within(
      Effect.fnUntraced(function* ({ wallet }) {
        const seed = randomBytes(32)
        const alice = yield* wallet({ sats: 12 })
        const { address } = yield* Effect.scoped(wallet({ seed }))
        yield* alice.ask((sdk) => sdk.transfer({ amountSats: 3, receiverSparkAddress: address }))
        const bob = yield* wallet({ seed })
        yield* bob.has(3)
      })
    )
  )

  it.live("are spent once, even by two wallets of one seed", () =>
    within(
      Effect.fnUntraced(function* ({ wallet }) {
        const seed = randomBytes(32)
        const one = yield* wallet({ seed, sats: 8 })
        const other = yield* wallet({ seed })
        yield* other.has(8)
        const bob = yield* wallet()
        const ends = yield* Effect.forEach(
          [one, other],
          ({ ask }) =>
            Effect.exit(
              ask((sdk) => sdk.transfer({ amountSats: 8, receiverSparkAddress: bob.address }))
            ),
          { concurrency: 2 }
        )
        assert.strictEqual(ends.filter(Exit.isSuccess).length, 1)
        yield* bob.has(8)
        assert.strictEqual(yield* available(one.ask), 0)
      })
    )
  )

  it.live("are told by owner, and none are made but by funding", () =>
    within(
      Effect.fnUntraced(function* ({ spark, wallet }) {
        const before = yield* spark.audit
        const alice = yield* wallet({ sats: 12 })
        const bob = yield* wallet()
        yield* alice.ask((sdk) =>
          sdk.transfer({ amountSats: 5, receiverSparkAddress: bob.address })
        )
        yield* bob.has(5)
        const after = yield* spark.audit
        assert.strictEqual(after.issued, before.issued + 12)
        assert.strictEqual(after.vault, before.vault)
        assert.deepStrictEqual(
          [...after.owners.values()].map((holding) => holding.available).toSorted(),
          [5, 7]
        )
      })
    )
  )
})
