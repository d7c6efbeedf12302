import { assert, describe, it } from "@effect/vitest"
import { Msat } from "@farthing/protocol"
import { Faults } from "@farthing/wallet"
import { Effect } from "effect"
import { ComputeClient, type InferenceRequest } from "../src/ComputeClient.ts"
import * as TestMarket from "./TestMarket.ts"
import * as TestPeer from "./TestPeer.ts"
import { passing } from "./TestTime.ts"

const { sats } = TestMarket

const buy = (request: Partial<InferenceRequest> = {}) =>
  Effect.flatMap(ComputeClient, (client) =>
    passing(client.requestInference({ prompt: "hello", budget: sats(100), ...request }))
  )

const silent = () => Effect.void
const refusing = (job: TestPeer.Job) =>
  job.say({ type: "JobError", request_id: job.event.id, code: "over_capacity", message: "busy" })
const overcharging = (job: TestPeer.Job) => job.invoice(sats(90))

const peer = (
  name: string,
  price: number,
  script?: (job: TestPeer.Job) => Effect.Effect<unknown>
) => TestPeer.open({ name, price: sats(price) }, script ?? TestPeer.honest(sats(price), name))

const statesByProvider = Effect.gen(function* () {
  const client = yield* ComputeClient
  const jobs = yield* client.jobs()
  return Object.fromEntries(jobs.map((job) => [job.providerName, job.state]))
})

describe("the next provider is asked", () => {
  it.effect("when one is silent, refuses or overcharges; one purchase, one payment", () =>
    Effect.gen(function* () {
      yield* peer("overcharging", 1, overcharging)
      yield* peer("refusing", 2, refusing)
      yield* peer("honest", 3)
      const before = yield* TestMarket.balance
      const receipt = yield* buy()
      assert.strictEqual(receipt.text, "honest")
      assert.strictEqual(before - (yield* TestMarket.balance), receipt.cost)
      assert.deepStrictEqual(yield* statesByProvider, {
        overcharging: "rejected",
        refusing: "refused",
        honest: "delivered"
      })
      const client = yield* ComputeClient
      const purchases = new Set((yield* client.jobs()).map(({ purchase }) => purchase))
      assert.deepStrictEqual([...purchases], [receipt.purchase])
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("when a payment provably failed for a reason of that invoice alone", () =>
    Effect.gen(function* () {
      yield* peer("unreachable", 1)
      yield* peer("honest", 2)
      const faults = yield* Faults.Faults
      yield* faults.inject("customer", { _tag: "FailBeforePaying", reason: "no_route" })
      assert.strictEqual((yield* buy()).text, "honest")
      assert.deepStrictEqual(yield* statesByProvider, {
        unreachable: "unpaid",
        honest: "delivered"
      })
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("when a limit is that of a provider alone", () =>
    Effect.gen(function* () {
      yield* peer("proven", 3)
      yield* buy()
      yield* peer("newcomer", 2)
      assert.strictEqual((yield* buy()).text, "proven")
    }).pipe(Effect.provide(TestMarket.market({ limits: { unprovenDaily: sats(14) } })))
  )
})

describe("nobody else is asked", () => {
  it.effect("without fallbacks", () =>
    Effect.gen(function* () {
      yield* peer("refusing", 1, refusing)
      const other = yield* peer("honest", 2)
      const error = yield* Effect.flip(buy({ selection: { fallbacks: false } }))
      assert.strictEqual(error._tag, "ProviderRefused")
      assert.strictEqual(other.requests.length, 0)
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("after so many attempts; the most telling error is told", () =>
    Effect.gen(function* () {
      yield* peer("overcharging", 1, overcharging)
      yield* peer("refusing", 2, refusing)
      yield* peer("silent", 3, silent)
      const fourth = yield* peer("honest", 4)
      const error = yield* Effect.flip(buy())
      assert.strictEqual(error._tag, "InvoiceRejected")
      assert.strictEqual(fourth.requests.length, 0)
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("once the payment is submitted", () =>
    Effect.gen(function* () {
      yield* peer("thief", 1, (job) => job.invoice(sats(1)))
      const other = yield* peer("honest", 2)
      const error = yield* Effect.flip(buy())
      assert.strictEqual(error._tag, "DeliveryTimeout")
      assert.strictEqual(other.requests.length, 0)
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("while the end of a payment is not known", () =>
    Effect.gen(function* () {
      yield* peer("first", 1)
      const other = yield* peer("second", 2)
      const faults = yield* Faults.Faults
      yield* faults.inject("customer", { _tag: "BreakBeforePaying" })
      const error = yield* Effect.flip(buy())
      assert.strictEqual(error._tag, "PaymentUnknown")
      assert.strictEqual(other.requests.length, 0)
    }).pipe(Effect.provide(TestMarket.market()))
  )
})

describe("with several quotes", () => {
  const unpriced = (name: string, price: number) =>
    TestPeer.open({ name }, TestPeer.honest(sats(price), name))

  it.effect("the best invoice is taken and the others are closed unpaid", () =>
    Effect.gen(function* () {
      yield* unpriced("dear", 9)
      yield* unpriced("cheap", 4)
      yield* unpriced("middling", 6)
      const receipt = yield* buy({ selection: { quotes: 3 } })
      assert.strictEqual(receipt.text, "cheap")
      assert.strictEqual(receipt.cost, Msat.add(sats(4), TestMarket.fee))
      assert.deepStrictEqual(yield* statesByProvider, {
        dear: "unpaid",
        cheap: "delivered",
        middling: "unpaid"
      })
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("those that fail do not hinder the rest", () =>
    Effect.gen(function* () {
      yield* peer("refusing", 1, refusing)
      yield* peer("silent", 1, silent)
      yield* peer("honest", 5)
      assert.strictEqual((yield* buy({ selection: { quotes: 3 } })).text, "honest")
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("the next best is paid where the payment of the best one failed", () =>
    Effect.gen(function* () {
      yield* unpriced("first", 1)
      yield* unpriced("second", 2)
      const faults = yield* Faults.Faults
      yield* faults.inject("customer", { _tag: "FailBeforePaying", reason: "no_route" })
      assert.strictEqual((yield* buy({ selection: { quotes: 2 } })).text, "second")
    }).pipe(Effect.provide(TestMarket.market()))
  )
})

describe("a chosen provider", () => {
  it.effect("is asked without any search", () =>
    Effect.gen(function* () {
      yield* peer("cheap", 1)
      yield* peer("dear", 9)
      const client = yield* ComputeClient
      const providers = yield* client.discoverProviders()
      const dear = providers.find(({ name }) => name === "dear")!
      const receipt = yield* buy({ provider: dear })
      assert.strictEqual(receipt.text, "dear")
      assert.notInclude(
        receipt.stages.map(({ stage }) => stage),
        "discover"
      )
    }).pipe(Effect.provide(TestMarket.market()))
  )
})
