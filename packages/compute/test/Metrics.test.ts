import { assert, describe, it } from "@effect/vitest"
import { Treasury } from "@farthing/budget"
import { Faults } from "@farthing/wallet"
import { Effect, Metric } from "effect"
import { ComputeClient, type InferenceRequest } from "../src/ComputeClient.ts"
import * as TestMarket from "./TestMarket.ts"
import * as TestPeer from "./TestPeer.ts"
import { passing } from "./TestTime.ts"

const { sats } = TestMarket

/** What is counted in this test alone, as name and labels. */
const counted = Effect.map(Metric.snapshot, (snapshots) => {
  const series = new Map<string, number>()
  for (const { attributes = {}, id, state, type } of snapshots) {
    const labels = Object.entries(attributes).map(([name, value]) => `${name}=${value}`)
    const key = `${id.replace("farthing_", "")}{${labels.join(",")}}`
    if (type === "Counter") series.set(key, Number(state.count))
    if (type === "Histogram") series.set(key, state.count)
  }
  return (name: string) => series.get(name) ?? 0
})

const alone = Effect.provideServiceEffect(
  Metric.MetricRegistry,
  Effect.sync(() => new Map())
)

const buy = (request: Partial<InferenceRequest> = {}) =>
  Effect.flatMap(ComputeClient, (client) =>
    passing(client.requestInference({ prompt: "hello", budget: sats(100), ...request }))
  )

describe("What a customer counts", () => {
  it.effect("agrees with its books", () =>
    Effect.gen(function* () {
      yield* TestPeer.open({ name: "good", price: sats(5) }, TestPeer.honest(sats(5)))
      const before = yield* TestMarket.balance
      const first = yield* buy()
      yield* buy()
      const refused = yield* Effect.flip(buy({ model: "unheard of" }))
      const faults = yield* Faults.Faults
      yield* faults.inject("customer", { _tag: "FailBeforePaying", reason: "no_route" })
      const failed = yield* Effect.flip(buy())
      const series = yield* counted
      const treasury = yield* Treasury.Treasury
      const { spentEver } = yield* treasury.status
      const gone = before - (yield* TestMarket.balance)

      assert.strictEqual(series("compute_purchases_total{end=delivered}"), 2)
      assert.strictEqual(series(`compute_purchases_total{end=${refused._tag}}`), 1)
      assert.strictEqual(series(`compute_purchases_total{end=${failed._tag}}`), 1)
      assert.strictEqual(series("compute_spent_msats_total{}"), 2 * first.cost)
      assert.strictEqual(series("compute_spent_msats_total{}"), gone)
      assert.strictEqual(series("compute_lost_msats_total{}"), 0)
      assert.strictEqual(series("budget_payments_total{end=settled}"), 2)
      assert.strictEqual(series("budget_payments_total{end=failed}"), 1)
      assert.strictEqual(
        series("budget_paid_msats_total{}") + series("budget_fees_msats_total{}"),
        spentEver
      )
      assert.strictEqual(series("compute_stage_seconds{stage=deliver}"), 2)
      assert.strictEqual(series("compute_stage_seconds{stage=pay}"), 3)
    }).pipe(Effect.provide(TestMarket.market()), alone)
  )

  it.effect("tells what was paid for nothing", () =>
    Effect.gen(function* () {
      yield* TestPeer.open({ name: "thief", price: sats(5) }, (job) => job.invoice(sats(5)))
      const error = yield* Effect.flip(buy())
      assert.strictEqual(error._tag, "DeliveryTimeout")
      const series = yield* counted
      assert.strictEqual(series("compute_purchases_total{end=DeliveryTimeout}"), 1)
      assert.strictEqual(series("compute_lost_msats_total{}"), sats(5) + TestMarket.fee)
      assert.strictEqual(series("compute_spent_msats_total{}"), sats(5) + TestMarket.fee)
    }).pipe(Effect.provide(TestMarket.market()), alone)
  )

  it.effect("counts messages that answer nothing", () =>
    Effect.gen(function* () {
      yield* TestPeer.open({ name: "chatty", price: sats(5) }, (job) =>
        Effect.gen(function* () {
          yield* job.say({ type: "JobCancel", request_id: job.event.id })
          yield* TestPeer.honest(sats(5))(job)
        })
      )
      yield* buy()
      const series = yield* counted
      assert.isAtLeast(series("compute_messages_ignored_total{why=references_disagree}"), 1)
    }).pipe(Effect.provide(TestMarket.market()), alone)
  )

  it.effect("counts a purchase that is gone on with only once", () =>
    Effect.gen(function* () {
      yield* TestPeer.open({ name: "good", price: sats(5) }, TestPeer.honest(sats(5)))
      const { purchase } = yield* buy()
      yield* buy({ purchase })
      assert.strictEqual((yield* counted)("compute_purchases_total{end=delivered}"), 1)
    }).pipe(Effect.provide(TestMarket.market()), alone)
  )
})
