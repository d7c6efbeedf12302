import { assert, describe, it } from "@effect/vitest"
import { AgentMessage, Bolt11, Msat } from "@farthing/protocol"
import { ProviderBook } from "@farthing/provider"
import { Bank } from "@farthing/wallet"
import { Deferred, Effect, Option, Stream } from "effect"
import * as Market from "./support/Market.ts"
import * as Settling from "./support/Settling.ts"

const { settlement } = Market

const stateOf = (paymentHash: Bolt11.PaymentHash) =>
  Effect.gen(function* () {
    const bank = yield* Bank.Bank
    return Option.getOrThrow(yield* bank.findInvoice("provider", paymentHash)).state
  })

describe("an escrow", () => {
  it.live("is quoted on the customer's hash, done once locked, and taken once released", () =>
    Effect.gen(function* () {
      const seller = yield* Market.provider([Market.echo], { settlement })
      const buyer = yield* Market.customer(seller)
      const before = yield* buyer.balance
      const { bolt11, id, paymentHash, preimage, quote } = yield* Settling.quoteEscrow(buyer)
      assert.deepInclude(quote, {
        job_id: AgentMessage.jobIdOf(id),
        request_id: id,
        settlement: "escrow",
        hold: true,
        payment_hash: paymentHash,
        amount_msats: Market.price
      })
      yield* Market.answered(buyer)
      assert.strictEqual(seller.inferred(), 0)
      const { end } = yield* buyer.lock(bolt11)
      const locked = yield* seller.next("Locked")
      assert.deepInclude(locked, { request: id, amount: Market.price })
      assert.strictEqual((yield* buyer.hear("JobResult")).message.result, "hello!")
      assert.deepInclude(yield* seller.next("Awaiting"), { request: id, tokensOut: 5 })
      assert.deepInclude(yield* seller.status, { awaiting: 1, delivered: 0, earned: Msat.zero })
      assert.strictEqual(yield* stateOf(paymentHash), "held")
      yield* Settling.release(buyer, id, preimage)
      assert.strictEqual((yield* end).preimage, preimage)
      assert.deepInclude(yield* seller.next("Delivered"), { request: id, settlement: "escrow" })
      assert.deepInclude(yield* seller.status, {
        awaiting: 0,
        delivered: 1,
        earned: Market.price,
        unpaid: 0
      })
      assert.strictEqual(yield* buyer.balance, before - Market.price)
      const book = yield* ProviderBook.ProviderBook
      assert.deepStrictEqual(
        (yield* book.steps(id)).map(({ state }) => state),
        ["quoted", "paid", "running", "answered", "awaiting", "awaiting", "claiming", "delivered"]
      )
    }).pipe(Market.inMarket)
  )

  it.live("streams as openly as what is paid upfront", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const seller = yield* Market.provider(
        [Market.inTwo("Paris is ", Deferred.await(gate), "nice")],
        { settlement }
      )
      const buyer = yield* Market.customer(seller)
      const { bolt11, id, preimage } = yield* Settling.quoteEscrow(buyer, { stream: true })
      const { end } = yield* buyer.lock(bolt11)
      assert.strictEqual((yield* buyer.hear("StreamChunk")).message.chunk, "Paris is ")
      yield* Deferred.succeed(gate, undefined)
      assert.deepInclude((yield* buyer.hear("StreamChunk")).message, {
        chunk: "nice",
        is_final: true
      })
      yield* Settling.release(buyer, id, preimage)
      yield* end
    }).pipe(Market.inMarket)
  )

  it.live("is taken although its preimage was shown in plain, by somebody of few words", () =>
    Effect.gen(function* () {
      const seller = yield* Market.provider([Market.echo], { settlement })
      const buyer = yield* Market.customer(seller)
      const { bolt11, id, preimage } = yield* Settling.quoteEscrow(buyer)
      const { end } = yield* buyer.lock(bolt11)
      yield* buyer.hear("JobResult")
      yield* buyer.say({
        type: "PreimageRelease",
        job_id: AgentMessage.jobIdOf(id),
        preimage
      })
      yield* end
    }).pipe(Market.inMarket)
  )

  it.live("is found locked by asking, where the wallet reports nothing", () =>
    Effect.gen(function* () {
      const seller = yield* Market.provider([Market.echo], { settlement }).pipe(
        Market.withWallet((wallet) => ({ ...wallet, incoming: Stream.never }))
      )
      const buyer = yield* Market.customer(seller)
      const { bolt11, id, paymentHash } = yield* Settling.quoteEscrow(buyer)
      yield* buyer.lock(bolt11)
      yield* buyer.say({
        type: "HtlcLocked",
        job_id: AgentMessage.jobIdOf(id),
        payment_hash: paymentHash,
        amount_msats: Market.price,
        expiry_secs: 0
      })
      yield* buyer.hear("JobResult")
    }).pipe(Market.inMarket)
  )

  it.live("goes back where nothing can be inferred, and no refund is offered", () =>
    Effect.gen(function* () {
      const seller = yield* Market.provider([Market.fails("refused")], { settlement })
      const buyer = yield* Market.customer(seller)
      const before = yield* buyer.balance
      const { bolt11, id } = yield* Settling.quoteEscrow(buyer)
      const { end } = yield* buyer.lock(bolt11)
      const { message } = yield* buyer.hear("JobError")
      assert.strictEqual(message.code, "inference_failed")
      assert.notInclude(message.message, "10.0.0.7")
      assert.strictEqual((yield* Effect.flip(end))._tag, "PaymentFailed")
      assert.deepInclude(yield* seller.next("Returned"), { request: id })
      assert.strictEqual(yield* buyer.balance, before)
      assert.deepInclude(yield* seller.status, { returned: 1, owed: 0, earned: Msat.zero })
      const book = yield* ProviderBook.ProviderBook
      assert.strictEqual(yield* book.obligations(seller.publicKey), Msat.zero)
    }).pipe(Market.inMarket)
  )

  it.live("is inferred no longer than a job may take, and then goes back", () =>
    Effect.gen(function* () {
      const seller = yield* Market.provider([() => Stream.never], {
        settlement,
        jobTimeout: "100 millis"
      })
      const buyer = yield* Market.customer(seller)
      const { bolt11 } = yield* Settling.quoteEscrow(buyer)
      const { end } = yield* buyer.lock(bolt11)
      yield* buyer.hear("JobError")
      yield* Effect.flip(end)
    }).pipe(Market.inMarket)
  )

  it.live("waits for its turn like any other job, and its time does not", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const seller = yield* Market.provider([Market.after(gate), Market.echo], {
        settlement,
        capacity: 1
      })
      const buyer = yield* Market.customer(seller)
      yield* buyer.buy()
      const { bolt11, id, preimage } = yield* Settling.quoteEscrow(buyer, { prompt: "second" })
      const { end } = yield* buyer.lock(bolt11)
      assert.deepInclude((yield* buyer.hear("JobStatus")).message, {
        request_id: id,
        status: "queued"
      })
      yield* Deferred.succeed(gate, undefined)
      yield* buyer.hear("JobResult")
      assert.strictEqual((yield* buyer.hear("JobResult")).message.result, "second!")
      yield* Settling.release(buyer, id, preimage)
      yield* end
    }).pipe(Market.inMarket)
  )

  it.live("whose lock ends too soon is not begun, and goes back", () =>
    Effect.gen(function* () {
      const seller = yield* Market.provider([Market.echo], {
        settlement,
        jobTimeout: "24 hours"
      })
      const buyer = yield* Market.customer(seller)
      const { bolt11, id, paymentHash } = yield* Settling.quoteEscrow(buyer)
      const { end } = yield* buyer.lock(bolt11)
      const { message } = yield* buyer.hear("JobError")
      assert.strictEqual(message.code, "payment_expired")
      yield* Effect.flip(end)
      yield* seller.next("Returned")
      assert.strictEqual(seller.inferred(), 0)
      assert.strictEqual(yield* stateOf(paymentHash), "cancelled")
      const book = yield* ProviderBook.ProviderBook
      assert.deepStrictEqual(
        (yield* book.steps(id)).map(({ state }) => state),
        ["quoted", "returning", "returned"]
      )
    }).pipe(Market.inMarket)
  )
})

describe("the hash of an escrow", () => {
  it.live("has to be there, and new to the book and to the wallet", () =>
    Effect.gen(function* () {
      const bank = yield* Bank.Bank
      const seller = yield* Market.provider([Market.echo], { settlement })
      const buyer = yield* Market.customer(seller)
      const { paymentHash } = yield* Settling.quoteEscrow(buyer)
      const known = Bolt11.hashOf(Settling.newPreimage())
      yield* bank.makeInvoice("provider", {
        amount: Market.price,
        description: "something else",
        expiry: "1 hour",
        paymentHash: known
      })
      for (const wish of [{}, { payment_hash: paymentHash }, { payment_hash: known }]) {
        yield* buyer.ask({ settlement: ["escrow"], ...wish })
        assert.strictEqual((yield* buyer.hear("JobError")).message.code, "invalid_request")
      }
    }).pipe(Market.inMarket)
  )

  it.live("may have an invoice already that a process of ours made for the same request", () =>
    Effect.gen(function* () {
      const secret = Market.newSecret()
      // Each of them makes the invoice that the other one has made.
      const one = yield* Market.start(secret, [Market.echo], { settlement })
      yield* Market.start(secret, [Market.echo], { settlement })
      const buyer = yield* Market.customer(one)
      for (const _ of [1, 2, 3]) {
        const { text } = yield* Settling.buyInEscrow(buyer)
        assert.strictEqual(text, "hello!")
      }
      yield* Market.answered(buyer)
      const book = yield* ProviderBook.ProviderBook
      const counts = yield* book.counts(one.publicKey)
      assert.strictEqual(counts.find(({ state }) => state === "delivered")?.jobs, 3)
    }).pipe(Market.inMarket)
  )
})

describe("a preimage", () => {
  it.live("counts only if it is right, and the customer's word for this very job", () =>
    Effect.gen(function* () {
      const seller = yield* Market.provider([Market.echo], { settlement })
      const buyer = yield* Market.customer(seller)
      const stranger = yield* Market.customer(seller)
      const job = yield* Settling.quoteEscrow(buyer)
      const other = yield* Settling.quoteEscrow(buyer)
      const { end } = yield* buyer.lock(job.bolt11)
      yield* buyer.lock(other.bolt11)
      yield* buyer.hear("JobResult")
      yield* buyer.hear("JobResult")
      const plain = { type: "PreimageRelease", job_id: AgentMessage.jobIdOf(other.id) } as const
      yield* Settling.release(buyer, job.id, Settling.newPreimage())
      yield* Settling.release(buyer, job.id, Bolt11.Preimage.make(job.paymentHash))
      yield* Settling.release(buyer, job.id, other.preimage)
      yield* Settling.release(stranger, job.id, job.preimage)
      yield* buyer.whisper(job.id, { ...plain, preimage: job.preimage })
      yield* stranger.say({ ...plain, preimage: other.preimage })
      yield* buyer.say({ type: "Private", request_id: job.id, payload: "no secret" })
      yield* buyer.whisper(job.id, { type: "JobCancel", request_id: job.id })
      yield* Market.answered(buyer)
      yield* Market.answered(stranger)
      assert.strictEqual(yield* stateOf(job.paymentHash), "held")
      assert.strictEqual(yield* stateOf(other.paymentHash), "held")
      yield* Settling.release(buyer, job.id, job.preimage)
      yield* end
      yield* seller.next("Delivered")
      yield* Settling.release(buyer, job.id, job.preimage)
      yield* Market.answered(buyer)
      assert.deepInclude(yield* seller.status, { delivered: 1, awaiting: 1 })
    }).pipe(Market.inMarket)
  )

  it.live("that comes early is kept, and taken once the job is delivered", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const seller = yield* Market.provider([Market.after(gate)], { settlement })
      const buyer = yield* Market.customer(seller)
      const { bolt11, id, paymentHash, preimage } = yield* Settling.quoteEscrow(buyer)
      const { end } = yield* buyer.lock(bolt11)
      yield* seller.next("Locked")
      yield* Settling.release(buyer, id, preimage)
      yield* Market.answered(buyer)
      assert.strictEqual(yield* stateOf(paymentHash), "held")
      yield* Deferred.succeed(gate, undefined)
      yield* end
      yield* buyer.hear("JobResult")
    }).pipe(Market.inMarket)
  )
})
