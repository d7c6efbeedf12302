import { assert, describe, it } from "@effect/vitest"
import { Msat } from "@farthing/protocol"
import { Deferred, Effect, Fiber, Stream } from "effect"
import { hash } from "node:crypto"
import { ComputeClient, selectCheapestProvider } from "../src/ComputeClient.ts"
import * as TestMarket from "./TestMarket.ts"
import * as TestPeer from "./TestPeer.ts"

const { sats } = TestMarket

describe("a purchase", () => {
  it.effect("goes from discovery to a receipt", () =>
    Effect.gen(function* () {
      const peer = yield* TestPeer.open(
        { name: "echo", price: sats(10) },
        TestPeer.honest(sats(10))
      )
      const client = yield* ComputeClient
      const receipt = yield* client.requestInference({ prompt: "hello", budget: sats(100) })
      assert.strictEqual(receipt.text, "echo: hello")
      assert.strictEqual(receipt.provider, peer.pubkey)
      assert.strictEqual(receipt.amount, sats(10))
      assert.strictEqual(receipt.cost, Msat.add(sats(10), TestMarket.fee))
      assert.strictEqual(hash("sha256", Buffer.from(receipt.preimage, "hex")), receipt.paymentHash)
      assert.deepStrictEqual(
        receipt.stages.map(({ stage }) => stage),
        ["discover", "select", "reserve", "request", "quote", "check", "pay", "deliver"]
      )
      assert.deepStrictEqual(yield* client.receipts(), [receipt])
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("streams the text as it comes", () =>
    Effect.gen(function* () {
      yield* TestPeer.open({ name: "echo", price: sats(10) }, (job) =>
        Effect.gen(function* () {
          assert.isTrue(job.request.stream)
          yield* job.invoice(sats(10))
          yield* job.paymentSent
          yield* job.chunk(0, "one ")
          yield* job.chunk(1, "two ")
          yield* job.chunk(2, "three", { is_final: true, sha256: hash("sha256", "one two three") })
        })
      )
      const client = yield* ComputeClient
      const progress = yield* Stream.runCollect(
        client.streamInference({ prompt: "count", budget: sats(100) })
      )
      const texts = progress.flatMap((one) => (one._tag === "Chunk" ? [one.text] : []))
      assert.deepStrictEqual(texts.join(""), "one two three")
      const last = progress.at(-1)
      assert.strictEqual(last?._tag === "Done" ? last.receipt.text : "", "one two three")
      assert.strictEqual(last?._tag === "Done" ? last.receipt.model : "", "tiny")
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("works as the seed writes it: discover, select, request", () =>
    Effect.gen(function* () {
      yield* TestPeer.open({ name: "dear", price: sats(20) }, TestPeer.honest(sats(20), "Paris"))
      yield* TestPeer.open({ name: "cheap", price: sats(10) }, TestPeer.honest(sats(10), "Paris"))
      const computeClient = yield* ComputeClient
      const providers = yield* computeClient.discoverProviders("3 seconds")
      const provider = yield* Effect.fromOption(selectCheapestProvider(providers, 1000))
      assert.strictEqual(provider.name, "cheap")
      const result = yield* computeClient.requestInference({
        provider,
        prompt: "What is the capital of France?",
        maxTokens: 100,
        budget: sats(1000)
      })
      assert.strictEqual(result.text, "Paris")
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("fifty at once each get their own result, and each is paid for once", () =>
    Effect.gen(function* () {
      yield* TestPeer.open({ name: "echo", price: sats(10) }, TestPeer.honest(sats(10)))
      const client = yield* ComputeClient
      const before = yield* TestMarket.balance
      const receipts = yield* Effect.forEach(
        Array.from({ length: 50 }, (_, n) => `prompt ${n}`),
        (prompt) => client.requestInference({ prompt, budget: sats(100) }),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        receipts.map(({ text }) => text),
        receipts.map((_, n) => `echo: prompt ${n}`)
      )
      assert.strictEqual(new Set(receipts.map(({ paymentHash }) => paymentHash)).size, 50)
      assert.strictEqual(
        before - (yield* TestMarket.balance),
        Msat.sum(receipts.map((r) => r.cost))
      )
      const [provider] = yield* client.discoverProviders()
      assert.strictEqual(provider?.record.delivered, 50)
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("tells each stage as it begins, with its provider", () =>
    Effect.gen(function* () {
      const peer = yield* TestPeer.open(
        { name: "echo", price: sats(10) },
        TestPeer.honest(sats(10))
      )
      const client = yield* ComputeClient
      const progress = yield* Stream.runCollect(
        client.streamInference({ prompt: "hello", budget: sats(100) })
      )
      const stages = progress.flatMap((one) =>
        one._tag === "Stage" ? [[one.stage, one.provider === peer.pubkey] as const] : []
      )
      assert.deepStrictEqual(stages, [
        ["discover", false],
        ["select", false],
        ["reserve", true],
        ["request", true],
        ["quote", true],
        ["check", true],
        ["pay", true],
        ["deliver", true],
        ["settle", true]
      ])
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("shows an interrupted request as unanswered and touches no money", () =>
    Effect.gen(function* () {
      const asked = yield* Deferred.make<void>()
      yield* TestPeer.open({ name: "slow", price: sats(10) }, () =>
        Deferred.succeed(asked, undefined)
      )
      const client = yield* ComputeClient
      const before = yield* TestMarket.balance
      const purchase = yield* Effect.forkChild(
        client.requestInference({ prompt: "hello", budget: sats(100) }),
        { startImmediately: true }
      )
      yield* Deferred.await(asked)
      yield* Fiber.interrupt(purchase)
      const [job] = yield* client.jobs()
      assert.strictEqual(job?.state, "unanswered")
      assert.strictEqual(yield* TestMarket.balance, before)
    }).pipe(Effect.provide(TestMarket.market()))
  )
})
