import { assert, describe, it } from "@effect/vitest"
import { AgentMessage } from "@farthing/protocol"
import { Effect, Stream } from "effect"
import { TestClock } from "effect/testing"
import { hash } from "node:crypto"
import { ComputeClient } from "../src/ComputeClient.ts"
import * as TestMarket from "./TestMarket.ts"
import * as TestPeer from "./TestPeer.ts"
import { passing } from "./TestTime.ts"

const { sats } = TestMarket
const price = sats(10)
const wish = { prompt: "hello", budget: sats(100) }

/** A provider that is paid, and then streams as it likes. */
const streaming = (stream: (job: TestPeer.Job) => Effect.Effect<unknown>) =>
  TestPeer.open({ name: "peer", price }, (job) =>
    Effect.gen(function* () {
      yield* job.invoice(price)
      yield* job.paymentSent
      yield* stream(job)
    })
  )

/** What a caller is told of the text. */
const told = Effect.gen(function* () {
  const client = yield* ComputeClient
  const progress = yield* passing(Stream.runCollect(client.streamInference(wish)))
  return progress.flatMap((one) => {
    switch (one._tag) {
      case "Chunk":
        return [one.text]
      case "Restarted":
        return ["-- anew --"]
      case "Done":
        return [`= ${one.receipt.text}`]
      case "Stage":
        return []
    }
  })
})

const last = (text: string) => ({ is_final: true, sha256: hash("sha256", text) })

describe("a provider that begins its text anew", () => {
  it.effect("is followed: what was shown is void, and the later text is the result", () =>
    Effect.gen(function* () {
      yield* streaming((job) =>
        Effect.gen(function* () {
          yield* job.chunk(0, "one ")
          yield* job.chunk(1, "two ")
          yield* Effect.sleep("2 seconds")
          yield* job.chunk(0, "uno ")
          yield* job.chunk(1, "due", last("uno due"))
        })
      )
      assert.deepStrictEqual(yield* told, [
        "one ",
        "two ",
        "-- anew --",
        "uno ",
        "due",
        "= uno due"
      ])
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("in the same words shows nothing twice", () =>
    Effect.gen(function* () {
      yield* streaming((job) =>
        Effect.gen(function* () {
          yield* job.chunk(0, "one ")
          yield* job.chunk(1, "two ")
          yield* Effect.sleep("2 seconds")
          yield* job.chunk(0, "one ")
          yield* job.chunk(1, "two ")
          yield* job.chunk(2, "three", last("one two three"))
        })
      )
      assert.deepStrictEqual(yield* told, ["one ", "two ", "three", "= one two three"])
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("and of which an old piece comes late never delivers a mixture", () =>
    Effect.gen(function* () {
      yield* streaming((job) =>
        Effect.gen(function* () {
          yield* job.chunk(0, "one ")
          yield* Effect.sleep("2 seconds")
          yield* job.chunk(1, "due", last("uno due"))
          yield* Effect.sleep("5 seconds")
          yield* job.chunk(0, "uno ")
        })
      )
      assert.deepStrictEqual((yield* told).at(-1), "= uno due")
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("and says the whole of it delivers at once", () =>
    Effect.gen(function* () {
      yield* streaming((job) =>
        Effect.gen(function* () {
          yield* job.chunk(0, "one ")
          yield* job.result("uno due")
        })
      )
      assert.deepStrictEqual(yield* told, ["one ", "-- anew --", "uno due", "= uno due"])
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("after a wrong digest has time to mend it", () =>
    Effect.gen(function* () {
      yield* streaming((job) =>
        Effect.gen(function* () {
          yield* job.result("wrong", { sha256: hash("sha256", "right") })
          yield* Effect.sleep("5 seconds")
          yield* job.result("right")
        })
      )
      assert.deepStrictEqual((yield* told).at(-1), "= right")
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("after it said that it failed is taken at its later word", () =>
    Effect.gen(function* () {
      yield* streaming((job) =>
        Effect.gen(function* () {
          yield* job.chunk(0, "one ")
          yield* job.fail
          yield* Effect.sleep("2 seconds")
          yield* job.result("one two")
        })
      )
      assert.deepStrictEqual((yield* told).at(-1), "= one two")
    }).pipe(Effect.provide(TestMarket.market()))
  )
})

describe("a hasty provider", () => {
  const hasty = (order: ReadonlyArray<"result" | "invoice">) =>
    TestPeer.open({ name: "peer", price }, (job) =>
      Effect.forEach(order, (what) =>
        what === "result" ? job.result("early") : job.invoice(price)
      )
    )

  it.effect.each([
    ["before its invoice", ["result", "invoice"]],
    ["before the payment", ["invoice", "result"]]
  ] as const)("that delivers %s is paid what was agreed, once", ([, order]) =>
    Effect.gen(function* () {
      yield* hasty(order)
      const client = yield* ComputeClient
      const before = yield* TestMarket.balance
      const receipt = yield* passing(client.requestInference(wish))
      assert.strictEqual(receipt.text, "early")
      assert.strictEqual(before - (yield* TestMarket.balance), receipt.cost)
    }).pipe(Effect.provide(TestMarket.market()))
  )
})

describe("an answer to an earlier job", () => {
  it.effect("that is sent again is none to a later one", () =>
    Effect.gen(function* () {
      let first: TestPeer.Job | undefined
      yield* TestPeer.open({ name: "peer", price }, (job) =>
        Effect.gen(function* () {
          yield* job.invoice(price)
          yield* job.paymentSent
          if (first === undefined) {
            first = job
            yield* job.result("the first")
          } else {
            yield* first.result("the first")
            yield* job.say({
              type: "JobResult",
              job_id: AgentMessage.jobIdOf(first.event.id),
              request_id: first.event.id,
              result: "the first"
            })
            yield* job.result("the second")
          }
        })
      )
      const client = yield* ComputeClient
      assert.strictEqual((yield* passing(client.requestInference(wish))).text, "the first")
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* passing(client.requestInference(wish))).text, "the second")
    }).pipe(Effect.provide(TestMarket.market()))
  )
})
