import { assert, describe, it } from "@effect/vitest"
import { AgentMessage, Msat } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Deferred, Effect, Exit, Fiber, Queue, Scope, Stream } from "effect"
import * as Market from "./support/Market.ts"

describe("a failure of the backend", () => {
  it.live("is mended as long as nothing was sent", () =>
    Effect.gen(function* () {
      const seller = yield* Market.provider([
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
      const seller = yield* Market.provider([Market.fails("refused")])
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
      assert.include((yield* seller.next("Owed")).reason, "10.0.0.7")
      assert.deepInclude(yield* seller.status, { delivered: 0, owed: 1, earned: Msat.zero })
    }).pipe(Market.inMarket)
  )

  it.live("ends a stream that has begun: no second beginning", () =>
    Effect.gen(function* () {
      const failure = yield* Deferred.make<never, ReturnType<typeof Market.fault>>()
      const seller = yield* Market.provider([
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
      const seller = yield* Market.provider([() => Stream.die("a bug"), Market.echo])
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
      yield* Market.answered(buyer)
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
      const seller = yield* Market.provider([
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
      const seller = yield* Market.provider([Market.echo], { lease: "100 millis" }).pipe(
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
      }).pipe(Market.withBook((book) => ({ ...book, renew: () => Effect.succeed([]) })))
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
