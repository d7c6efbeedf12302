import { assert, describe, it } from "@effect/vitest"
import { AgentMessage, Bolt11, Msat } from "@farthing/protocol"
import { ProviderBook } from "@farthing/provider"
import { Bank } from "@farthing/wallet"
import { Deferred, Effect, Option, Stream } from "effect"
import { hash } from "node:crypto"
import * as Market from "./support/Market.ts"
import * as Settling from "./support/Settling.ts"

const { settlement } = Market

const invoiceOf = (paymentHash: Bolt11.PaymentHash) =>
  Effect.gen(function* () {
    const bank = yield* Bank.Bank
    return Option.getOrThrow(yield* bank.findInvoice("provider", paymentHash))
  })

/** Until the provider's wallet says so of an invoice. */
const comesTo = (paymentHash: Bolt11.PaymentHash, wanted: string) =>
  Effect.repeat(invoiceOf(paymentHash), { until: ({ state }) => state === wanted })

describe("a sealed result", () => {
  it.live("is with its customer before it is paid, and read once it is", () =>
    Effect.gen(function* () {
      const seller = yield* Market.provider([Market.echo], { settlement })
      const buyer = yield* Market.customer(seller)
      const before = yield* buyer.balance
      const parcel = yield* Settling.askSealed(buyer)
      assert.deepInclude(yield* seller.next("Awaiting"), { request: parcel.id, tokensOut: 5 })
      assert.deepInclude(yield* seller.status, { awaiting: 1, earned: Msat.zero })
      assert.deepStrictEqual(yield* Settling.open(buyer, parcel, Settling.newPreimage()), [])
      const { end } = yield* buyer.lock(parcel.bolt11)
      const { preimage } = yield* end
      assert.deepStrictEqual(yield* Settling.open(buyer, parcel, preimage), [
        {
          type: "StreamChunk",
          job_id: AgentMessage.jobIdOf(parcel.id),
          request_id: parcel.id,
          chunk: "hello!",
          seq: 0,
          is_final: true,
          sha256: hash("sha256", "hello!"),
          finish_reason: "stop",
          tokens_in: 3,
          tokens_out: 5
        }
      ])
      assert.deepInclude(yield* seller.next("Delivered"), { settlement: "sealed" })
      assert.deepInclude(yield* seller.status, { awaiting: 0, delivered: 1, earned: Market.price })
      assert.strictEqual(yield* buyer.balance, before - Market.price)
      const book = yield* ProviderBook.ProviderBook
      assert.deepStrictEqual(
        (yield* book.steps(parcel.id)).map(({ state }) => state),
        ["quoted", "running", "answered", "awaiting", "claiming", "delivered"]
      )
    }).pipe(Market.inMarket)
  )

  it.live("is sealed piece by piece while it is inferred", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const text = "is ".repeat(30_000)
      const seller = yield* Market.provider([Market.inTwo("Paris ", Deferred.await(gate), text)], {
        settlement
      })
      const buyer = yield* Market.customer(seller)
      const request = yield* buyer.ask({ settlement: ["sealed"], stream: true })
      const { message: invoice } = yield* buyer.hear("Invoice")
      const first = yield* buyer.hear("SealedChunk")
      assert.strictEqual(first.message.seq, 0)
      yield* Deferred.succeed(gate, undefined)
      yield* Effect.sync(() => buyer.again(first))
      const parcel = yield* Settling.receive(buyer, request.id, invoice)
      assert.isAbove(parcel.ciphertexts.length, 3)
      assert.strictEqual(yield* Settling.payAndRead(buyer, parcel), `Paris ${text}`)
    }).pipe(Market.inMarket)
  )

  it.live("that is paid before it is there is taken when it is", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const seller = yield* Market.provider([Market.after(gate)], { settlement })
      const buyer = yield* Market.customer(seller)
      const request = yield* buyer.ask({ settlement: ["sealed"] })
      const { message: invoice } = yield* buyer.hear("Invoice")
      const { end } = yield* buyer.lock(invoice.bolt11)
      yield* Market.answered(buyer)
      const { paymentHash } = yield* Effect.fromResult(Bolt11.decode(invoice.bolt11))
      assert.strictEqual((yield* invoiceOf(paymentHash)).state, "held")
      yield* Deferred.succeed(gate, undefined)
      yield* end
      yield* Settling.receive(buyer, request.id, invoice)
    }).pipe(Market.inMarket)
  )

  it.live("that cannot be made is not to be paid, and what was locked goes back", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const fails = () => Stream.unwrap(Effect.as(Deferred.await(gate), Stream.fail(refused)))
      const seller = yield* Market.provider([fails], { settlement })
      const [early, late] = [yield* Market.customer(seller), yield* Market.customer(seller)]
      const locks = yield* Effect.forEach([early, late], (buyer) =>
        Effect.gen(function* () {
          yield* buyer.ask({ settlement: ["sealed"] })
          return (yield* buyer.hear("Invoice")).message.bolt11
        })
      )
      const { end } = yield* early.lock(locks[0] ?? "")
      yield* Deferred.succeed(gate, undefined)
      for (const buyer of [early, late]) {
        const { message } = yield* buyer.hear("JobError")
        assert.strictEqual(message.code, "inference_failed")
        yield* seller.next("Returned")
      }
      assert.strictEqual((yield* Effect.flip(end))._tag, "PaymentFailed")
      const refusal = yield* Effect.flip(late.lock(locks[1] ?? ""))
      assert.strictEqual(refusal._tag, "PaymentFailed")
      assert.deepInclude(yield* seller.status, { returned: 2, owed: 0, earned: Msat.zero })
    }).pipe(Market.inMarket)
  )

  it.live("that broke off is not begun anew over what its customer has of it", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const breaks = () =>
        Stream.fromIterable(Market.text("half")).pipe(
          Stream.concat(Stream.drain(Stream.fromEffect(Deferred.await(gate)))),
          Stream.concat(Stream.fail(Market.fault("failed")))
        )
      const fallback = Market.scripted([Market.echo])
      const seller = yield* Market.provider([breaks], {
        settlement,
        fallbacks: [fallback]
      })
      const buyer = yield* Market.customer(seller)
      yield* buyer.ask({ model: "small", settlement: ["sealed"], stream: true })
      yield* buyer.hear("SealedChunk")
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual((yield* buyer.hear("JobError")).message.code, "inference_failed")
      yield* seller.next("Returned")
    }).pipe(Market.inMarket)
  )

  it.live("that nobody pays is given up, and nobody can pay it any more", () =>
    Effect.gen(function* () {
      const secret = Market.newSecret()
      const seller = yield* Market.start(secret, [Market.echo], { settlement }).pipe(
        Market.withBook((book) => ({
          ...book,
          // A minute later, as far as the book can tell.
          dueLocks: (provider, until) =>
            book.dueLocks(provider, { ...until, invoiced: until.invoiced + 700 })
        }))
      )
      const buyer = yield* Market.customer(seller)
      const parcel = yield* Settling.askSealed(buyer)
      const { reason } = yield* seller.next("Unpaid")
      assert.strictEqual(reason, "nobody paid for it")
      yield* comesTo(parcel.paymentHash, "cancelled")
      yield* Effect.flip(buyer.lock(parcel.bolt11))
      assert.deepInclude(yield* seller.status, { unclaimed: 1, awaiting: 0, earned: Msat.zero })
    }).pipe(Market.inMarket)
  )
})

describe("unpaid sealed results", () => {
  it.live("are as many as they may be, for one customer and for all", () =>
    Effect.gen(function* () {
      const seller = yield* Market.provider([Market.echo], { settlement, maxUnpaidSealed: 3 })
      const buyers = yield* Effect.replicateEffect(Market.customer(seller), 4)
      const [one] = buyers
      if (one === undefined) return assert.fail()
      const parcel = yield* Settling.askSealed(one)
      yield* one.ask({ settlement: ["sealed"] })
      assert.strictEqual((yield* one.hear("JobError")).message.code, "over_capacity")
      for (const other of buyers.slice(1, 3)) yield* Settling.askSealed(other)
      yield* buyers[3]?.ask({ settlement: ["sealed"] }) ?? Effect.void
      yield* buyers[3]?.hear("JobError") ?? Effect.void
      assert.strictEqual(seller.inferred(), 3)
      assert.strictEqual(yield* Settling.payAndRead(one, parcel), "hello!")
      yield* seller.next("Delivered")
      yield* Settling.askSealed(one)
      // What is paid first is not kept waiting by them.
      yield* buyers[3]?.buy() ?? Effect.void
      yield* buyers[3]?.hear("JobResult") ?? Effect.void
    }).pipe(Market.inMarket)
  )

  it.live("are no more because two processes of a provider are asked at once", () =>
    Effect.gen(function* () {
      const secret = Market.newSecret()
      const options = { settlement, maxUnpaidSealed: 4 }
      const one = yield* Market.start(secret, [Market.echo], options)
      const two = yield* Market.start(secret, [Market.echo], options)
      const buyers = yield* Effect.replicateEffect(Market.customer(one), 8)
      yield* Effect.forEach(
        buyers,
        (buyer) =>
          Effect.gen(function* () {
            yield* buyer.ask({ settlement: ["sealed"] })
            return yield* Effect.repeat(buyer.next, {
              until: ({ message }) => message.type === "JobError" || message.type === "SealedResult"
            })
          }),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(one.inferred() + two.inferred(), 4)
      const bank = yield* Bank.Bank
      const { incoming } = yield* bank.transactions("provider")
      assert.strictEqual(incoming.filter(({ state }) => state === "pending").length, 4)
    }).pipe(Market.inMarket)
  )
})

const refused = Market.fault("refused")
