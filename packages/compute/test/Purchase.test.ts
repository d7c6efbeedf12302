import { assert, describe, it } from "@effect/vitest"
import { Msat } from "@farthing/protocol"
import { Effect, Stream } from "effect"
import { hash } from "node:crypto"
import { ComputeClient } from "../src/ComputeClient.ts"
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
    }).pipe(Effect.provide(TestMarket.market()))
  )
})
