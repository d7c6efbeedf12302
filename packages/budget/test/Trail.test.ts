import { assert, describe, it } from "@effect/vitest"
import { Msat } from "@farthing/protocol"
import { Effect, Fiber, Option } from "effect"
import { TestClock } from "effect/testing"
import { PurchaseId, TickId } from "../src/Spend.ts"
import * as Treasury from "../src/Treasury.ts"
import * as TreasuryLive from "../src/TreasuryLive.ts"
import { invoice, open, sats, world } from "./Fixture.ts"
import { ledgerOf, migrated, order, rules } from "./Orders.ts"
import { inject, pay, refusal, underWay } from "./Payments.ts"

const purchase = PurchaseId.make("one wish")

/** What was decided about a purchase, in order. */
const decisions = (of: PurchaseId = purchase) =>
  Effect.flatMap(Treasury.Treasury, ({ history }) =>
    Effect.map(history(of), (entries) => entries.map(({ what }) => what))
  )

describe("the trail", () => {
  it.effect("tells of a payment from its reservation to what came of it", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      const { paymentHash } = yield* pay(sats(100), { purchase })
      yield* treasury.conclude(paymentHash, "lost")
      yield* treasury.conclude(paymentHash, "refunded")
      yield* treasury.conclude(paymentHash, "delivered")
      const entries = yield* treasury.history(purchase)
      assert.deepStrictEqual(
        entries.map(({ held, spent, what }) => ({ held, spent, what })),
        [
          { what: "submitted", held: sats(110), spent: 0 },
          { what: "settled", held: -sats(110), spent: sats(101) },
          { what: "lost", held: 0, spent: 0 },
          { what: "refunded", held: 0, spent: 0 }
        ]
      )
      assert.deepStrictEqual(yield* decisions(PurchaseId.make("another")), [])
    }).pipe(Effect.provide(world()))
  )

  it.effect("tells of a refusal by which limit, and what was asked, spent and held", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      yield* pay(sats(60))
      yield* refusal(sats(60), { purchase })
      const [entry] = yield* treasury.history(purchase)
      assert.strictEqual(entry?.what, "refused")
      assert.deepStrictEqual(entry?.refusal, {
        limit: "daily_limit_sats",
        asked: sats(70),
        most: sats(100),
        spent: sats(61),
        held: Msat.zero
      })
      assert.include(entry?.note, "daily_limit_sats")
      assert.deepStrictEqual((yield* treasury.audit).findings, [])
    }).pipe(Effect.provide(world({ daily: sats(100) })))
  )

  it.effect("tells of a person that had to agree, and of the payment once one did", () =>
    Effect.gen(function* () {
      yield* refusal(sats(91), { purchase })
      yield* pay(sats(91), { purchase, approved: true })
      assert.deepStrictEqual(yield* decisions(), ["approval_required", "submitted", "settled"])
    }).pipe(Effect.provide(world({ approvalAbove: sats(100) })))
  )

  it.effect("tells of invoices that nobody should pay, with their hash", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      const bad = { ...(yield* invoice(sats(10))), network: "mainnet" as const }
      yield* refusal(sats(10), { purchase, invoice: bad })
      const [entry] = yield* treasury.history(purchase)
      assert.strictEqual(entry?.paymentHash, bad.paymentHash)
      assert.include(entry?.note, "mainnet")
    }).pipe(Effect.provide(world()))
  )

  it.effect("tells of a check that said no, once for as often as nothing else happened", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      const wish = { tick: TickId.make("tick"), amount: sats(101) }
      yield* Effect.flip(treasury.check({ ...wish, purchase }))
      yield* Effect.flip(treasury.check({ ...wish, purchase }))
      assert.deepStrictEqual(yield* decisions(), ["refused"])
      yield* Effect.flip(treasury.check(wish))
      yield* Effect.flip(treasury.check(wish))
      assert.strictEqual((yield* treasury.audit).entries, 2)
    }).pipe(Effect.provide(world({ daily: sats(100) })))
  )

  it.effect("does not repeat a look-up that learned nothing", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      yield* inject({ _tag: "BreakBeforePaying" })
      const { payment, wish } = yield* underWay
      yield* TestClock.adjust("2 minutes")
      yield* Effect.flip(Fiber.join(payment))
      for (let n = 0; n < 5; n++) yield* treasury.recover
      yield* TestClock.setTime((wish.invoice.expiresAt + 121) * 1000)
      yield* treasury.recover
      const entries = yield* treasury.history(wish.purchase)
      assert.deepStrictEqual(
        entries.map(({ note, what }) => [what, note]),
        [
          ["submitted", ""],
          ["unknown", "The bank broke down"],
          ["unknown", "the wallet does not know it yet"],
          ["failed", "the wallet does not know it, and it cannot be executed any more"]
        ]
      )
    }).pipe(Effect.provide(world()))
  )

  it.effect("tells who went away, who took over, and what an earlier owner still said", () =>
    Effect.gen(function* () {
      const [first, second] = [yield* ledgerOf("first"), yield* ledgerOf("second")]
      const spend = yield* first.reserve(order("a"), rules())
      yield* TestClock.adjust("30 seconds")
      const taken = Option.getOrThrow(yield* second.takeOver(spend.paymentHash))
      assert.strictEqual((yield* first.fail(spend, "no route")).state, "submitted")
      yield* second.letGo(taken, "the wallet could not be asked")
      const entries = yield* first.history(PurchaseId.make("a"))
      assert.deepStrictEqual(
        entries.map(({ what }) => what),
        ["submitted", "taken_over", "overruled", "let_go"]
      )
    }).pipe(Effect.provide(migrated))
  )

  it.effect("tells of what froze spending, and of who unfroze it", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      yield* inject({ _tag: "Overcharge", by: sats(50) })
      yield* pay(sats(10), { purchase })
      yield* treasury.unfreeze
      yield* treasury.freeze("lost my phone")
      assert.deepStrictEqual(yield* decisions(), ["submitted", "settled", "frozen"])
      assert.strictEqual((yield* treasury.audit).entries, 5)
    }).pipe(Effect.provide(world()))
  )

  it.effect("is kept apart for each budget", () =>
    Effect.gen(function* () {
      const other = yield* TreasuryLive.make({ network: "regtest", limits: open, budget: "other" })
      yield* pay(sats(10), { purchase })
      assert.deepStrictEqual(yield* other.history(purchase), [])
    }).pipe(Effect.provide(world()))
  )
})
