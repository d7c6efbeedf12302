/** Escrow where the wallets are on Spark: real wallets of the SDK, at operators on this machine. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import { Msat, PaymentRequest } from "@farthing/protocol"
import { Effect, type FileSystem, type Scope } from "effect"
import type * as MovableClock from "@farthing/wallet/testing/MovableClock"
import * as Deal from "../src/Deal.ts"
import * as People from "../src/People.ts"
import * as Stage from "../src/Stage.ts"
import * as SparkStage from "./SparkStage.ts"

const price = Msat.make(5_000)

const offer = { priceMsats: price, settlement: ["escrow", "upfront"] } as const

const escrow = { FARTHING_COMPUTE_SETTLEMENT: "escrow,upfront" }

const played = <E>(
  trial: (
    later: MovableClock.Later
  ) => Effect.Effect<void, E, Stage.Stage | FileSystem.FileSystem | Scope.Scope>
) => Stage.played((later) => Effect.provide(trial(later), NodeFileSystem.layer))

/** The ledger agrees with itself and with the wallet. */
const audited = ({ treasury }: People.Customer, spent: number, held = 0) =>
  Effect.map(treasury.audit, (report) =>
    assert.deepStrictEqual(
      [report.findings.map(({ message }) => message), report.spent, report.held],
      [[], Msat.make(spent), Msat.make(held)]
    )
  )

describe.concurrent("escrow between two Spark wallets", () => {
  it.live("locks over Spark, delivers, releases and claims, without a fee", () =>
    played(() =>
      Effect.gen(function* () {
        const place = yield* Stage.place()
        const spark = yield* SparkStage.open
        const seller = yield* People.seller(place, { offer, environment: yield* spark.wallet })
        const customer = yield* People.customer(place, {
          environment: { ...(yield* spark.wallet), ...escrow }
        })
        const receipt = yield* Deal.buy(customer)
        assert.deepInclude(receipt, { settlement: "escrow", amount: price, cost: price })
        assert.strictEqual(PaymentRequest.railOfText(receipt.bolt11), "spark")
        yield* SparkStage.has(seller.wallet, SparkStage.funds + price)
        yield* SparkStage.has(customer.wallet, SparkStage.funds - price)
        yield* audited(customer, price)
        assert.deepInclude(yield* seller.provider.status, { delivered: 1, earned: price })
        yield* SparkStage.closing(spark)
      })
    )
  )
})
