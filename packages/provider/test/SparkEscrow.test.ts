import { assert, describe, it } from "@effect/vitest"
import { AgentMessage, Msat, type Settlement } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Duration, Effect } from "effect"
import * as Market from "./support/Market.ts"
import * as OnSpark from "./support/OnSpark.ts"
import * as Settling from "./support/Settling.ts"

const settlement: ReadonlyArray<Settlement.Settlement> = ["upfront", "escrow"]

const onSpark = (options?: OnSpark.Options) => Market.withWallet(OnSpark.wallet(options))

describe("an escrow over Spark", () => {
  it.live("is quoted at our address, done once locked, and taken once released", () =>
    Effect.gen(function* () {
      const seller = yield* Market.provider([Market.echo], { settlement })
      const buyer = yield* Market.customer(seller)
      const { bolt11, id, paymentHash, preimage, quote } = yield* Settling.quoteHtlc(buyer)
      const now = yield* UnixTime.now
      assert.deepInclude(quote, {
        request_id: id,
        job_id: AgentMessage.jobIdOf(id),
        rail: "spark",
        spark_address: OnSpark.address,
        amount_msats: Market.price,
        payment_hash: paymentHash,
        lock_secs: 120 + 600 + 300
      })
      assert.isTrue((quote.expires_at ?? 0) > now + 500)
      yield* Market.answered(buyer)
      assert.strictEqual(seller.inferred(), 0)
      const { end } = yield* buyer.lock(bolt11)
      assert.deepInclude(yield* seller.next("Locked"), { request: id, amount: Market.price })
      assert.strictEqual((yield* buyer.hear("JobResult")).message.result, "hello!")
      assert.deepInclude(yield* seller.status, { awaiting: 1, earned: Msat.zero })
      yield* Settling.release(buyer, id, preimage)
      assert.strictEqual((yield* end).preimage, preimage)
      yield* seller.next("Delivered")
      assert.deepInclude(yield* seller.status, { delivered: 1, earned: Market.price })
    }).pipe(onSpark(), Market.inMarket)
  )

  it.live("locks for as long as the customer takes its job to last, but never for over a day", () =>
    Effect.gen(function* () {
      const seller = yield* Market.provider([Market.echo], { settlement })
      const buyer = yield* Market.customer(seller)
      const now = yield* UnixTime.now
      const long = yield* Settling.quoteHtlc(buyer, { expires_at: now + 1_000 })
      assert.isAtLeast(long.quote.lock_secs, 1_850)
      const forever = yield* Settling.quoteHtlc(buyer, { expires_at: now + 1_000_000_000 })
      assert.strictEqual(forever.quote.lock_secs, Duration.toSeconds("1 day"))
    }).pipe(onSpark(), Market.inMarket)
  )

  it.live("is announced with its rails; who names none is quoted a hold invoice", () =>
    Effect.gen(function* () {
      const seller = yield* Market.provider([Market.echo], { settlement })
      const announced = yield* Market.announcementOf(seller.publicKey, yield* UnixTime.now)
      assert.deepStrictEqual(announced?.rails, ["spark", "lightning"])
      const buyer = yield* Market.customer(seller)
      assert.deepInclude((yield* Settling.quoteEscrow(buyer)).quote, { hold: true })
      const { quote } = yield* Settling.quoteEscrow(buyer, {
        rails: ["tram", "lightning", "spark"]
      })
      assert.deepInclude(quote, { settlement: "escrow", hold: true })
    }).pipe(onSpark(), Market.inMarket)
  )

  it.live("is all there is where the wallet makes no hold invoices", () =>
    Effect.gen(function* () {
      const seller = yield* Market.provider([Market.echo], { settlement })
      const announced = yield* Market.announcementOf(seller.publicKey, yield* UnixTime.now)
      assert.deepStrictEqual(announced?.rails, ["spark"])
      const buyer = yield* Market.customer(seller)
      yield* buyer.ask({ settlement: ["escrow"], payment_hash: Settling.newHash() })
      const { message } = yield* buyer.hear("JobError")
      assert.strictEqual(message.code, "settlement_unsupported")
      assert.include(message.message, "escrow over Spark")
      yield* Settling.buyOverSpark(buyer)
      // Who takes either is paid first.
      yield* buyer.buy({ settlement: ["escrow", "upfront"], payment_hash: Settling.newHash() })
      yield* buyer.hear("JobResult")
    }).pipe(onSpark({ hold: false }), Market.inMarket)
  )

  it.live("is not offered by a wallet on Lightning", () =>
    Effect.gen(function* () {
      const seller = yield* Market.provider([Market.echo], { settlement })
      const buyer = yield* Market.customer(seller)
      yield* buyer.ask({
        settlement: ["escrow"],
        rails: ["spark"],
        payment_hash: Settling.newHash()
      })
      assert.strictEqual((yield* buyer.hear("JobError")).message.code, "settlement_unsupported")
    }).pipe(Market.inMarket)
  )

  it.live("is refused on a hash that is known", () =>
    Effect.gen(function* () {
      const seller = yield* Market.provider([Market.echo], { settlement })
      const buyer = yield* Market.customer(seller)
      const { paymentHash } = yield* Settling.quoteHtlc(buyer)
      yield* buyer.ask({ settlement: ["escrow"], rails: ["spark"], payment_hash: paymentHash })
      assert.strictEqual((yield* buyer.hear("JobError")).message.code, "invalid_request")
      yield* buyer.ask({ settlement: ["escrow"], payment_hash: paymentHash })
      assert.strictEqual((yield* buyer.hear("JobError")).message.code, "invalid_request")
    }).pipe(onSpark(), Market.inMarket)
  )

  it.live("goes back where nothing can be inferred", () =>
    Effect.gen(function* () {
      const seller = yield* Market.provider([Market.fails("refused")], { settlement })
      const buyer = yield* Market.customer(seller)
      const before = yield* buyer.balance
      const { bolt11 } = yield* Settling.quoteHtlc(buyer)
      const { end } = yield* buyer.lock(bolt11)
      assert.strictEqual((yield* buyer.hear("JobError")).message.code, "inference_failed")
      assert.strictEqual((yield* Effect.flip(end))._tag, "PaymentFailed")
      yield* seller.next("Returned")
      assert.strictEqual(yield* buyer.balance, before)
    }).pipe(onSpark(), Market.inMarket)
  )

  it.live("is what a provider cannot begin with who asks for parts of a sat", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        Market.provider([Market.echo], { settlement, priceMsats: Msat.make(9_999) })
      )
      assert.include(error.message, "whole sats")
    }).pipe(onSpark(), Market.inMarket)
  )

  it.live("needs no hold invoices, but what is sealed does", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        Market.provider([Market.echo], { settlement: ["escrow", "sealed"] })
      )
      assert.include(error.message, "which sealed needs")
    }).pipe(onSpark({ hold: false }), Market.inMarket)
  )
})
