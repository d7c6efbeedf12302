import { assert, describe, it } from "@effect/vitest"
import type { AgentMessage, NostrEvent } from "@farthing/protocol"
import { Relay } from "@farthing/relay"
import { Deferred, Effect } from "effect"
import { hash } from "node:crypto"
import * as Market from "./support/Market.ts"

const refusal = new Relay.RelayError({
  reason: new Relay.QuorumMissed({ accepted: 0, quorum: 1, message: "blocked: spam" })
})

const tooLarge = new Relay.RelayError({
  reason: new Relay.TooLarge({ bytes: 9_000, limit: 4_096 })
})

/** Whether an event carries a part of a text with this word. */
const speaksOf = (word: string) => (event: NostrEvent.NostrEvent) => event.content.includes(word)

describe("a piece that the relays do not take", () => {
  const misfortunes: ReadonlyArray<readonly [string, Effect.Effect<never, Relay.RelayError>]> = [
    ["is refused for what it says", Effect.fail(refusal)],
    ["gets no answer", Effect.never]
  ]
  it.live.each(misfortunes)("keeps nobody else waiting: it %s", ([, misfortune]) =>
    Effect.gen(function* () {
      const tried = yield* Deferred.make<void>()
      const seller = yield* Market.start(
        Market.newSecret(),
        [Market.inTwo("forbidden ", Deferred.await(tried), "fruit"), Market.echo],
        { capacity: 1, stopWithin: 0 }
      ).pipe(
        Market.withRelay((relay) => ({
          ...relay,
          publish: (event) =>
            speaksOf("forbidden")(event)
              ? Effect.andThen(Deferred.succeed(tried, undefined), misfortune)
              : relay.publish(event)
        }))
      )
      const one = yield* Market.customer(seller)
      yield* one.buy({ stream: true })
      yield* Deferred.await(tried)
      const other = yield* Market.customer(seller)
      yield* other.buy()
      assert.strictEqual((yield* other.hear("JobResult")).message.result, "hello!")
      assert.deepInclude(yield* seller.status, { running: 0, delivered: 1 })
    }).pipe(Market.inMarket)
  )

  it.live("comes with the rest of its text as soon as they do", () =>
    Effect.gen(function* () {
      const tried = yield* Deferred.make<void>()
      let refusals = 0
      const seller = yield* Market.start(Market.newSecret(), [
        Market.inTwo("forbidden ", Deferred.await(tried), "fruit")
      ]).pipe(
        Market.withRelay((relay) => ({
          ...relay,
          publish: (event) =>
            Effect.suspend(() =>
              speaksOf("forbidden")(event) && refusals++ < 5
                ? Effect.andThen(Deferred.succeed(tried, undefined), Effect.fail(refusal))
                : relay.publish(event)
            )
        }))
      )
      const buyer = yield* Market.customer(seller)
      yield* buyer.buy({ stream: true })
      const chunks: Array<AgentMessage.StreamChunk> = []
      while (chunks.at(-1)?.is_final !== true)
        chunks.push((yield* buyer.hear("StreamChunk")).message)
      assert.deepStrictEqual(
        chunks.map(({ chunk, seq }) => [seq, chunk]),
        [
          [0, "forbidden "],
          [1, "fruit"]
        ]
      )
      assert.strictEqual(chunks.at(-1)?.sha256, hash("sha256", "forbidden fruit"))
      yield* seller.next("Delivered")
    }).pipe(Market.inMarket)
  )
})

describe("a text that is larger than the relays take", () => {
  it.live("is no delivery, and its customer is told so", () =>
    Effect.gen(function* () {
      const seller = yield* Market.start(Market.newSecret()).pipe(
        Market.withRelay((relay) => ({
          ...relay,
          publish: (event) =>
            speaksOf("hello!")(event) ? Effect.fail(tooLarge) : relay.publish(event)
        }))
      )
      const buyer = yield* Market.customer(seller)
      yield* buyer.buy()
      const { message } = yield* buyer.hear("JobError")
      assert.strictEqual(message.code, "inference_failed")
      assert.include(message.message, "paid, and not delivered")
      assert.include((yield* seller.next("Owed")).reason, "4096")
      assert.deepInclude(yield* seller.status, { delivered: 0, owed: 1 })
    }).pipe(Market.inMarket)
  )
})
