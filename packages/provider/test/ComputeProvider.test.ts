import { assert, describe, it } from "@effect/vitest"
import { AgentMessage, Msat, NostrEvent } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Wallet } from "@farthing/wallet"
import { Deferred, Effect, Exit, Fiber, Queue, Scope, Stream } from "effect"
import { hash } from "node:crypto"
import * as Market from "./support/Market.ts"

const provider = (
  plays?: ReadonlyArray<Market.Play>,
  options?: Parameters<typeof Market.start>[2]
) => Market.start(Market.newSecret(), plays, options)

/** The world goes on until what was said before has been read: it answers in order. */
const answered = (buyer: Market.Customer) =>
  buyer.ask({ model: "none" }).pipe(Effect.andThen(buyer.hear("JobError")))

describe("a sale", () => {
  it.live("goes from request over quote and payment to the result", () =>
    Effect.gen(function* () {
      const seller = yield* provider()
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
        failed: 0,
        unpaid: 0,
        earned: Market.price
      })
    }).pipe(Market.inMarket)
  )

  it.live("needs nothing but the seed's messages, and answers with nothing else", () =>
    Effect.gen(function* () {
      const seller = yield* provider()
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
      const seller = yield* provider(
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
      const seller = yield* provider([
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
      const seller = yield* provider([
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
      const seller = yield* provider()
      const buyer = yield* Market.customer(seller)
      const request = yield* buyer.ask()
      const { message: quote } = yield* buyer.hear("Invoice")
      const claim = {
        type: "PaymentSent",
        job_id: AgentMessage.jobIdOf(request.id),
        payment_id: "trust me"
      } as const
      yield* buyer.say(claim)
      yield* answered(buyer)
      assert.strictEqual(seller.inferred(), 0)
      yield* buyer.pay(quote.bolt11)
      assert.strictEqual((yield* buyer.hear("JobResult")).message.result, "hello!")
    }).pipe(Market.inMarket)
  )

  it.live("is asked for at once when the customer says so, but not when a stranger does", () =>
    Effect.gen(function* () {
      const looks = yield* Queue.unbounded<string>()
      const seller = yield* provider([Market.echo], {}).pipe(
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
      yield* answered(stranger)
      assert.strictEqual(yield* Queue.size(looks), 0)
      yield* buyer.pay(quote.bolt11)
      yield* buyer.say(paymentSent)
      yield* buyer.hear("JobResult")
    }).pipe(Market.inMarket)
  )

  it.live("is found by asking, where neither wallet nor customer says anything", () =>
    Effect.gen(function* () {
      const seller = yield* provider().pipe(
        Market.withWallet((wallet) => ({ ...wallet, incoming: Stream.never }))
      )
      const buyer = yield* Market.customer(seller)
      yield* buyer.buy()
      assert.strictEqual((yield* buyer.hear("JobResult")).message.result, "hello!")
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
        const seller = yield* provider()
        const buyer = yield* Market.customer(seller)
        const request = yield* buyer.ask(wish)
        const { message } = yield* buyer.hear("JobError")
        assert.deepInclude(message, { code, request_id: request.id })
      }).pipe(Market.inMarket)
    )
  }

  it.live("is refused if it cannot be read, ignored if it is not for us or too old", () =>
    Effect.gen(function* () {
      const seller = yield* provider()
      const buyer = yield* Market.customer(seller)
      const second = yield* UnixTime.now
      yield* buyer.say("not json")
      yield* buyer.say('{"type":"Unheard"}')
      yield* buyer.ask({ target_provider: buyer.publicKey })
      yield* buyer.ask({ expires_at: second - 1 })
      yield* buyer.say(Market.request(), second - 600)
      yield* buyer.say('{"type":"JobRequest","prompt":7}')
      assert.strictEqual((yield* buyer.hear("JobError")).message.code, "invalid_request")
      yield* answered(buyer)
      assert.strictEqual(yield* Queue.size(buyer.heard), 0)
    }).pipe(Market.inMarket)
  )

  it.live("is not quoted while too many paid jobs wait", () =>
    Effect.gen(function* () {
      const seller = yield* provider([() => Stream.never], { capacity: 1, queue: 1, stopWithin: 0 })
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
      const seller = yield* provider().pipe(
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
      const seller = yield* provider([Market.echo], { requestsPerMinute: 2 })
      const flood = yield* Market.customer(seller)
      for (let asked = 0; asked < 20; asked++) yield* flood.ask({ model: "none" })
      const other = yield* Market.customer(seller)
      yield* answered(other)
      assert.strictEqual(yield* Queue.size(flood.heard), 2)
    }).pipe(Market.inMarket)
  )

  it.live("is not quoted to who leaves quotes unpaid", () =>
    Effect.gen(function* () {
      const seller = yield* provider([Market.echo], { unpaidPerCustomer: 2 })
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

describe("a failure of the backend", () => {
  it.live("is mended as long as nothing was sent", () =>
    Effect.gen(function* () {
      const seller = yield* provider([
        Market.fails("overloaded"),
        () =>
          Stream.concat(
            Stream.fromIterable(Market.text("hal")),
            Stream.fail(Market.fault("timeout"))
          ),
        Market.echo
      ])
      const buyer = yield* Market.customer(seller)
      yield* buyer.buy()
      assert.strictEqual((yield* buyer.hear("JobResult")).message.result, "hello!")
    }).pipe(Market.inMarket)
  )

  it.live("is told honestly, without what is none of the customer's business", () =>
    Effect.gen(function* () {
      const seller = yield* provider([Market.fails("refused")])
      const buyer = yield* Market.customer(seller)
      const request = yield* buyer.buy()
      const { message } = yield* buyer.hear("JobError")
      assert.deepStrictEqual(message, {
        type: "JobError",
        request_id: request.id,
        job_id: AgentMessage.jobIdOf(request.id),
        code: "inference_failed",
        message: "paid, and not delivered: the model server refused the request"
      })
      assert.include((yield* seller.next("Failed")).reason, "10.0.0.7")
      assert.deepInclude(yield* seller.status, { delivered: 0, failed: 1, earned: Market.price })
    }).pipe(Market.inMarket)
  )

  it.live("ends a stream that has begun: no second beginning", () =>
    Effect.gen(function* () {
      const failure = yield* Deferred.make<never, ReturnType<typeof Market.fault>>()
      const seller = yield* provider([
        () =>
          Stream.concat(
            Stream.fromIterable(Market.text("Par")),
            Stream.fromEffect(Deferred.await(failure))
          ),
        Market.echo
      ])
      const buyer = yield* Market.customer(seller)
      yield* buyer.buy({ stream: true })
      assert.strictEqual((yield* buyer.hear("StreamChunk")).message.chunk, "Par")
      yield* Deferred.fail(failure, Market.fault("timeout"))
      assert.strictEqual((yield* buyer.hear("JobError")).message.code, "inference_failed")
      assert.strictEqual(seller.inferred(), 1)
    }).pipe(Market.inMarket)
  )

  it.live("of the worst kind harms nobody else", () =>
    Effect.gen(function* () {
      const seller = yield* provider([() => Stream.die("a bug"), Market.echo])
      const buyer = yield* Market.customer(seller)
      yield* buyer.buy()
      assert.strictEqual((yield* buyer.hear("JobResult")).message.result, "hello!")
    }).pipe(Market.inMarket)
  )
})

describe("a restart", () => {
  it.live("answers no request twice, and honours a quote from before", () =>
    Effect.gen(function* () {
      const secret = Market.newSecret()
      const scope = yield* Scope.make()
      const before = yield* Scope.provide(Market.start(secret), scope)
      const buyer = yield* Market.customer(before)
      yield* buyer.ask()
      const { message: quote } = yield* buyer.hear("Invoice")
      yield* buyer.ask({ model: "gpt-9" })
      yield* buyer.hear("JobError")
      yield* Scope.close(scope, Exit.void)
      yield* buyer.pay(quote.bolt11)

      const after = yield* Market.start(secret)
      assert.strictEqual(after.channel, before.channel)
      assert.strictEqual((yield* buyer.hear("JobResult")).message.result, "hello!")
      yield* answered(buyer)
      assert.strictEqual(yield* Queue.size(buyer.heard), 0)
    }).pipe(Market.inMarket)
  )

  it.live("hears what was asked a moment ago", () =>
    Effect.gen(function* () {
      const secret = Market.newSecret()
      const before = yield* Effect.scoped(Market.start(secret))
      const buyer = yield* Market.customer(before)
      yield* buyer.ask()
      yield* Market.start(secret)
      yield* buyer.hear("Invoice")
    }).pipe(Market.inMarket)
  )

  it.live("waits for the jobs that are paid", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const scope = yield* Scope.make()
      const seller = yield* provider([
        (request) => Stream.unwrap(Effect.as(Deferred.await(gate), Market.echo(request)))
      ]).pipe(Scope.provide(scope))
      const buyer = yield* Market.customer(seller)
      yield* buyer.buy()
      yield* seller.next("Paid")
      const stopping = yield* Effect.forkChild(Scope.close(scope, Exit.void), {
        startImmediately: true
      })
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual((yield* buyer.hear("JobResult")).message.result, "hello!")
      yield* Fiber.join(stopping)
      assert.isFalse((yield* Market.announcementOf(seller.publicKey, yield* UnixTime.now))?.online)
    }).pipe(Market.inMarket)
  )

  it.live("takes up what could not be finished, and gives it whole", () =>
    Effect.gen(function* () {
      const secret = Market.newSecret()
      const scope = yield* Scope.make()
      const before = yield* Market.start(
        secret,
        [() => Stream.concat(Stream.fromIterable(Market.text("hal")), Stream.never)],
        { stopWithin: 0 }
      ).pipe(Scope.provide(scope))
      const buyer = yield* Market.customer(before)
      yield* buyer.buy({ stream: true })
      yield* buyer.hear("StreamChunk")
      yield* Scope.close(scope, Exit.void)

      yield* Market.start(secret)
      assert.strictEqual((yield* buyer.hear("JobResult")).message.result, "hello!")
    }).pipe(Market.inMarket)
  )
})

describe("a paid job that its process drops", () => {
  it.live("is taken up again by the same process", () =>
    Effect.gen(function* () {
      let broken = false
      const seller = yield* provider([Market.echo], { lease: "100 millis" }).pipe(
        Market.withBook((book) => ({
          ...book,
          answered: (...answer) => {
            if (broken) return book.answered(...answer)
            broken = true
            return Effect.die("the disk is on fire")
          }
        }))
      )
      const buyer = yield* Market.customer(seller)
      yield* buyer.buy()
      assert.include((yield* seller.next("Trouble")).message, "the disk is on fire")
      assert.strictEqual((yield* buyer.hear("JobResult")).message.result, "hello!")
      yield* seller.next("Delivered")
      assert.deepInclude(yield* seller.status, { delivered: 1, running: 0, waiting: 0 })
    }).pipe(Market.inMarket)
  )
})

describe("two processes with one book", () => {
  it.live("deliver each job once", () =>
    Effect.gen(function* () {
      const secret = Market.newSecret()
      const one = yield* Market.start(secret)
      const other = yield* Market.start(secret)
      assert.strictEqual(one.channel, other.channel)
      const buyer = yield* Market.customer(one)
      for (const prompt of ["a", "b", "c", "d"]) {
        yield* buyer.buy({ prompt })
        assert.strictEqual((yield* buyer.hear("JobResult")).message.result, `${prompt}!`)
      }
      assert.strictEqual(one.inferred() + other.inferred(), 4)
      assert.strictEqual(yield* Queue.size(buyer.heard), 0)
    }).pipe(Market.inMarket)
  )

  it.live("take over from each other when one falls silent", () =>
    Effect.gen(function* () {
      const secret = Market.newSecret()
      const dead = yield* Market.start(secret, [() => Stream.never], {
        lease: "50 millis",
        stopWithin: 0
      }).pipe(Market.withBook((book) => ({ ...book, renew: () => Effect.void })))
      const buyer = yield* Market.customer(dead)
      yield* buyer.buy()
      yield* dead.next("Paid")
      yield* Market.start(secret, [Market.echo], { lease: "300 millis" })
      assert.strictEqual((yield* buyer.hear("JobResult")).message.result, "hello!")
    }).pipe(Market.inMarket)
  )
})

describe("a quote of a process that died", () => {
  it.live("is honoured by the others, though the wallet reports nothing", () =>
    Effect.gen(function* () {
      const secret = Market.newSecret()
      const scope = yield* Scope.fork(yield* Scope.Scope)
      const dead = yield* Market.start(secret).pipe(Scope.provide(scope))
      yield* Market.start(secret, [Market.echo], { lease: "300 millis" }).pipe(
        Market.withWallet((wallet) => ({ ...wallet, incoming: Stream.never })),
        Market.withBook((book) => ({ ...book, quoted: () => Effect.succeed(false) }))
      )
      const buyer = yield* Market.customer(dead)
      yield* buyer.ask({ model: "small" })
      const { message } = yield* buyer.hear("Invoice")
      yield* Scope.close(scope, Exit.void)
      yield* buyer.pay(message.bolt11)
      assert.strictEqual((yield* buyer.hear("JobResult")).message.result, "hello!")
    }).pipe(Market.inMarket)
  )
})

describe("presence", () => {
  it.live("says what is sold, and that it is over", () =>
    Effect.gen(function* () {
      const second = yield* UnixTime.now
      const scope = yield* Scope.make()
      const seller = yield* provider([Market.echo], {
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

  it.live("is refused where the wallet lives on another network", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(provider([Market.echo], { network: "mainnet" }))
      assert.include(error.message, "regtest")
    }).pipe(Market.inMarket)
  )
})
