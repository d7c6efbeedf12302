import { assert, describe, it } from "@effect/vitest"
import { AgentMessage, Bolt11, Msat, NostrEvent } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Wallet } from "@farthing/wallet"
import { Deferred, Effect, Exit, Queue, Scope, Stream } from "effect"
import { hash } from "node:crypto"
import * as Market from "./support/Market.ts"
import * as Settling from "./support/Settling.ts"

describe("a sale", () => {
  it.live("goes from request over quote and payment to the result", () =>
    Effect.gen(function* () {
      const seller = yield* Market.provider()
      const buyer = yield* Market.customer(seller)
      const request = yield* buyer.ask({ model: "small" })
      const quote = yield* buyer.hear("Invoice")
      assert.deepInclude(quote.message, {
        job_id: AgentMessage.jobIdOf(request.id),
        request_id: request.id,
        amount_msats: Market.price,
        settlement: "upfront"
      })
      assert.deepStrictEqual(
        quote.event.tags.filter(([name]) => name !== "salt").map((tag) => [tag[0], tag[1], tag[3]]),
        [
          ["e", seller.channel, "root"],
          ["e", request.id, "reply"],
          ["p", buyer.publicKey, undefined]
        ]
      )
      assert.match(NostrEvent.tagValue(quote.event, "salt") ?? "", /^[0-9a-f]{16}$/)
      yield* buyer.pay(quote.message.bolt11)
      const { message } = yield* buyer.hear("JobResult")
      assert.deepStrictEqual(message, {
        type: "JobResult",
        job_id: AgentMessage.jobIdOf(request.id),
        result: "hello!",
        request_id: request.id,
        model: "small",
        tokens_in: 3,
        tokens_out: 5,
        finish_reason: "stop",
        sha256: hash("sha256", "hello!")
      })
      yield* seller.next("Delivered")
      assert.deepInclude(yield* seller.status, {
        online: true,
        delivered: 1,
        owed: 0,
        refunded: 0,
        lost: 0,
        unpaid: 0,
        earned: Market.price
      })
    }).pipe(Market.inMarket)
  )

  it.live("needs nothing but the seed's messages, and answers with nothing else", () =>
    Effect.gen(function* () {
      const seller = yield* Market.provider()
      const buyer = yield* Market.customer(seller)
      const request = yield* buyer.ask({ target_provider: seller.publicKey })
      const job_id = AgentMessage.jobIdOf(request.id)
      const { message: quote } = yield* buyer.hear("Invoice")
      assert.deepStrictEqual(Object.keys(quote).toSorted(), [
        "amount_msats",
        "bolt11",
        "job_id",
        "payment_hash",
        "type"
      ])
      yield* buyer.pay(quote.bolt11)
      yield* buyer.say({ type: "PaymentSent", job_id, payment_id: "payment-456" })
      const { message } = yield* buyer.hear("JobResult")
      assert.deepStrictEqual(message, { type: "JobResult", job_id, result: "hello!" })
    }).pipe(Market.inMarket)
  )

  it.live("passes on what the customer wished, within the provider's bounds", () =>
    Effect.gen(function* () {
      const asked = yield* Queue.unbounded<unknown>()
      const seller = yield* Market.provider(
        [(request) => Stream.unwrap(Effect.as(Queue.offer(asked, request), Market.echo(request)))],
        { maxTokens: 100 }
      )
      const buyer = yield* Market.customer(seller)
      yield* buyer.buy({
        model: "large",
        max_tokens: 5_000,
        temperature: 0.5,
        top_p: 0.9,
        stop: ["\n"],
        seed: 7
      })
      assert.deepStrictEqual(yield* Queue.take(asked), {
        model: "large",
        prompt: "hello",
        maxTokens: 100,
        temperature: 0.5,
        topP: 0.9,
        stop: ["\n"],
        seed: 7
      })
    }).pipe(Market.inMarket)
  )
})

describe("a stream", () => {
  it.live("comes in numbered chunks, and the last one seals the whole", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const seller = yield* Market.provider([
        () =>
          Stream.fromIterable(Market.text("Paris ", "is ")).pipe(
            Stream.concat(Stream.drain(Stream.fromEffect(Deferred.await(gate)))),
            Stream.concat(Stream.fromIterable([...Market.text("nice"), Market.finish]))
          )
      ])
      const buyer = yield* Market.customer(seller)
      const request = yield* buyer.buy({ stream: true })
      const first = yield* buyer.hear("StreamChunk")
      assert.deepStrictEqual(first.message, {
        type: "StreamChunk",
        job_id: AgentMessage.jobIdOf(request.id),
        request_id: request.id,
        chunk: "Paris is ",
        seq: 0,
        is_final: false
      })
      yield* Deferred.succeed(gate, undefined)
      const last = yield* buyer.hear("StreamChunk")
      assert.deepInclude(last.message, {
        chunk: "nice",
        seq: 1,
        is_final: true,
        sha256: hash("sha256", "Paris is nice"),
        finish_reason: "stop",
        tokens_in: 3,
        tokens_out: 5
      })
    }).pipe(Market.inMarket)
  )

  it.live("is cut where relays would refuse it, never inside a character", () =>
    Effect.gen(function* () {
      const fox = '🦊"\\\n'.repeat(20_000)
      const seller = yield* Market.provider([
        () => Stream.fromIterable([...Market.text(fox.slice(0, 7), fox.slice(7)), Market.finish])
      ])
      for (const stream of [true, false]) {
        const buyer = yield* Market.customer(seller)
        yield* buyer.buy({ stream })
        const chunks: Array<AgentMessage.StreamChunk> = []
        while (chunks.at(-1)?.is_final !== true) {
          const { event, message } = yield* buyer.hear("StreamChunk")
          assert.isAtMost(Buffer.byteLength(JSON.stringify(event)), 48_000)
          assert.isTrue(message.chunk.isWellFormed())
          chunks.push(message)
        }
        assert.isTrue(chunks.map(({ chunk }) => chunk).join("") === fox)
        assert.deepStrictEqual(
          chunks.map(({ seq }) => seq),
          chunks.map((_, index) => index)
        )
        assert.strictEqual(chunks.at(-1)?.sha256, hash("sha256", fox))
      }
    }).pipe(Market.inMarket)
  )
})

describe("payment", () => {
  it.live("is believed from the wallet alone: the customer's word starts nothing", () =>
    Effect.gen(function* () {
      const seller = yield* Market.provider()
      const buyer = yield* Market.customer(seller)
      const request = yield* buyer.ask()
      const { message: quote } = yield* buyer.hear("Invoice")
      const claim = {
        type: "PaymentSent",
        job_id: AgentMessage.jobIdOf(request.id),
        payment_id: "trust me"
      } as const
      yield* buyer.say(claim)
      yield* Market.answered(buyer)
      assert.strictEqual(seller.inferred(), 0)
      yield* buyer.pay(quote.bolt11)
      assert.strictEqual((yield* buyer.hear("JobResult")).message.result, "hello!")
    }).pipe(Market.inMarket)
  )

  it.live("is asked for at once when the customer says so, but not when a stranger does", () =>
    Effect.gen(function* () {
      const looks = yield* Queue.unbounded<string>()
      const seller = yield* Market.provider([Market.echo], {}).pipe(
        Market.withWallet((wallet) => ({
          ...wallet,
          incoming: Stream.never,
          lookupIncoming: (hash) =>
            Effect.andThen(Queue.offer(looks, hash), wallet.lookupIncoming(hash))
        }))
      )
      const buyer = yield* Market.customer(seller)
      const stranger = yield* Market.customer(seller)
      const request = yield* buyer.ask()
      const { message: quote } = yield* buyer.hear("Invoice")
      const paymentSent = {
        type: "PaymentSent",
        job_id: AgentMessage.jobIdOf(request.id),
        payment_id: "p"
      } as const
      yield* stranger.say(paymentSent)
      yield* Market.answered(stranger)
      assert.strictEqual(yield* Queue.size(looks), 0)
      yield* buyer.pay(quote.bolt11)
      yield* buyer.say(paymentSent)
      yield* buyer.hear("JobResult")
    }).pipe(Market.inMarket)
  )

  it.live("is found by asking, where neither wallet nor customer says anything", () =>
    Effect.gen(function* () {
      const seller = yield* Market.provider().pipe(
        Market.withWallet((wallet) => ({ ...wallet, incoming: Stream.never }))
      )
      const buyer = yield* Market.customer(seller)
      yield* buyer.buy()
      assert.strictEqual((yield* buyer.hear("JobResult")).message.result, "hello!")
    }).pipe(Market.inMarket)
  )
})

describe("how a job is settled", () => {
  const wishes: ReadonlyArray<readonly [ReadonlyArray<string> | undefined, string]> = [
    [undefined, "upfront"],
    [["upfront", "sealed"], "upfront"],
    [["sealed", "upfront"], "sealed"],
    [["barter", "escrow", "upfront"], "escrow"]
  ]
  for (const [wish, mode] of wishes) {
    it.live(`is ${mode} for who wants ${wish?.join(", then ") ?? "nothing special"}`, () =>
      Effect.gen(function* () {
        const { settlement } = Market
        const seller = yield* Market.provider([Market.echo], { settlement })
        const buyer = yield* Market.customer(seller)
        const payment_hash = Bolt11.hashOf(Settling.newPreimage())
        const asked = wish === undefined ? {} : { settlement: wish, payment_hash }
        yield* buyer.ask({ model: "small", ...asked })
        const { message } = yield* buyer.hear("Invoice")
        assert.strictEqual(message.settlement, mode)
        assert.strictEqual(message.hold, mode === "upfront" ? undefined : true)
        assert.strictEqual(message.payment_hash === payment_hash, mode === "escrow")
      }).pipe(Market.inMarket)
    )
  }

  it.live("is the customer's next best where the provider does not offer the first", () =>
    Effect.gen(function* () {
      const seller = yield* Market.provider([Market.echo], { settlement: ["upfront", "sealed"] })
      const buyer = yield* Market.customer(seller)
      yield* buyer.ask({ settlement: ["escrow", "sealed", "upfront"] })
      assert.strictEqual((yield* buyer.hear("Invoice")).message.settlement, "sealed")
      yield* buyer.ask({ settlement: ["escrow"] })
      assert.deepInclude((yield* buyer.hear("JobError")).message, {
        code: "settlement_unsupported",
        message: "settlements taken: upfront, sealed"
      })
    }).pipe(Market.inMarket)
  )
})

describe("a request", () => {
  const refusals: ReadonlyArray<readonly [string, Market.Wish, AgentMessage.JobErrorCode]> = [
    ["a model that is not sold", { model: "gpt-9" }, "model_unavailable"],
    ["a prompt that is too long", { prompt: "x".repeat(40_000) }, "prompt_too_long"],
    ["a settlement we do not take", { settlement: ["sealed"] }, "settlement_unsupported"],
    ["a bid below the price", { max_price_msats: Msat.make(9_999) }, "price_above_bid"],
    ["a job of another kind", { kind: 5100 }, "invalid_request"],
    ["no tokens at all", { max_tokens: 0 }, "invalid_request"]
  ]
  for (const [what, wish, code] of refusals) {
    it.live(`is refused for ${what}`, () =>
      Effect.gen(function* () {
        const seller = yield* Market.provider()
        const buyer = yield* Market.customer(seller)
        const request = yield* buyer.ask(wish)
        const { message } = yield* buyer.hear("JobError")
        assert.deepInclude(message, { code, request_id: request.id })
      }).pipe(Market.inMarket)
    )
  }

  it.live("is refused if it cannot be read, ignored if it is not for us or too old", () =>
    Effect.gen(function* () {
      const seller = yield* Market.provider()
      const buyer = yield* Market.customer(seller)
      const second = yield* UnixTime.now
      yield* buyer.say("not json")
      yield* buyer.say('{"type":"Unheard"}')
      yield* buyer.ask({ target_provider: buyer.publicKey })
      yield* buyer.ask({ expires_at: second - 1 })
      yield* buyer.say(Market.request(), second - 600)
      yield* buyer.say('{"type":"JobRequest","prompt":7}')
      assert.strictEqual((yield* buyer.hear("JobError")).message.code, "invalid_request")
      yield* Market.answered(buyer)
      assert.strictEqual(yield* Queue.size(buyer.heard), 0)
    }).pipe(Market.inMarket)
  )

  it.live("is not quoted while too many paid jobs wait", () =>
    Effect.gen(function* () {
      const seller = yield* Market.provider([() => Stream.never], {
        capacity: 1,
        queue: 1,
        stopWithin: 0
      })
      const buyer = yield* Market.customer(seller)
      yield* buyer.buy()
      yield* seller.next("Paid")
      yield* buyer.buy()
      yield* seller.next("Paid")
      const { message: status } = yield* buyer.hear("JobStatus")
      assert.deepInclude(status, { status: "queued", position: 1 })
      yield* buyer.ask()
      assert.strictEqual((yield* buyer.hear("JobError")).message.code, "over_capacity")
      assert.deepInclude(yield* seller.status, { running: 1, waiting: 1 })
    }).pipe(Market.inMarket)
  )

  it.live("is refused while the wallet makes no invoices, and trouble is told", () =>
    Effect.gen(function* () {
      const seller = yield* Market.provider().pipe(
        Market.withWallet((wallet) => ({
          ...wallet,
          makeInvoice: () =>
            Effect.fail(
              new Wallet.WalletError({
                reason: new Wallet.WalletUnreachable({ message: "no answer" })
              })
            )
        }))
      )
      const buyer = yield* Market.customer(seller)
      yield* buyer.ask()
      assert.strictEqual((yield* buyer.hear("JobError")).message.code, "over_capacity")
      assert.strictEqual((yield* seller.next("Trouble")).message, "no answer")
    }).pipe(Market.inMarket)
  )

  it.live("of somebody who asks too often gets no answer", () =>
    Effect.gen(function* () {
      const seller = yield* Market.provider([Market.echo], { requestsPerMinute: 2 })
      const flood = yield* Market.customer(seller)
      for (let asked = 0; asked < 20; asked++) yield* flood.ask({ model: "none" })
      const other = yield* Market.customer(seller)
      yield* Market.answered(other)
      assert.strictEqual(yield* Queue.size(flood.heard), 2)
    }).pipe(Market.inMarket)
  )

  it.live("is not quoted to who leaves quotes unpaid", () =>
    Effect.gen(function* () {
      const seller = yield* Market.provider([Market.echo], { unpaidPerCustomer: 2 })
      const buyer = yield* Market.customer(seller)
      for (const _ of [1, 2]) {
        yield* buyer.ask()
        yield* buyer.hear("Invoice")
      }
      yield* buyer.ask()
      assert.strictEqual((yield* buyer.hear("JobError")).message.code, "over_capacity")
      const other = yield* Market.customer(seller)
      yield* other.ask()
      yield* other.hear("Invoice")
    }).pipe(Market.inMarket)
  )
})

describe("presence", () => {
  it.live("says what is sold, and that it is over", () =>
    Effect.gen(function* () {
      const second = yield* UnixTime.now
      const scope = yield* Scope.make()
      const seller = yield* Market.provider([Market.echo], {
        about: "fast",
        models: ["large", "huge"]
      }).pipe(Scope.provide(scope))
      const announced = yield* Market.announcementOf(seller.publicKey, second)
      assert.deepInclude(announced, {
        name: "tern",
        about: "fast",
        channel: seller.channel,
        models: ["large"],
        settlements: ["upfront"],
        tagsAnswers: true,
        online: true
      })
      assert.deepInclude(yield* seller.next("Online"), { models: ["large"], price: Market.price })
      yield* Scope.close(scope, Exit.void)
      const gone = yield* Market.announcementOf(seller.publicKey, second)
      assert.isFalse(gone?.online)
      assert.isAbove(gone?.event.created_at ?? 0, announced?.event.created_at ?? Infinity)
    }).pipe(Market.inMarket)
  )

  it.live("says how it may be paid, and is refused where its wallet cannot hold money", () =>
    Effect.gen(function* () {
      const second = yield* UnixTime.now
      const { settlement } = Market
      const seller = yield* Market.provider([Market.echo], { settlement })
      const announced = yield* Market.announcementOf(seller.publicKey, second)
      assert.deepStrictEqual(announced?.settlements, settlement)
      const error = yield* Market.provider([Market.echo], { settlement: ["sealed"] }).pipe(
        Market.withWallet((wallet) => ({
          ...wallet,
          info: Effect.map(wallet.info, (info) => ({
            ...info,
            capabilities: { ...info.capabilities, hold: false }
          }))
        })),
        Effect.flip
      )
      assert.include(error.message, "hold invoices")
      const nothing = yield* Effect.flip(Market.provider([Market.echo], { settlement: [] }))
      assert.include(nothing.message, "nothing can be sold")
    }).pipe(Market.inMarket)
  )

  it.live("is refused where the wallet lives on another network", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Market.provider([Market.echo], { network: "mainnet" }))
      assert.include(error.message, "regtest")
    }).pipe(Market.inMarket)
  )
})
