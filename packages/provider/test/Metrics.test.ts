import { assert, describe, it } from "@effect/vitest"
import { ProviderBook } from "@farthing/provider"
import { Effect, Metric } from "effect"
import * as Market from "./support/Market.ts"

/** What is counted in this test alone, as name and labels. */
const counted = Effect.map(Metric.snapshot, (snapshots) => {
  const series = new Map<string, number>()
  for (const { attributes = {}, id, state, type } of snapshots) {
    const labels = Object.entries(attributes).map(([name, value]) => `${name}=${value}`)
    const key = `${id.replace("farthing_provider_", "")}{${labels.join(",")}}`
    if (type === "Counter") series.set(key, Number(state.count))
    if (type === "Gauge") series.set(key, Number(state.value))
    if (type === "Histogram") series.set(key, state.count)
  }
  return (name: string) => series.get(name)
})

const alone = Effect.provideServiceEffect(
  Metric.MetricRegistry,
  Effect.sync(() => new Map())
)

describe("What a provider counts", () => {
  it.live("agrees with its book", () =>
    Effect.gen(function* () {
      const seller = yield* Market.provider([Market.echo, Market.fails("refused"), Market.echo], {})
      const buyer = yield* Market.customer(seller)
      yield* buyer.buy()
      yield* seller.next("Delivered")
      const failed = yield* buyer.buy()
      const { message: offer } = yield* buyer.hear("RefundOffer")
      const back = yield* buyer.makeInvoice(offer.amount_msats)
      yield* buyer.claim(failed, back)
      yield* seller.next("Refunded")
      yield* buyer.buy()
      yield* seller.next("Delivered")
      yield* buyer.ask({ model: "other" })
      yield* buyer.hear("JobError")
      yield* buyer.ask()
      yield* buyer.hear("Invoice")

      const book = yield* ProviderBook.ProviderBook
      const counts = yield* book.counts(seller.publicKey)
      const series = yield* counted
      for (const state of ["delivered", "refunded", "lost", "refused"] as const) {
        const written = counts.find((count) => count.state === state)?.jobs ?? 0
        assert.strictEqual(series(`jobs_total{state=${state}}`), written, state)
      }
      const delivered = counts.find(({ state }) => state === "delivered")
      assert.strictEqual(series("jobs_msats_total{state=delivered}"), delivered?.amount)
      const { earned } = yield* seller.status
      assert.strictEqual(series("jobs_msats_total{state=delivered}"), earned)
      assert.strictEqual(series("jobs_msats_total{state=paid}"), 3 * Market.price)
      assert.strictEqual(series("jobs_msats_total{state=refunded}"), offer.amount_msats)
      assert.strictEqual(series("jobs_msats_total{state=owed}"), offer.amount_msats)
      assert.strictEqual(series("refusals_total{code=model_unavailable}"), 1)
      assert.strictEqual(series("jobs_total{state=quoted}"), 4)
      assert.strictEqual(series("quote_seconds{}"), 4)
      assert.strictEqual(series("first_text_seconds{}"), 2)
      assert.strictEqual(series("delivery_seconds{}"), 2)
      assert.strictEqual(series("tokens_total{}"), 10)
      assert.strictEqual(series("backend_faults_total{backend=scripted,reason=refused}"), 1)
      assert.deepStrictEqual(
        ["online", "running_jobs", "waiting_jobs", "unpaid_quotes", "capacity_jobs"].map((name) =>
          series(`${name}{}`)
        ),
        [1, 0, 0, 1, 4]
      )
      assert.strictEqual(series("backend_healthy{backend=scripted}"), 1)
    }).pipe(Market.inMarket, alone)
  )

  it.live("is zero before anything has happened", () =>
    Effect.gen(function* () {
      yield* Market.provider()
      const series = yield* counted
      for (const name of [
        "jobs_total{state=delivered}",
        "jobs_msats_total{state=lost}",
        "refusals_total{code=over_capacity}",
        "backend_faults_total{backend=scripted,reason=timeout}",
        "tokens_total{}"
      ])
        assert.strictEqual(series(name), 0, name)
    }).pipe(Market.inMarket, alone)
  )

  it.live("shows how it stands as long as it is there", () =>
    Effect.gen(function* () {
      yield* Effect.scoped(Market.provider())
      assert.isUndefined((yield* counted)("capacity_jobs{}"))
    }).pipe(Market.inMarket, alone)
  )
})
