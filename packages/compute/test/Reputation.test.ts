import { assert, describe, it } from "@effect/vitest"
import { Key } from "@farthing/protocol"
import { Duration, Effect } from "effect"
import { TestClock } from "effect/testing"
import { ComputeClient } from "../src/ComputeClient.ts"
import type { Policy, Selection } from "../src/Selection.ts"
import * as TestMarket from "./TestMarket.ts"
import * as TestPeer from "./TestPeer.ts"
import { passing } from "./TestTime.ts"

const { sats } = TestMarket
const price = sats(10)

/** Who is not to wait long for nothing. */
const impatient = {
  options: { firstChunkTimeout: Duration.seconds(2), idleTimeout: Duration.seconds(2) }
}

const buy = (selection: Selection = {}) =>
  Effect.flatMap(ComputeClient, (client) =>
    passing(client.requestInference({ prompt: "hello", budget: sats(100), selection }))
  )

const recordOf = (name: string) =>
  Effect.gen(function* () {
    const client = yield* ComputeClient
    const providers = yield* client.discoverProviders()
    return providers.find((one) => one.name === name)!.record
  })

/** Takes the money, and is never heard of again. */
const thief = TestPeer.open({ name: "thief", price: sats(1) }, (job) => job.invoice(sats(1)))

const honest = TestPeer.open({ name: "honest", price }, TestPeer.honest(price))

/** A thief, who was met by a process that is gone, and an honest provider. */
const afterLoss = Effect.gen(function* () {
  const who = { secret: Key.generate(), filename: yield* TestMarket.databaseFile, ...impatient }
  const bad = yield* thief
  yield* Effect.flip(buy()).pipe(Effect.provide(TestMarket.customer(who), { local: true }))
  const good = yield* honest
  return { bad, good, process: TestMarket.customer(who) }
})

describe("who took money without delivering", () => {
  const policies: ReadonlyArray<Policy> = ["cheapest", "fastest", "reliable", "balanced"]
  it.effect.each(policies)("is not chosen by the policy `%s`, over a restart", (policy) =>
    Effect.gen(function* () {
      const { bad, process } = yield* afterLoss
      const receipt = yield* buy({ policy }).pipe(Effect.provide(process))
      assert.strictEqual(receipt.providerName, "honest")
      assert.strictEqual(bad.requests.length, 1)
    }).pipe(Effect.provide(TestMarket.world))
  )

  it.effect("is not chosen even where nobody else may be", () =>
    Effect.gen(function* () {
      const { bad, process } = yield* afterLoss
      const error = yield* Effect.flip(buy({ only: [bad.pubkey] })).pipe(Effect.provide(process))
      assert.strictEqual(error._tag, "NoProviderWithinBudget")
      assert.include(error.message, "1 took money without delivering")
      assert.strictEqual(bad.requests.length, 1)
    }).pipe(Effect.provide(TestMarket.world))
  )

  it.effect("is not asked for a quote beside others, nor when others fail", () =>
    Effect.gen(function* () {
      const { bad, good, process } = yield* afterLoss
      yield* Effect.gen(function* () {
        yield* buy({ quotes: 5 })
        yield* Effect.flip(buy({ ignore: [good.pubkey], fallbacks: true }))
      }).pipe(Effect.provide(process))
      assert.strictEqual(bad.requests.length, 1)
    }).pipe(Effect.provide(TestMarket.world))
  )

  it.effect("is asked where the caller orders it by name", () =>
    Effect.gen(function* () {
      const { bad, process } = yield* afterLoss
      yield* Effect.flip(buy({ order: [bad.pubkey] })).pipe(Effect.provide(process))
      assert.strictEqual(bad.requests.length, 2)
    }).pipe(Effect.provide(TestMarket.world))
  )

  it.effect("is chosen again after an hour, and after two if it was a second time in a row", () =>
    Effect.gen(function* () {
      const { bad, process } = yield* afterLoss
      yield* Effect.gen(function* () {
        const later = Effect.fnUntraced(function* (time: Duration.Input) {
          yield* TestClock.adjust(time)
          yield* bad.announce()
          return yield* Effect.flip(buy({ only: [bad.pubkey] }))
        })
        assert.strictEqual((yield* later("59 minutes"))._tag, "NoProviderWithinBudget")
        assert.strictEqual((yield* later("1 minute"))._tag, "DeliveryTimeout")
        assert.strictEqual((yield* later("119 minutes"))._tag, "NoProviderWithinBudget")
        assert.strictEqual((yield* later("1 minute"))._tag, "DeliveryTimeout")
      }).pipe(Effect.provide(process))
    }).pipe(Effect.provide(TestMarket.world))
  )
})

describe("who does nothing but give the money back", () => {
  it.effect("is excused once, and then left alone for a while", () =>
    Effect.gen(function* () {
      yield* TestPeer.open({ name: "sorry", price: sats(5) }, (job) =>
        Effect.gen(function* () {
          yield* job.invoice(sats(5))
          yield* job.paymentSent
          yield* job.offerRefund(sats(3))
          yield* job.payRefund
        })
      )
      yield* honest
      for (const _ of [1, 2])
        assert.strictEqual((yield* Effect.flip(buy()))._tag, "DeliveryInvalid")
      const record = yield* recordOf("sorry")
      assert.deepInclude(record, { jobs: 2, lost: 0, refunded: 2 })
      assert.strictEqual((yield* buy()).providerName, "honest")
    }).pipe(Effect.provide(TestMarket.market(impatient)))
  )

  it.effect("and of it less than half has taken it", () =>
    Effect.gen(function* () {
      yield* TestPeer.open({ name: "mean", price }, (job) =>
        Effect.gen(function* () {
          yield* job.invoice(price)
          yield* job.paymentSent
          yield* job.offerRefund(sats(4))
          yield* job.payRefund
        })
      )
      yield* Effect.flip(buy())
      const record = yield* recordOf("mean")
      assert.deepInclude(record, { jobs: 1, lost: 1, refunded: 0 })
      assert.isDefined(record.avoidUntil)
    }).pipe(Effect.provide(TestMarket.market(impatient)))
  )
})

describe("the time of a provider", () => {
  it.effect("is the median from payment to result", () =>
    Effect.gen(function* () {
      const delays = ["9 seconds", "1 second", "4 seconds"] as const
      let at = 0
      yield* TestPeer.open({ name: "peer", price }, (job) =>
        Effect.gen(function* () {
          yield* job.invoice(price)
          yield* job.paymentSent
          yield* Effect.sleep(delays[at++] ?? "0 seconds")
          yield* job.result("done")
        })
      )
      for (const _ of delays) yield* buy()
      assert.strictEqual((yield* recordOf("peer")).medianMillis, 4000)
    }).pipe(Effect.provide(TestMarket.market()))
  )
})

describe("a first purchase above what strangers may get", () => {
  const cautious = { limits: { firstSpend: sats(20) } }

  it.effect("is refused before anybody is asked, and the next cheaper provider is tried", () =>
    Effect.gen(function* () {
      const dear = yield* TestPeer.open(
        { name: "dear", price: sats(50) },
        TestPeer.honest(sats(50))
      )
      yield* honest
      const receipt = yield* buy({ order: [dear.pubkey] })
      assert.strictEqual(receipt.providerName, "honest")
      assert.strictEqual(dear.requests.length, 0)
    }).pipe(Effect.provide(TestMarket.market(cautious)))
  )

  it.effect("is refused before paying where the invoice is the first to tell its price", () =>
    Effect.gen(function* () {
      const dear = yield* TestPeer.open({ name: "unpriced" }, TestPeer.honest(sats(50)))
      yield* honest
      const before = yield* TestMarket.balance
      const receipt = yield* buy({ order: [dear.pubkey] })
      assert.strictEqual(receipt.providerName, "honest")
      assert.strictEqual(dear.requests.length, 1)
      assert.strictEqual(before - (yield* TestMarket.balance), receipt.cost)
    }).pipe(Effect.provide(TestMarket.market(cautious)))
  )
})
