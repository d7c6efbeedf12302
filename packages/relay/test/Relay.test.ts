import { assert, describe, it } from "@effect/vitest"
import type { NostrEvent } from "@farthing/protocol"
import { Deferred, Effect, Fiber, Queue, Stream } from "effect"
import { Relay } from "../src/index.ts"
import { note } from "./fixtures.ts"
import * as TestRelay from "./TestRelay.ts"

const ids = (events: Iterable<NostrEvent.NostrEvent>) => Array.from(events, ({ id }) => id)

/** Subscribes in the background; ready once the stored events are through. */
const following = Effect.fnUntraced(function* (
  relay: Relay.Shape,
  filters: Parameters<Relay.Shape["subscribe"]>[0]
) {
  const inbox = yield* Queue.unbounded<NostrEvent.NostrEvent>()
  const stored = yield* Deferred.make<void>()
  yield* relay
    .subscribe(filters, { onStored: Effect.asVoid(Deferred.succeed(stored, undefined)) })
    .pipe(
      Stream.runForEach((event) => Queue.offer(inbox, event)),
      Effect.forkScoped
    )
  yield* Deferred.await(stored)
  return inbox
})

describe("publish", () => {
  it.live("reports what each relay said once the quorum has accepted", () =>
    Effect.gen(function* () {
      const one = yield* TestRelay.make
      const two = yield* TestRelay.make
      const relay = yield* Relay.make({ urls: [one.url, two.url], quorum: 2 })
      const event = note()
      const report = yield* relay.publish(event)
      assert.deepStrictEqual(
        new Set(report.outcomes),
        new Set<Relay.Outcome>([
          { _tag: "Accepted", url: one.url, message: "" },
          { _tag: "Accepted", url: two.url, message: "" }
        ])
      )
      assert.deepStrictEqual(ids(one.stored), [event.id])
    })
  )
})

describe("subscribe", () => {
  it.live("passes on what is stored, then what comes", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      const relay = yield* Relay.make({ urls: [server.url] })
      const before = note()
      server.stored.push(before)
      const inbox = yield* following(relay, [{ kinds: [1] }])
      const after = note()
      yield* relay.publish(after)
      assert.deepStrictEqual(ids(yield* Queue.takeN(inbox, 2)), [before.id, after.id])
    })
  )

  it.live("goes on after the relay has died abruptly", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      const relay = yield* Relay.make({ urls: [server.url] })
      const first = note()
      server.stored.push(first)
      const inbox = yield* following(relay, [{ kinds: [1] }])
      yield* server.down
      const missed = note()
      server.stored.push(missed)
      yield* server.up
      yield* server.until(() => server.framesOf("REQ").length === 2)
      const live = note()
      server.forward(live)
      assert.deepStrictEqual(ids(yield* Queue.takeN(inbox, 3)), [first.id, missed.id, live.id])
    })
  )
})

describe("query", () => {
  it.live("returns what is stored, newest first", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      const relay = yield* Relay.make({ urls: [server.url] })
      const older = note({ created_at: 10 })
      const newer = note({ created_at: 20 })
      server.stored.push(older, newer)
      assert.deepStrictEqual(ids(yield* relay.query([{ kinds: [1] }])), [newer.id, older.id])
    })
  )
})

describe("scope", () => {
  it.live("closes the connection", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      const fiber = yield* Effect.scoped(
        Effect.gen(function* () {
          const relay = yield* Relay.make({ urls: [server.url] })
          yield* relay.publish(note())
          assert.strictEqual(server.clients.size, 1)
          return yield* Effect.forkDetach(Stream.runDrain(relay.subscribe([{ kinds: [1] }])), {
            startImmediately: true
          })
        })
      )
      yield* server.until(() => server.clients.size === 0)
      yield* Fiber.join(fiber)
    })
  )
})
