/** Wallets that say something else than what they did: only a preimage proves a payment. */
import { assert, layer } from "@effect/vitest"
import { Bolt11, Msat } from "@farthing/protocol"
import { Effect } from "effect"
import * as Books from "../src/Books.ts"
import * as Deal from "../src/Deal.ts"
import * as Stage from "../src/Stage.ts"
import * as Aftermath from "./wallets/Aftermath.ts"
import * as CrookedWallet from "./wallets/CrookedWallet.ts"
import { bought, cost, freed, missed, unknown } from "./wallets/Expected.ts"

const { changed, except, honest, looksUp, notFound, paysAnd, paysNothingAnd, refusal, result } =
  CrookedWallet

const { price } = Deal

const environment = Aftermath.impatient

/** NIP-47's words for a payment that was not even tried, and for one that failed. */
const refusals = [
  "RATE_LIMITED",
  "NOT_IMPLEMENTED",
  "INSUFFICIENT_BALANCE",
  "QUOTA_EXCEEDED",
  "RESTRICTED",
  "UNAUTHORIZED",
  "UNSUPPORTED_ENCRYPTION",
  "PAYMENT_FAILED"
]

/** Its words that say nothing of the payment, and one that is none of its words. */
const excuses = ["INTERNAL", "NOT_FOUND", "OTHER", "NEVER_HEARD_OF"]

const nonsenses = ["null", "[]", '{"result":{}}', "{".repeat(5_000)]

/** Of another payment, as good as any. */
const another = Bolt11.Preimage.make("ab".repeat(32))

/** On a busy machine. */
const manyPurchases = { timeout: 120_000 }

layer(Stage.layer, { excludeTestServices: true, concurrent: true })("wallets that lie", (it) => {
  it.effect(
    "a wallet that pays and says that it failed, in whatever words, is not believed",
    () =>
      Effect.gen(function* () {
        const deal = yield* Aftermath.meet(honest)
        for (const [turn, code] of [...refusals, ...excuses].entries()) {
          yield* deal.wallet.behave(paysAnd(refusal(code))())
          const paid = Books.paid(...Array.from({ length: turn + 1 }, () => price))
          const seen = yield* Aftermath.buy(deal, turn + 1)
          assert.deepInclude(seen, { heard: "Receipt", exit: 0, frozen: undefined, ...paid }, code)
        }
      }),
    manyPurchases
  )

  it.effect(
    "a wallet that refuses and has not paid, in whatever words, costs nothing",
    () =>
      Effect.gen(function* () {
        const deal = yield* Aftermath.meet(honest)
        for (const [turn, code] of refusals.entries()) {
          yield* deal.wallet.behave(paysNothingAnd(refusal(code))())
          const seen = yield* Aftermath.buy(deal, turn + 1)
          assert.deepInclude(seen, { heard: "PaymentFailed", exit: 5, ...Books.untouched }, code)
        }
      }),
    manyPurchases
  )

  it.effect(
    "a wallet that pays and answers with nonsense is asked for its record",
    () =>
      Effect.gen(function* () {
        const deal = yield* Aftermath.meet(honest)
        for (const [turn, nonsense] of nonsenses.entries()) {
          yield* deal.wallet.behave(paysAnd(nonsense)())
          const paid = Books.paid(...Array.from({ length: turn + 1 }, () => price))
          assert.deepInclude(yield* Aftermath.buy(deal, turn + 1), { heard: "Receipt", ...paid })
        }
      }),
    manyPurchases
  )

  it.effect("a wallet that answers twice, with two preimages: the one that proves it counts", () =>
    Effect.gen(function* () {
      const twice = except("pay_invoice", (_, honest) =>
        Effect.map(honest, (answer) => [changed(answer, { preimage: another }), answer])
      )
      assert.deepEqual(yield* Aftermath.buy(yield* Aftermath.meet(twice())), bought)
    })
  )

  it.effect("a wallet that shows the preimage of another payment proves nothing", () =>
    Effect.gen(function* () {
      const wrong = (answer: string) => changed(answer, { preimage: another })
      const pays = except("pay_invoice", (_, honest) =>
        Effect.map(honest, (answer) => [wrong(answer)])
      )
      const deal = yield* Aftermath.meet(pays(looksUp(wrong)()), { environment })
      assert.deepEqual(yield* Aftermath.buy(deal), { ...unknown, gone: cost })
      yield* deal.wallet.behave(honest)
      assert.deepEqual(yield* Aftermath.recover(deal), bought)
    })
  )

  it.effect("a wallet that shows the record of another payment proves nothing", () =>
    Effect.gen(function* () {
      const wrong = (answer: string) =>
        changed(answer, { payment_hash: Bolt11.hashOf(another), preimage: another })
      const deal = yield* Aftermath.meet(paysAnd()(looksUp(wrong)()), { environment })
      assert.deepEqual(yield* Aftermath.buy(deal), { ...unknown, gone: cost })
      yield* deal.wallet.behave(honest)
      assert.deepEqual(yield* Aftermath.recover(deal), bought)
    })
  )

  it.effect("a wallet that has not paid and says so: its word without a proof is none", () =>
    Effect.gen(function* () {
      const said = result("pay_invoice", { preimage: another })
      const deal = yield* Aftermath.meet(paysNothingAnd(said)(looksUp(() => notFound)()), {
        environment
      })
      assert.deepEqual(yield* Aftermath.buy(deal), { ...unknown, gone: 0 })
      assert.deepInclude(yield* Aftermath.muchLater(Aftermath.recover(deal)), freed)
    })
  )

  it.effect(
    "a wallet that takes more than the allowed fee: booked as it is, and spending stops",
    () =>
      Effect.gen(function* () {
        const { faults } = yield* Stage.Stage
        const by = Msat.make(20_000)
        const deal = yield* Aftermath.meet(honest)
        yield* faults.inject(deal.wallet.account.account, { _tag: "Overcharge", by })
        const gone = Msat.sum([cost, by, Stage.fee])
        const { frozen, ...first } = yield* Aftermath.buy(deal)
        assert.deepInclude(first, { heard: "Receipt", spends: ["settled"], gone, spent: gone })
        assert.include(frozen ?? "", "more than the 10000 msat allowed")
        const second = yield* Aftermath.buy(deal)
        assert.deepInclude(second, { heard: "BudgetExhausted", exit: 3, gone, spent: gone })
        assert.lengthOf(yield* deal.wallet.asked(1), 1)
      })
  )

  it.effect(
    "a wallet that does not know what it paid: the audit finds it, and what it tells late is booked",
    () =>
      Effect.gen(function* () {
        const forgetful = paysAnd()(looksUp(() => notFound)())
        const deal = yield* Aftermath.meet(forgetful, { environment })
        assert.deepInclude(yield* Aftermath.buy(deal), { ...unknown, findings: [], gone: cost })
        assert.deepInclude(yield* Aftermath.recover(deal), { held: unknown.held })
        yield* believesInVain(deal, Aftermath.muchLater(Aftermath.recover(deal)))
      })
  )

  it.effect(
    "a wallet whose record denies what it paid: the audit finds it, and what it tells late is booked",
    () =>
      Effect.gen(function* () {
        const denies = looksUp((answer) => changed(answer, { state: "failed" }))
        const deal = yield* Aftermath.meet(paysAnd(refusal("PAYMENT_FAILED"))(denies()))
        yield* believesInVain(deal, Aftermath.buy(deal))
      })
  )
})

/** The lie is believed, is not hidden from the audit, and ends when the wallet tells the truth. */
const believesInVain = Effect.fnUntraced(function* <E, R>(
  deal: Aftermath.Deal,
  believed: Effect.Effect<Aftermath.Aftermath, E, R>
) {
  const { findings, ...seen } = yield* believed
  assert.deepInclude(seen, missed)
  assert.lengthOf(findings, 1)
  assert.include(findings[0] ?? "", "the wallet says settled")
  yield* deal.wallet.behave(honest)
  const { frozen, ...told } = yield* Aftermath.recover(deal)
  assert.include(frozen ?? "", "believed to have failed")
  assert.deepInclude(told, { spends: ["settled"], ...Books.paid(price) })
})
