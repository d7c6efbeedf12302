/**
 * Escrow as it was first drawn up, line by line, over a real relay and the devnet's bank:
 *
 * 1. Agent generates preimage
 * 2. Agent sends HTLC payment (locked until preimage revealed)
 * 3. Provider delivers result
 * 4. Agent releases preimage
 * 5. Provider claims payment
 *
 * This prevents providers from taking payment without delivering results.
 */
import { assert, describe, it } from "@effect/vitest"
import { Bolt11, Msat, Sat } from "@farthing/protocol"
import { Deferred, Effect, Option } from "effect"
import * as Books from "../src/Books.ts"
import * as Deal from "../src/Deal.ts"
import * as People from "../src/People.ts"
import * as Settling from "../src/Settling.ts"
import * as Shop from "../src/Shop.ts"
import * as Shopper from "../src/Shopper.ts"
import * as Stage from "../src/Stage.ts"

const { price } = Deal

const offer = { priceMsats: price, settlement: ["upfront", "escrow"] } as const

/** What the bank says of the invoice, as its owner sees it. */
const invoiceAt = Effect.fnUntraced(function* (
  { account }: Stage.Account,
  paymentHash: Bolt11.PaymentHash
) {
  const { bank } = yield* Stage.Stage
  return Option.getOrThrow(yield* bank.findInvoice(account, paymentHash))
})

const { played } = Stage

describe.concurrent("HTLC escrow", () => {
  it.live("generate, lock, deliver, release, claim: step by step against our provider", () =>
    played(() =>
      Effect.gen(function* () {
        const shop = yield* Shop.open({ offer })
        const agent = yield* Shopper.make(shop.place, shop.provider)

        // 1. Agent generates preimage
        const preimage = Settling.newPreimage()
        const paymentHash = Bolt11.hashOf(preimage)
        const request = yield* agent.ask({ settlement: ["escrow"], payment_hash: paymentHash })
        const { message: quote } = yield* agent.hear("Invoice")
        assert.strictEqual(quote.payment_hash, paymentHash)
        assert.strictEqual((yield* invoiceAt(shop.account, paymentHash)).state, "pending")
        assert.strictEqual(shop.inferred(), 0)

        // 2. Agent sends HTLC payment (locked until preimage revealed)
        yield* agent.lock(quote.bolt11)
        assert.strictEqual((yield* invoiceAt(shop.account, paymentHash)).state, "held")
        assert.strictEqual(yield* agent.balance, agent.account.opening - price - Stage.fee)
        assert.strictEqual(yield* Books.earned(shop.account), 0)

        // 3. Provider delivers result
        assert.strictEqual((yield* agent.hear("JobResult")).message.result, "hello!")
        assert.strictEqual((yield* invoiceAt(shop.account, paymentHash)).state, "held")
        assert.strictEqual(yield* Books.earned(shop.account), 0)

        // 4. Agent releases preimage
        yield* agent.release(request.id, preimage)

        // 5. Provider claims payment
        assert.strictEqual(yield* agent.endOf(paymentHash), "settled")
        assert.strictEqual((yield* invoiceAt(shop.account, paymentHash)).state, "settled")
        yield* Shop.closing(shop, Shop.sold(1, price))
      })
    )
  )

  it.live("generate, lock, deliver, release, claim: step by step against our customer", () =>
    played(() =>
      Effect.gen(function* () {
        const { bank } = yield* Stage.Stage
        const seen: Array<string> = []
        const done = yield* Deferred.make<Bolt11.Preimage>()
        const { customer, peer } = yield* Deal.meet(
          (provider) =>
            Effect.gen(function* () {
              const { account } = provider
              const stateOf = (paymentHash: Bolt11.PaymentHash) =>
                Effect.map(bank.findInvoice(account, paymentHash), (found) =>
                  seen.push(Option.getOrThrow(found).state)
                )
              // 1. Agent generates preimage
              const paymentHash = yield* Settling.hashIn(provider)
              const invoice = yield* Settling.makeEscrow(provider)
              yield* Settling.quoteEscrow(provider, invoice)
              // 2. Agent sends HTLC payment (locked until preimage revealed)
              const locked = yield* provider.htlcLocked
              assert.deepInclude(locked, { payment_hash: paymentHash, amount_msats: price })
              yield* stateOf(paymentHash)
              // 3. Provider delivers result
              yield* provider.result("an honest answer")
              // 4. Agent releases preimage
              const preimage = yield* provider.released
              yield* stateOf(paymentHash)
              // 5. Provider claims payment
              yield* provider.claim(preimage)
              yield* stateOf(paymentHash)
              yield* Deferred.succeed(done, preimage)
            }),
          Settling.by("escrow")
        )
        const receipt = yield* Deal.buy(customer)
        assert.strictEqual(receipt.text, "an honest answer")
        assert.strictEqual(yield* Deferred.await(done), receipt.preimage)
        assert.deepStrictEqual(seen, ["held", "held", "settled"])
        yield* Books.closing(customer, Books.paid(price))
        assert.strictEqual(yield* Books.earned(peer.account), price)
      })
    )
  )

  it.live("between our customer and our provider it costs one price and one fee", () =>
    played(() =>
      Effect.gen(function* () {
        const shop = yield* Shop.open({ offer })
        const customer = yield* People.customer(shop.place, Settling.by("escrow"))
        const receipt = yield* Deal.buy(customer)
        assert.deepInclude(receipt, { text: "hello!", settlement: "escrow", amount: price })
        yield* Books.closing(customer, Books.paid(price))
        yield* Shop.closing(shop, Shop.sold(1, price))
      })
    )
  )

  it.live("prevents providers from taking payment without delivering results", () =>
    played((later) =>
      Effect.gen(function* () {
        const guessed = yield* Deferred.make<boolean>()
        const { customer, peer } = yield* Deal.meet(
          (provider) =>
            Effect.gen(function* () {
              yield* Settling.awaitEscrow(provider)
              yield* Deferred.complete(guessed, provider.claim(Settling.newPreimage()))
            }),
          Settling.by("escrow", {
            ...oneJobADay,
            FARTHING_COMPUTE_FIRST_CHUNK_TIMEOUT: "1 second"
          })
        )
        const ask = Effect.gen(function* () {
          const [provider] = yield* customer.client.discoverProviders()
          const chosen = provider === undefined ? {} : { provider }
          return yield* Effect.flip(Deal.buy(customer, { budget: sixteenSats, ...chosen }))
        })
        const error = yield* ask
        assert(error._tag === "DeliveryTimeout", error.message)
        assert.strictEqual(error.cost, Msat.zero)
        assert.isFalse(yield* Deferred.await(guessed))

        // The money is locked, and so is the budget: it does not allow a second one.
        assert.deepStrictEqual(yield* Books.of(customer), Books.locked(price))
        const exhausted = yield* ask
        assert(exhausted._tag === "BudgetExhausted", exhausted.message)

        // When the lock ends the money returns by itself, and the budget with it.
        yield* later("24 hours")
        yield* Books.closing(customer, Books.untouched)
        assert.strictEqual(yield* Books.earned(peer.account), 0)
        const { limits } = yield* customer.treasury.status
        for (const { held, spent } of limits)
          assert.deepStrictEqual({ held, spent }, { held: Msat.zero, spent: Msat.zero })
        yield* peer.announce()
        const again = yield* ask
        assert(again._tag === "DeliveryTimeout", again.message)
        assert.deepStrictEqual(yield* Books.of(customer), Books.locked(price))
      })
    )
  )
})

/** What price and fee may come to at most. */
const sixteenSats = Sat.toMsat(Sat.make(16))

/** Room for one such job in all, whatever the day. */
const oneJobADay = { FARTHING_RUNWAY_LIFETIME_LIMIT_SATS: "20" }
