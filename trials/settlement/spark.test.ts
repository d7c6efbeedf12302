/** Escrow where the wallets are on Spark: real wallets of the SDK, at operators on this machine. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import { Msat, PaymentRequest } from "@farthing/protocol"
import type { ComputeProvider } from "@farthing/provider"
import { Effect, type FileSystem, Schedule, type Scope } from "effect"
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

/** The provider's book is written after its wallet has the money. */
const hasEarned = ({ provider }: { readonly provider: ComputeProvider.Shape }, amount: Msat.Msat) =>
  provider.status.pipe(
    Effect.repeat({
      until: ({ earned }) => earned === amount,
      schedule: Schedule.spaced("20 millis")
    }),
    Effect.map(({ delivered }) => assert.strictEqual(delivered, 1))
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
        yield* hasEarned(seller, price)
        yield* SparkStage.closing(spark)
      })
    )
  )

  it.live("goes back by itself where nobody delivers, when the lock ends", () =>
    played((later) =>
      Effect.gen(function* () {
        const spark = yield* SparkStage.open
        const { address } = yield* SparkStage.stranger(spark)
        const { customer, peer } = yield* Deal.meet(
          (job) => job.say(SparkStage.quoteOf(job, address, Deal.price)),
          {
            profile: { announcement: { settlements: ["escrow"], rails: ["spark"] } },
            environment: {
              ...(yield* spark.wallet),
              FARTHING_COMPUTE_SETTLEMENT: "escrow",
              FARTHING_COMPUTE_FIRST_CHUNK_TIMEOUT: "1 second"
            }
          }
        )
        const error = yield* Effect.flip(Deal.buy(customer))
        assert(error._tag === "DeliveryTimeout", error.message)
        assert.deepStrictEqual([error.cost, error.held], [Msat.zero, Deal.price])
        assert.strictEqual((yield* customer.treasury.status).locked, Deal.price)
        yield* SparkStage.has(customer.wallet, SparkStage.funds - Deal.price)
        assert.lengthOf(peer.requests, 1)

        yield* later("30 minutes")
        yield* SparkStage.has(customer.wallet, SparkStage.funds)
        yield* customer.client.recover
        assert.deepStrictEqual(
          (yield* customer.client.jobs()).map(({ state }) => state),
          ["returned"]
        )
        yield* audited(customer, 0)
        yield* SparkStage.closing(spark)
      })
    )
  )
})

describe.concurrent("where only one side is on Spark", () => {
  const sides = ["customer", "seller"] as const
  for (const side of sides)
    it.live(`an escrow goes over Lightning (the ${side} is)`, () =>
      played(() =>
        Effect.gen(function* () {
          const place = yield* Stage.place()
          const spark = yield* SparkStage.open
          const wallet = yield* spark.wallet
          const of = (who: (typeof sides)[number]) => (who === side ? wallet : {})
          const seller = yield* People.seller(place, { offer, environment: of("seller") })
          const customer = yield* People.customer(place, {
            environment: { ...of("customer"), FARTHING_COMPUTE_SETTLEMENT: "escrow" }
          })
          const receipt = yield* Deal.buy(customer)
          assert.deepInclude(receipt, { settlement: "escrow", amount: price })
          assert.strictEqual(PaymentRequest.railOfText(receipt.bolt11), "lightning")
          yield* audited(customer, receipt.cost)
          yield* hasEarned(seller, price)
          yield* SparkStage.closing(spark)
        })
      )
    )
})
