import { assert, describe, it } from "@effect/vitest"
import { Treasury } from "@farthing/budget"
import { Msat } from "@farthing/protocol"
import { Wallet } from "@farthing/wallet"
import { Effect, Layer } from "effect"
import { Config, Home } from "farthing"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Readiness from "../src/Readiness.ts"
import * as Cli from "./support/Cli.ts"

const status: Treasury.Status = {
  day: "2026-01-01",
  frozen: undefined,
  spentToday: Msat.zero,
  held: Msat.zero,
  unknown: Msat.zero,
  locked: Msat.zero,
  released: Msat.zero,
  spentEver: Msat.zero,
  limits: []
}

/** How often an `ask` recovers, with so much held in the ledger. */
const recoveries = Effect.fnUntraced(function* (held: Msat.Msat) {
  let count = 0
  const config = Config.layer().pipe(Layer.provide(Home.layerAt(yield* Cli.tempHome)))
  const id = Wallet.WalletId.make("wallet")
  const wallet = Layer.mock(Wallet.Wallet)({
    id,
    info: Effect.succeed({
      id,
      alias: "",
      network: "regtest",
      capabilities: { hold: false, lock: false, htlc: false, feeCap: false }
    })
  })
  const treasury = Layer.mock(Treasury.Treasury)({
    status: Effect.succeed({ ...status, held }),
    recover: Effect.sync(() => {
      count += 1
      return []
    })
  })
  yield* Readiness.forBuying.pipe(Effect.provide([config, wallet, treasury]))
  return count
})

describe("before a purchase", () => {
  it.live("what a dead process left is taken up, and nothing is looked up otherwise", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* recoveries(Msat.make(1)), 1)
      assert.strictEqual(yield* recoveries(Msat.zero), 0)
    }).pipe(Effect.provide(NodeServices.layer))
  )
})
