/** Wallets that are silent, slow or cut off: no money is paid twice, and none is forgotten. */
import { assert, layer } from "@effect/vitest"
import { Key, Msat } from "@farthing/protocol"
import { Signer } from "@farthing/relay"
import { Effect } from "effect"
import * as OtherRelay from "../src/OtherRelay.ts"
import * as Books from "../src/Books.ts"
import * as Deal from "../src/Deal.ts"
import * as Stage from "../src/Stage.ts"
import * as Aftermath from "./wallets/Aftermath.ts"
import * as CrookedWallet from "./wallets/CrookedWallet.ts"
import { bought, cost, freed, settled, unknown } from "./wallets/Expected.ts"

const { except, honest, looksUp, paysAnd, paysNothingAnd, refusal, result } = CrookedWallet

const environment = Aftermath.impatient

layer(Stage.layer, { excludeTestServices: true, concurrent: true })(
  "wallets that are silent or too late",
  (it) => {
    it.effect("a wallet that never pays nor answers: held until it cannot pay any more", () =>
      Effect.gen(function* () {
        const deal = yield* Aftermath.meet(paysNothingAnd()(), { environment })
        assert.deepEqual(yield* Aftermath.buy(deal), { ...unknown, gone: 0 })
        assert.deepInclude(yield* Aftermath.recover(deal), { held: unknown.held })
        assert.deepInclude(yield* Aftermath.muchLater(Aftermath.recover(deal)), freed)
        assert.lengthOf(yield* deal.wallet.asked(1), 1)
      })
    )

    it.effect(
      "a wallet that pays and says nothing any more: recovery finds out, and pays nothing",
      () =>
        Effect.gen(function* () {
          const dead = looksUp(() => refusal("INTERNAL", "lookup_invoice"))()
          const deal = yield* Aftermath.meet(paysAnd()(dead), { environment })
          assert.deepEqual(yield* Aftermath.buy(deal), { ...unknown, gone: cost })
          yield* deal.wallet.behave(honest)
          assert.deepEqual(yield* Aftermath.recover(deal), bought)
          assert.strictEqual((yield* deal.customer.client.receipts())[0]?.text, Aftermath.text)
          assert.lengthOf(yield* deal.wallet.asked(1), 1)
        })
    )

    it.effect("a wallet whose connection breaks while it pays: its record tells what it did", () =>
      Effect.gen(function* () {
        let breaks = false
        const pays = except("pay_invoice", (_, honest) =>
          Effect.map(honest, (answer) => {
            breaks = true
            return [answer]
          })
        )
        const deal = yield* Aftermath.meet(pays(), {
          environment,
          misbehaviour: () => ({
            onRelay: (frame) => {
              if (!breaks || frame[0] !== "EVENT") return [OtherRelay.forward(frame)]
              breaks = false
              return [{ _tag: "Break", frame }]
            }
          })
        })
        assert.deepInclude(yield* Aftermath.buy(deal), { gone: cost })
        assert.deepInclude(yield* Aftermath.recover(deal), settled)
      })
    )

    it.effect("a wallet that pays when its order has expired long ago: recorded as it is", () =>
      Effect.gen(function* () {
        const deal = yield* Aftermath.meet(paysNothingAnd()(), { environment })
        assert.deepEqual(yield* Aftermath.buy(deal), { ...unknown, gone: 0 })
        const [bolt11 = ""] = yield* deal.wallet.asked(1)
        yield* deal.wallet.payAnyway(bolt11)
        yield* deal.wallet.behave(honest)
        assert.deepEqual(yield* Aftermath.recover(deal), bought)
      })
    )

    it.effect(
      "a wallet that pays when even the invoice has expired: booked, and spending stops",
      () =>
        Effect.gen(function* () {
          const deal = yield* Aftermath.meet(paysNothingAnd()(), { environment })
          yield* Aftermath.buy(deal)
          assert.deepInclude(yield* Aftermath.muchLater(Aftermath.recover(deal)), freed)
          const [bolt11 = ""] = yield* deal.wallet.asked(1)
          yield* deal.wallet.payAnyway(bolt11)
          yield* deal.wallet.behave(honest)
          const { frozen, ...late } = yield* Aftermath.muchLater(Aftermath.recover(deal))
          assert.include(frozen ?? "", "believed to have failed")
          assert.deepInclude(late, { spends: ["settled"], ...Books.paid(Deal.price) })
        })
    )

    it.effect("a stranger who answers in the wallet's place is not heard", () =>
      Effect.gen(function* () {
        const stranger = Signer.make(Key.generate())
        const deal = yield* Aftermath.meet(honest, { environment })
        const paid = result("pay_invoice", { preimage: "ab".repeat(32) })
        yield* deal.wallet.behave((request, truth, event) =>
          request.method === "pay_invoice"
            ? Effect.as(deal.wallet.answerAs(stranger, event, paid), [])
            : honest(request, truth, event)
        )
        assert.deepEqual(yield* Aftermath.buy(deal), { ...unknown, gone: 0 })
        assert.deepInclude(yield* Aftermath.muchLater(Aftermath.recover(deal)), freed)
      })
    )

    it.effect("a wallet that says that it has too little: nobody is asked for anything", () =>
      Effect.gen(function* () {
        const deal = yield* Aftermath.meet(saysBalance(20_000), { environment: reserve })
        assert.deepEqual(yield* Aftermath.buy(deal, 0), {
          heard: "BudgetExhausted",
          exit: 3,
          spends: [],
          frozen: undefined,
          ...Books.untouched
        })
        assert.isEmpty([...deal.peer.requests, ...(yield* deal.wallet.asked(0))])
      })
    )

    it.effect(
      "a wallet that says that it has more than there is: what it refuses costs nothing",
      () =>
        Effect.gen(function* () {
          const { account, bank } = yield* Stage.Stage
          const deal = yield* Aftermath.meet(saysBalance(Msat.most), { environment: reserve })
          const elsewhere = yield* account("elsewhere", Msat.zero)
          const everything = Msat.make(deal.wallet.account.opening - Stage.fee)
          const { bolt11 } = yield* bank.makeInvoice(elsewhere.account, {
            amount: everything,
            description: "",
            expiry: "1 hour"
          })
          yield* deal.wallet.payAnyway(bolt11)
          assert.deepInclude(yield* Aftermath.buy(deal), {
            heard: "PaymentFailed",
            exit: 5,
            spends: ["failed"],
            gone: deal.wallet.account.opening,
            spent: Msat.zero,
            held: Msat.zero
          })
        })
    )
  }
)

/** The wallet is asked how much it has, because something has to stay in it. */
const reserve = { FARTHING_RUNWAY_RESERVE_SATS: "20" }

const saysBalance = (balance: number) =>
  except("get_balance", () => Effect.succeed([result("get_balance", { balance })]))()
