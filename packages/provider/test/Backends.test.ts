import { assert, describe, it } from "@effect/vitest"
import { AgentMessage, Msat } from "@farthing/protocol"
import { Backends, InferenceBackend, Readiness } from "@farthing/provider"
import { UnixTime } from "@farthing/relay"
import { Deferred, Effect, Stream } from "effect"
import { TestClock } from "effect/testing"
import { hash } from "node:crypto"
import * as Market from "./support/Market.ts"

const request = { model: "small", prompt: "hello", maxTokens: 50 }

/** Says a text, and then breaks off. */
const breaksOff =
  (text: string, fault: Effect.Effect<never, InferenceBackend.InferenceError>): Market.Play =>
  () =>
    Stream.concat(Stream.fromIterable(Market.text(text)), Stream.fromEffect(fault))

const partsOf = (...backends: Parameters<typeof Backends.inOrder>[0]) =>
  Stream.runCollect(Backends.inOrder(backends).infer(request))

const timeout = Market.fault("timeout")

describe("backends in order", () => {
  it.effect("are asked one after the other, until one gives the text", () =>
    Effect.gen(function* () {
      const failing = [
        Market.scripted([Market.fails("refused")]),
        Market.scripted([() => Stream.die("a bug")]),
        Market.scripted([() => Stream.empty])
      ]
      const able = Market.scripted([Market.echo])
      const idle = Market.scripted([Market.echo])
      const parts = yield* partsOf(failing[0] ?? able, ...failing.slice(1), able, idle)
      assert.deepStrictEqual(
        parts.filter(({ _tag }) => _tag !== "Anew"),
        [...Market.text("hello", "!"), Market.finish]
      )
      assert.deepStrictEqual(
        [...failing, able, idle].map(({ inferred }) => inferred()),
        [1, 1, 1, 1, 0]
      )
    })
  )

  it.effect("begin anew what another has begun, and say so", () =>
    Effect.gen(function* () {
      const parts = yield* partsOf(
        Market.scripted([breaksOff("hal", Effect.fail(timeout))]),
        Market.scripted([Market.echo])
      )
      assert.deepStrictEqual(parts, [
        ...Market.text("hal"),
        { _tag: "Anew", because: timeout },
        ...Market.text("hello", "!"),
        Market.finish
      ])
    })
  )

  it.effect("fail with what may go away, where all of them fail", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        partsOf(
          Market.scripted([Market.fails("overloaded")]),
          Market.scripted([Market.fails("refused")])
        )
      )
      assert.strictEqual(error.reason, "overloaded")
    })
  )

  it.effect("offer all their models", () =>
    Effect.gen(function* () {
      const large = Market.scripted([Market.echo], ["large"])
      const small = Market.scripted([Market.echo], ["small", "large"])
      const away: InferenceBackend.Shape = { ...large, models: Effect.fail(timeout) }
      assert.deepStrictEqual(yield* Backends.inOrder([away, large, small]).models, [
        "large",
        "small"
      ])
      assert.strictEqual(yield* Effect.flip(Backends.inOrder([away]).models), timeout)
    })
  )
})

/** Lets everybody else go on. */
const turn = Effect.callback<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

const onceRunning = (seller: Effect.Success<ReturnType<typeof Market.provider>>, jobs: number) =>
  Effect.repeat(Effect.andThen(turn, seller.readiness), {
    until: ({ running }) => running === jobs
  })

describe("a provider whose backends fail their checks", () => {
  /** Fails its checks as long as the test likes. */
  const ailing = () => {
    let isAway = false
    return {
      check: Effect.suspend(() =>
        isAway ? Effect.fail(timeout) : Effect.succeed(["small", "large"])
      ),
      isAway: (away: boolean) => {
        isAway = away
      }
    }
  }

  it.effect("refuses new requests, says that it is absent, and comes back by itself", () =>
    Effect.gen(function* () {
      const { check, isAway } = ailing()
      const seller = yield* Market.provider([Market.echo], { check })
      const buyer = yield* Market.customer(seller)
      const quoted = yield* buyer.ask()
      const { message: quote } = yield* buyer.hear("Invoice")
      assert.deepStrictEqual(Readiness.obstacles(yield* seller.readiness), [])
      isAway(true)
      yield* TestClock.adjust("1 minute")
      yield* seller.next("Ailing")
      yield* seller.next("Offline")
      assert.deepStrictEqual(Readiness.obstacles(yield* seller.readiness), [
        "no backend is healthy",
        "it is not announced"
      ])
      yield* buyer.ask()
      assert.strictEqual((yield* buyer.hear("JobError")).message.code, "over_capacity")
      // What was quoted before is honoured, if the backend can do it after all.
      yield* buyer.pay(quote.bolt11)
      const { message } = yield* buyer.hear("JobResult")
      assert.deepInclude(message, { job_id: AgentMessage.jobIdOf(quoted.id), result: "hello!" })
      isAway(false)
      yield* TestClock.adjust("40 seconds")
      yield* seller.next("Well")
      yield* seller.next("Online")
      yield* buyer.ask()
      yield* buyer.hear("Invoice")
      assert.deepStrictEqual(Readiness.obstacles(yield* seller.readiness), [])
    }).pipe(Market.inMarket)
  )

  it.effect("does fewer jobs at once while some of them ail", () =>
    Effect.gen(function* () {
      const { check, isAway } = ailing()
      const seller = yield* Market.provider([() => Stream.never], {
        check,
        fallbacks: [Market.scripted([() => Stream.never])],
        capacity: 2,
        queue: 1,
        stopWithin: 0
      })
      const buyer = yield* Market.customer(seller)
      isAway(true)
      yield* TestClock.adjust("1 minute")
      yield* seller.next("Ailing")
      assert.deepInclude(yield* seller.readiness, { capacity: 1, running: 0, waiting: 0 })
      for (const _ of [1, 2]) {
        yield* buyer.buy()
        yield* seller.next("Paid")
      }
      const busy = yield* onceRunning(seller, 1)
      assert.deepInclude(busy, { capacity: 1, running: 1, waiting: 1 })
      yield* buyer.ask()
      assert.strictEqual((yield* buyer.hear("JobError")).message.code, "over_capacity")
      isAway(false)
      yield* TestClock.adjust("40 seconds")
      yield* seller.next("Well")
      const busier = yield* onceRunning(seller, 2)
      assert.deepInclude(busier, { capacity: 2, running: 2, waiting: 0 })
      yield* buyer.ask()
      yield* buyer.hear("Invoice")
    }).pipe(Market.inMarket)
  )
})

describe("a provider with a price for each model", () => {
  it.live("asks for what the model costs, and holds a bid against that", () =>
    Effect.gen(function* () {
      const seller = yield* Market.provider([Market.echo], {
        modelPrices: { large: Msat.make(70_000) }
      })
      const buyer = yield* Market.customer(seller)
      const quoteFor = (model?: string) =>
        buyer.ask(model === undefined ? {} : { model }).pipe(
          Effect.andThen(buyer.hear("Invoice")),
          Effect.map(({ message }) => message.amount_msats)
        )
      assert.deepStrictEqual(
        [yield* quoteFor("large"), yield* quoteFor("small"), yield* quoteFor()],
        [70_000, 10_000, 10_000].map(Msat.make)
      )
      yield* buyer.ask({ model: "large", max_price_msats: Msat.make(69_999) })
      assert.deepInclude((yield* buyer.hear("JobError")).message, {
        code: "price_above_bid",
        message: "the price is 70000 msats"
      })
      yield* buyer.ask({ model: "other", max_price_msats: Msat.zero })
      assert.strictEqual((yield* buyer.hear("JobError")).message.code, "model_unavailable")
      yield* buyer.buy({ model: "large" })
      yield* seller.next("Delivered")
      assert.strictEqual((yield* seller.status).earned, 70_000)
    }).pipe(Market.inMarket)
  )
})

describe("a paid job whose backend fails", () => {
  it.live("is done by another before anything is given back", () =>
    Effect.gen(function* () {
      const seller = yield* Market.provider([Market.fails("refused")], {
        fallbacks: [Market.scripted([Market.echo])]
      })
      const buyer = yield* Market.customer(seller)
      yield* buyer.buy()
      assert.strictEqual((yield* buyer.hear("JobResult")).message.result, "hello!")
      assert.include((yield* seller.next("Trouble")).message, "another backend is asked")
      yield* seller.next("Delivered")
      assert.deepInclude(yield* seller.status, { delivered: 1, owed: 0 })
    }).pipe(Market.inMarket)
  )

  it.live("in the middle of a stream is begun anew: every later piece is dated later", () =>
    Effect.gen(function* () {
      const failure = yield* Deferred.make<never, InferenceBackend.InferenceError>()
      const gate = yield* Deferred.make<void>()
      const seller = yield* Market.provider([breaksOff("Par", Deferred.await(failure))], {
        fallbacks: [
          Market.scripted([Market.inTwo("Lon", Deferred.await(gate), "don ".repeat(20_000))])
        ]
      })
      const buyer = yield* Market.customer(seller)
      yield* buyer.buy({ stream: true })
      const former = yield* buyer.hear("StreamChunk")
      assert.strictEqual(former.message.chunk, "Par")
      yield* Deferred.fail(failure, timeout)
      const first = yield* buyer.hear("StreamChunk")
      assert.isAtMost(first.event.created_at, yield* UnixTime.now)
      yield* Deferred.succeed(gate, undefined)
      const chunks = [first]
      while (chunks.at(-1)?.message.is_final !== true) chunks.push(yield* buyer.hear("StreamChunk"))
      const text = chunks.map(({ message }) => message.chunk).join("")
      assert.strictEqual(text, `Lon${"don ".repeat(20_000)}`)
      assert.strictEqual(chunks.at(-1)?.message.sha256, hash("sha256", text))
      assert.deepStrictEqual(
        chunks.map(({ message }) => message.seq),
        chunks.map((_, index) => index)
      )
      for (const { event } of chunks) assert.isAbove(event.created_at, former.event.created_at)
    }).pipe(Market.inMarket)
  )

  it.live("in the middle of a stream ends with the whole text, where it fits", () =>
    Effect.gen(function* () {
      const failure = yield* Deferred.make<never, InferenceBackend.InferenceError>()
      const seller = yield* Market.provider([breaksOff("Par", Deferred.await(failure))], {
        fallbacks: [Market.scripted([Market.echo])]
      })
      const buyer = yield* Market.customer(seller)
      yield* buyer.buy({ stream: true })
      const former = yield* buyer.hear("StreamChunk")
      yield* Deferred.fail(failure, timeout)
      const whole = yield* buyer.hear("JobResult")
      assert.deepInclude(whole.message, { result: "hello!", sha256: hash("sha256", "hello!") })
      assert.isAbove(whole.event.created_at, former.event.created_at)
    }).pipe(Market.inMarket)
  )
})
