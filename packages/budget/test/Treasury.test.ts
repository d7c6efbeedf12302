import { assert, describe, it } from "@effect/vitest"
import { Msat } from "@farthing/protocol"
import { Bank, Wallet } from "@farthing/wallet"
import { Effect, Option } from "effect"
import { Treasury } from "../src/Treasury.ts"
import { fee, funds, sats, spend, world } from "./Fixture.ts"

describe("Treasury.pay", () => {
  it.effect("pays the invoice, proves it and books amount and fee", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury
      const wallet = yield* Wallet.Wallet
      const wish = yield* spend(sats(100))

      const settled = yield* treasury.pay(wish)

      assert.strictEqual(settled.amount, sats(100))
      assert.strictEqual(settled.fee, fee)
      assert.strictEqual(settled.feeKnown, true)
      assert.strictEqual(settled.leftToday, Msat.subtract(sats(1000), sats(101)))
      assert.strictEqual(yield* wallet.balance, Msat.subtract(funds, sats(101)))
      const [record] = yield* treasury.find(wish.purchase)
      assert.strictEqual(record?.state, "settled")
      assert.strictEqual(record?.preimage, settled.preimage)
      const status = yield* treasury.status
      assert.strictEqual(status.spentToday, sats(101))
      assert.strictEqual(status.held, Msat.zero)
      assert.deepStrictEqual((yield* treasury.audit).findings, [])
    }).pipe(Effect.provide(world({ daily: sats(1000) })))
  )
})
