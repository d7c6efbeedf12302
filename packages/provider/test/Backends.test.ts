import { assert, describe, it } from "@effect/vitest"
import { Backends, InferenceBackend } from "@farthing/provider"
import { UnixTime } from "@farthing/relay"
import { Deferred, Effect, Stream } from "effect"
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
