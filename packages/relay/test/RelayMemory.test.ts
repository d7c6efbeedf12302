import { assert, describe, it } from "@effect/vitest"
import type { Scope } from "effect"
import { Effect, Queue } from "effect"
import { TestClock } from "effect/testing"
import { NostrEvent } from "@farthing/protocol"
import { Relay } from "../src/index.ts"
import { following, forged, ids, note } from "./fixtures.ts"
import * as TestRelay from "./TestRelay.ts"

const overSockets = Effect.gen(function* () {
  const server = yield* TestRelay.make
  server.behaviour.onEvent = (event) =>
    NostrEvent.verify(event) ? [true, ""] : [false, "invalid: signature"]
  return yield* Relay.make({ urls: [server.url] })
})

const inMemory = Effect.provide(Relay.Relay, Relay.layerMemory)

const announcement = (created_at: number, d: string) =>
  note({ kind: 31_990, created_at, tags: [["d", d]] })

/** What every Relay promises. */
const contract = (name: string, make: Effect.Effect<Relay.Shape, never, Scope.Scope>) =>
  describe(`Relay, ${name}`, () => {
    it.live("keeps what is published, and finds it again", () =>
      Effect.gen(function* () {
        const relay = yield* make
        const events = [note({ created_at: 3 }), note({ created_at: 2 }), note({ created_at: 1 })]
        yield* Effect.forEach(events.toReversed(), (event) => relay.publish(event))
        yield* relay.publish(note({ kind: 2 }))
        assert.deepStrictEqual(ids(yield* relay.query([{ kinds: [1] }])), ids(events))
        assert.deepStrictEqual(
          ids(yield* relay.query([{ kinds: [1], limit: 1 }, { ids: [events[2]!.id] }])),
          ids([events[0]!, events[2]!])
        )
      })
    )

    it.live("forwards ephemeral events and does not keep them", () =>
      Effect.gen(function* () {
        const relay = yield* make
        const inbox = yield* following(relay, [{ kinds: [23_194] }])
        const event = note({ kind: 23_194 })
        yield* relay.publish(event)
        assert.strictEqual((yield* Queue.take(inbox)).id, event.id)
        assert.deepStrictEqual(yield* relay.query([{ kinds: [23_194] }]), [])
      })
    )

    it.live("refuses what is forged", () =>
      Effect.gen(function* () {
        const relay = yield* make
        const error = yield* Effect.flip(relay.publish(forged(note())))
        assert.strictEqual(error.reason._tag, "QuorumMissed")
      })
    )

    it.live("is known by its urls and says how much an event may hold", () =>
      Effect.gen(function* () {
        const relay = yield* make
        assert.strictEqual(relay.urls.length, 1)
        assert.strictEqual(yield* relay.maxEventBytes, 48_000)
      })
    )
  })

contract("over sockets", overSockets)
contract("in memory", inMemory)

describe("Relay.layerMemory", () => {
  it.effect("keeps the newest of what is replaceable", () =>
    Effect.gen(function* () {
      const relay = yield* inMemory
      const [old, newer, other] = [announcement(1, "a"), announcement(2, "a"), announcement(1, "b")]
      for (const event of [old, newer, other, old]) yield* relay.publish(event)
      const profile = note({ kind: 0, created_at: 2 })
      yield* relay.publish(profile)
      yield* relay.publish(note({ kind: 0, created_at: 1 }))
      assert.deepStrictEqual(ids(yield* relay.query([{ kinds: [31_990] }])), ids([newer, other]))
      assert.deepStrictEqual(ids(yield* relay.query([{ kinds: [0] }])), [profile.id])
    })
  )

  it.effect("tells a duplicate, and forwards it once", () =>
    Effect.gen(function* () {
      const relay = yield* inMemory
      const inbox = yield* following(relay, [{ kinds: [1] }])
      const [event, next] = [note(), note()]
      yield* relay.publish(event)
      const { outcomes } = yield* relay.publish(event)
      assert.deepStrictEqual(outcomes, [
        { _tag: "Accepted", url: "memory:", message: "duplicate: have it" }
      ])
      yield* relay.publish(next)
      assert.deepStrictEqual(ids(yield* Queue.takeN(inbox, 2)), ids([event, next]))
    })
  )

  it.effect("lets events expire", () =>
    Effect.gen(function* () {
      const relay = yield* inMemory
      yield* TestClock.setTime(1_000_000)
      yield* relay.publish(note({ tags: [["expiration", "1001"]] }))
      assert.strictEqual((yield* relay.query([{ kinds: [1] }])).length, 1)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* relay.query([{ kinds: [1] }]), [])
    })
  )
})
