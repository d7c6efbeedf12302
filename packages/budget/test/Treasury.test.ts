import { assert, describe, it } from "@effect/vitest"
import { Msat } from "@farthing/protocol"
import { Wallet } from "@farthing/wallet"
import { Effect, Fiber, Layer, Option, Ref } from "effect"
import { TestClock } from "effect/testing"
import { PurchaseId, TickId } from "../src/Spend.ts"
import * as Treasury from "../src/Treasury.ts"
import * as Fixture from "./Fixture.ts"
import { fee, funds, invoice, open, payee, sats, spend, world } from "./Fixture.ts"
import { from, inject, limitOf, pay, refusal, untouched } from "./Payments.ts"

describe("Treasury.pay", () => {
  it.effect("pays the invoice, proves it and books amount and fee", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
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

  it.effect("releases the reservation when the wallet says that it failed", () =>
    Effect.gen(function* () {
      yield* inject({ _tag: "FailBeforePaying", reason: "no_route" })
      const error = yield* refusal(sats(100))
      assert.strictEqual(error._tag, "PaymentFailed")
      yield* untouched
    }).pipe(Effect.provide(world()))
  )

  it.effect("refuses invoices that nobody should pay, and reserves nothing", () =>
    Effect.gen(function* () {
      const good = yield* invoice(sats(10))
      const reasons = yield* Effect.forEach(
        [
          { ...good, network: "mainnet" as const },
          { ...good, amount: Option.none() },
          { ...good, amount: Option.some(Msat.zero) },
          { ...good, expiresAt: 0 },
          { ...good, minFinalCltvDelta: 145 }
        ],
        (bad) =>
          Effect.map(refusal(sats(10), { invoice: bad }), (error) =>
            error._tag === "PaymentRefused" ? error.reason : error._tag
          )
      )
      assert.deepStrictEqual(reasons, [
        "wrong_network",
        "no_amount",
        "no_amount",
        "expired",
        "cltv_too_long"
      ])
      yield* untouched
      yield* pay(sats(10), { invoice: { ...good, minFinalCltvDelta: 144 } })
    }).pipe(Effect.provide(world()))
  )

  it.effect("never pays more than the cap, invoice and fee together", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* limitOf(sats(101), { cap: sats(100) }), "budget")
      const noRoomForFee = yield* refusal(sats(100), { cap: sats(100) })
      assert.strictEqual(noRoomForFee._tag, "PaymentFailed")
      yield* untouched
      assert.strictEqual((yield* pay(sats(99), { cap: sats(100) })).fee, fee)
    }).pipe(Effect.provide(world()))
  )

  it.effect("caps a job as the caller does", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* limitOf(sats(101)), "per_job_limit_sats")
      assert.strictEqual((yield* pay(sats(99))).fee, fee)
    }).pipe(Effect.provide(world({ perJob: sats(100) })))
  )

  const tick = TickId.make("tick")
  const exhausted = [
    ["daily_limit_sats", { daily: sats(200) }, {}],
    ["lifetime_limit_sats", { lifetime: sats(200) }, {}],
    ["per_tick_limit_sats", { perTick: sats(200) }, { tick }],
    ["per_provider_daily_sats", { perProviderDaily: sats(200) }, {}],
    ["first_spend_limit_sats", { firstSpend: sats(200) }, {}],
    ["unproven_daily_limit_sats", { unprovenDaily: sats(200) }, { payee: payee(2) }]
  ] as const
  for (const [limit, limits, second] of exhausted) {
    it.effect(`keeps to ${limit}: what is spent and what the next may cost`, () =>
      Effect.gen(function* () {
        yield* pay(sats(99), { tick })
        const error = yield* refusal(sats(91), second)
        assert.strictEqual(error._tag, "BudgetExhausted")
        if (error._tag !== "BudgetExhausted") return
        assert.strictEqual(error.limit, limit)
        assert.strictEqual(error.most, sats(200))
        assert.strictEqual(error.spent, sats(100))
        assert.strictEqual(error.held, Msat.zero)
        assert.strictEqual(error.asked, sats(101))
        assert.include(error.message, limit)
        yield* pay(sats(90), second)
      }).pipe(Effect.provide(world(limits)))
    )
  }

  it.effect("says when a daily limit starts anew", () =>
    from(
      "2026-07-01T12:00:00Z",
      Effect.gen(function* () {
        const error = yield* refusal(sats(100))
        assert.strictEqual(
          error._tag === "BudgetExhausted" ? error.resetsAt : error._tag,
          "2026-07-01T22:00:00.000Z"
        )
      }).pipe(Effect.provide(world({ daily: Msat.zero, timeZone: "Europe/Berlin" })))
    )
  )

  it.effect("trusts a provider as far as it has delivered", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      const first = yield* pay(sats(60), { cap: sats(61) })
      assert.strictEqual(yield* limitOf(sats(60)), "first_spend_limit_sats")

      yield* treasury.conclude(first.paymentHash, "lost")
      assert.strictEqual(yield* limitOf(sats(60)), "first_spend_limit_sats")

      yield* treasury.conclude(first.paymentHash, "delivered")
      yield* treasury.conclude(first.paymentHash, "lost")
      assert.strictEqual(yield* limitOf(sats(62)), "first_spend_limit_sats")
      yield* pay(sats(60), { cap: sats(61) })
      assert.strictEqual(yield* limitOf(sats(1)), "first_spend_limit_sats")
      yield* pay(sats(60), { payee: payee(2) })
      assert.deepStrictEqual((yield* treasury.audit).findings, [])
    }).pipe(Effect.provide(world({ firstSpend: sats(100) })))
  )

  it.effect("neither trusts a provider that refunded, nor gets room back from it", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      const first = yield* pay(sats(60), { cap: sats(61) })
      yield* treasury.conclude(first.paymentHash, "lost")
      yield* treasury.conclude(first.paymentHash, "refunded")
      yield* treasury.conclude(first.paymentHash, "delivered")
      assert.strictEqual(yield* limitOf(sats(60)), "first_spend_limit_sats")
      assert.strictEqual((yield* treasury.status).spentToday, sats(61))
      assert.deepStrictEqual((yield* treasury.audit).findings, [])
    }).pipe(Effect.provide(world({ firstSpend: sats(100) })))
  )

  it.effect("caps all unproven providers together, and proven ones not", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      const first = yield* pay(sats(50))
      assert.strictEqual(yield* limitOf(sats(50), { payee: payee(2) }), "unproven_daily_limit_sats")
      yield* treasury.conclude(first.paymentHash, "delivered")
      yield* pay(sats(500))
      assert.strictEqual(yield* limitOf(sats(50), { payee: payee(2) }), "unproven_daily_limit_sats")
      // What proven ones get is none of it.
      yield* pay(sats(30), { payee: payee(2) })
    }).pipe(Effect.provide(world({ unprovenDaily: sats(100) })))
  )

  it.effect("asks a person above the threshold", () =>
    Effect.gen(function* () {
      const error = yield* refusal(sats(91))
      assert.strictEqual(error._tag, "ApprovalRequired")
      yield* pay(sats(91), { approved: true })
      yield* pay(sats(90))
    }).pipe(Effect.provide(world({ approvalAbove: sats(100) })))
  )

  it.effect("leaves the reserve in the wallet", () =>
    Effect.gen(function* () {
      const most = Msat.subtract(funds, sats(1000))
      assert.strictEqual(yield* limitOf(most, { cap: Msat.add(most, fee) }), "reserve_sats")
      const less = Msat.subtract(most, fee)
      yield* pay(less, { cap: Msat.add(less, fee) })
      assert.strictEqual(yield* limitOf(Msat.make(1)), "reserve_sats")
    }).pipe(Effect.provide(world({ reserve: sats(1000) })))
  )

  it.effect("keeps the reserve from payments that began before the wallet took the money", () =>
    Effect.gen(function* () {
      const half = sats(500_000)
      yield* inject({ _tag: "PaySlowly", delay: "5 seconds" })
      const first = yield* Effect.forkChild(pay(half), { startImmediately: true })
      assert.strictEqual(yield* limitOf(half), "reserve_sats")
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(first)
    }).pipe(Effect.provide(world({ reserve: sats(1) })))
  )

  it.effect("takes the limits as they are at each payment", () =>
    Effect.gen(function* () {
      const limits = yield* Ref.make({ ...open, daily: Msat.zero })
      yield* Effect.gen(function* () {
        assert.strictEqual(yield* limitOf(sats(1)), "daily_limit_sats")
        yield* Ref.set(limits, { ...open, daily: sats(100) })
        yield* pay(sats(1))
      }).pipe(Effect.provide(Treasury.layer({ network: "regtest", limits: Ref.get(limits) })))
    }).pipe(Effect.provide(Fixture.wallet.pipe(Layer.provideMerge(Fixture.database))))
  )
})

describe("one payment", () => {
  const purchase = PurchaseId.make("one wish")

  it.effect("a purchase that has paid pays no second invoice", () =>
    Effect.gen(function* () {
      yield* pay(sats(10), { purchase })
      const error = yield* refusal(sats(10), { purchase, payee: payee(2) })
      assert.strictEqual(error._tag === "PaymentRefused" && error.reason, "purchase_already_paid")
      assert.strictEqual((yield* (yield* Treasury.Treasury).status).spentEver, sats(11))
    }).pipe(Effect.provide(world()))
  )

  it.effect("a purchase whose payment is under way or unknown pays no second invoice", () =>
    Effect.gen(function* () {
      yield* inject({ _tag: "SilenceBeforePaying" })
      const first = yield* Effect.forkChild(refusal(sats(10), { purchase }), {
        startImmediately: true
      })
      const during = yield* refusal(sats(10), { purchase })
      assert.strictEqual(during._tag, "PaymentRefused")
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual((yield* Fiber.join(first))._tag, "PaymentUnknown")
      const after = yield* refusal(sats(10), { purchase })
      assert.strictEqual(after._tag, "PaymentRefused")
    }).pipe(Effect.provide(world()))
  )

  it.effect("a purchase whose payment has failed may pay another invoice", () =>
    Effect.gen(function* () {
      yield* inject({ _tag: "FailBeforePaying", reason: "no_route" })
      yield* refusal(sats(10), { purchase })
      yield* pay(sats(10), { purchase, payee: payee(2) })
      const states = (yield* (yield* Treasury.Treasury).find(purchase)).map(({ state }) => state)
      assert.deepStrictEqual(states, ["failed", "settled"])
    }).pipe(Effect.provide(world()))
  )

  it.effect("an invoice is used once, whatever became of it", () =>
    Effect.gen(function* () {
      const paid = yield* invoice(sats(10))
      yield* pay(sats(10), { invoice: paid })
      const failed = yield* invoice(sats(10))
      yield* inject({ _tag: "FailBeforePaying", reason: "no_route" })
      yield* refusal(sats(10), { invoice: failed })
      for (const used of [paid, failed]) {
        const error = yield* refusal(sats(10), { invoice: used })
        assert.strictEqual(error._tag === "PaymentRefused" && error.reason, "already_used")
      }
    }).pipe(Effect.provide(world()))
  )

  it.effect("budgets of one database are counted apart, but share what was used", () =>
    Effect.gen(function* () {
      const used = yield* invoice(sats(50))
      yield* pay(sats(50), { invoice: used })
      yield* Effect.gen(function* () {
        const error = yield* refusal(sats(50), { invoice: used })
        assert.strictEqual(error._tag === "PaymentRefused" && error.reason, "already_used")
        yield* pay(sats(50))
        assert.strictEqual((yield* (yield* Treasury.Treasury).status).spentEver, sats(51))
      }).pipe(
        Effect.provide(
          Treasury.layer({
            network: "regtest",
            budget: "another agent",
            limits: { ...open, lifetime: sats(100) }
          })
        )
      )
      assert.strictEqual((yield* (yield* Treasury.Treasury).status).spentEver, sats(51))
    }).pipe(Effect.provide(world({ lifetime: sats(100) })))
  )
})
