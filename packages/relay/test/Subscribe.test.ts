import { assert, describe, it } from "@effect/vitest"
import type { NostrEvent } from "@farthing/protocol"
import { Deferred, Effect, Fiber, Latch, Metric, Queue, Stream } from "effect"
import { Relay, Signer } from "../src/index.ts"
import { alice, bob, countingVerify, following, forged, ids, note, unsigned } from "./fixtures.ts"
import * as TestRelay from "./TestRelay.ts"

const nowhere = "ws://127.0.0.1:1"

describe("Relay.subscribe", () => {
  it.live("passes on what is stored, then what comes", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      const relay = yield* Relay.make({ urls: [server.url] })
      const before = note()
      server.stored.push(before)
      const inbox = yield* following(relay, [{ kinds: [1] }])
      const after = note()
      server.forward(after)
      assert.deepStrictEqual(ids(yield* Queue.takeN(inbox, 2)), [before.id, after.id])
    })
  )

  it.live("runs onStored after the stored events have gone down the stream", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      const relay = yield* Relay.make({ urls: [server.url] })
      server.stored.push(note(), note(), note())
      const story: Array<string> = []
      const stored = yield* Deferred.make<void>()
      const onStored = Effect.sync(() => story.push("stored")).pipe(
        Effect.andThen(Deferred.succeed(stored, undefined)),
        Effect.asVoid
      )
      yield* relay.subscribe([{ kinds: [1] }], { onStored }).pipe(
        Stream.runForEach(() =>
          Effect.andThen(
            Effect.yieldNow,
            Effect.sync(() => story.push("event"))
          )
        ),
        Effect.forkScoped
      )
      yield* Deferred.await(stored)
      assert.deepStrictEqual(story, ["event", "event", "event", "stored"])
    })
  )

  it.live("tells the relay when nobody listens any more", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      const relay = yield* Relay.make({ urls: [server.url] })
      server.stored.push(note())
      yield* relay.subscribe([{ kinds: [1] }]).pipe(Stream.take(1), Stream.runDrain)
      yield* server.until(() => server.framesOf("CLOSE").length === 1)
      assert.strictEqual(server.framesOf("CLOSE")[0]?.[1], server.framesOf("REQ")[0]?.[1])
    })
  )

  it.live("carries many subscriptions over one connection", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      const relay = yield* Relay.make({ urls: [server.url] })
      const kinds = Array.from({ length: 200 }, (_, index) => 2_000 + index)
      const inboxes = yield* Effect.forEach(
        kinds,
        (kind) => following(relay, [{ kinds: [kind] }]),
        {
          concurrency: "unbounded"
        }
      )
      const events = kinds.map((kind) => note({ kind }))
      for (const event of events) server.forward(event)
      const received = yield* Effect.forEach(inboxes, (inbox) => Queue.take(inbox))
      assert.deepStrictEqual(ids(received), ids(events))
      assert.strictEqual(server.dialled(), 1)
    })
  )

  it.live("passes an event on once, and verifies it once, whatever the number of relays", () =>
    Effect.gen(function* () {
      const one = yield* TestRelay.make
      const two = yield* TestRelay.make
      const { asked, verify } = countingVerify()
      const relay = yield* Relay.make({ urls: [one.url, two.url], verify })
      const event = note()
      one.stored.push(event)
      two.stored.push(event)
      const first = yield* following(relay, [{ kinds: [1] }])
      const second = yield* following(relay, [{ authors: [event.pubkey] }])
      const last = note()
      two.forward(last)
      assert.deepStrictEqual(ids(yield* Queue.takeN(first, 2)), [event.id, last.id])
      assert.deepStrictEqual(ids(yield* Queue.takeN(second, 2)), [event.id, last.id])
      assert.deepStrictEqual(asked, [event.id, last.id])
    })
  )

  it.live("does not verify its own events", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      const { asked, verify } = countingVerify()
      const relay = yield* Relay.make({ urls: [server.url], verify })
      const inbox = yield* following(relay, [{ kinds: [1] }])
      const event = note()
      yield* relay.publish(event)
      assert.strictEqual((yield* Queue.take(inbox)).id, event.id)
      assert.deepStrictEqual(asked, [])
    })
  )
})

/** How many frames were ignored for this reason so far. */
const ignored = (reason: string): Effect.Effect<number> =>
  Effect.map(Metric.snapshot, (snapshots) => {
    const counter = snapshots.find(
      (it) =>
        it.id === "farthing_relay_frames_ignored_total" && it.attributes?.["reason"] === reason
    )
    return counter?.type === "Counter" ? Number(counter.state.count) : 0
  })

describe("Relay.subscribe, hostile relays", () => {
  it.live("a forged copy that comes first does not hide the genuine event", () =>
    Effect.gen(function* () {
      const liar = yield* TestRelay.make
      const honest = yield* TestRelay.make
      const relay = yield* Relay.make({ urls: [liar.url, honest.url] })
      const inbox = yield* following(relay, [{ kinds: [1] }])
      const before = yield* ignored("forged")
      const event = note({ content: "genuine" })
      liar.push(forged(event))
      liar.push({ ...event, sig: note().sig })
      liar.push(event)
      assert.deepStrictEqual(yield* Queue.take(inbox), event)
      assert.strictEqual((yield* ignored("forged")) - before, 2)
    })
  )

  it.live("an id and a signature that were verified prove no other content", () =>
    Effect.gen(function* () {
      const liar = yield* TestRelay.make
      const relay = yield* Relay.make({ urls: [liar.url] })
      const event = note({ content: "genuine" })
      liar.stored.push(event)
      yield* following(relay, [{ kinds: [1] }])
      liar.stored.pop()
      const late = yield* following(relay, [{ authors: [event.pubkey] }])
      liar.push(forged(event))
      liar.push(event)
      assert.deepStrictEqual(yield* Queue.take(late), event)
    })
  )

  it.live("counts and ignores whatever is not an event that was asked for", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      const relay = yield* Relay.make({ urls: [server.url], maxFrameBytes: 10_000 })
      const inbox = yield* following(relay, [{ kinds: [1], authors: [note().pubkey] }])
      const reasons = ["garbage", "subscription", "event", "filter", "size"]
      const before = yield* Effect.forEach(reasons, ignored)
      const event = note()
      for (const garbage of ["", "{", "null", "{}", "[]", "7", '["EVENT"]', '["OK","x"]', "[[]]"])
        server.sendAll(garbage)
      server.sendAll(JSON.stringify(["EVENT", "another", event]))
      for (const nothing of [
        null,
        7,
        "event",
        {},
        { ...event, created_at: -1 },
        { ...event, tags: "" }
      ])
        server.push(nothing)
      server.push(note({ kind: 2 }))
      server.push(note({}, bob))
      server.push(note({ content: "x".repeat(10_000) }))
      server.sendAll('["NOTICE","\\u001b[2J"]')
      server.push(event)
      assert.strictEqual((yield* Queue.take(inbox)).id, event.id)
      const after = yield* Effect.forEach(reasons, ignored)
      assert.deepStrictEqual(
        after.map((count, index) => count - before[index]!),
        [9, 1, 6, 2, 1]
      )
    })
  )

  it.live("an event from the far future silences nothing", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      const relay = yield* Relay.make({ urls: [server.url] })
      server.stored.push(note({ created_at: 9_000_000_000 }))
      const inbox = yield* following(relay, [{ kinds: [1], limit: 10 }])
      yield* Queue.take(inbox)
      const present = note()
      server.forward(present)
      assert.strictEqual((yield* Queue.take(inbox)).id, present.id)
      server.cut()
      yield* server.until(() => server.framesOf("REQ").length === 2)
      const later = note()
      server.forward(later)
      assert.strictEqual((yield* Queue.take(inbox)).id, later.id)
    })
  )
})

describe("Relay.subscribe, relays that refuse or are silent", () => {
  it.live("goes on with the others when one refuses", () =>
    Effect.gen(function* () {
      const closed = yield* TestRelay.make
      const open = yield* TestRelay.make
      closed.behaviour.onRequest = () => "blocked: not you"
      const relay = yield* Relay.make({ urls: [closed.url, open.url] })
      const inbox = yield* following(relay, [{ kinds: [1] }])
      const event = note()
      open.forward(event)
      assert.strictEqual((yield* Queue.take(inbox)).id, event.id)
    })
  )

  it.live("fails with Refused when all refuse", () =>
    Effect.gen(function* () {
      const one = yield* TestRelay.make
      const two = yield* TestRelay.make
      one.behaviour.onRequest = () => "blocked: not you"
      two.behaviour.onRequest = () => "auth-required: who are you?"
      const relay = yield* Relay.make({ urls: [one.url, two.url] })
      const error = yield* Effect.flip(Stream.runDrain(relay.subscribe([{ kinds: [1] }])))
      assert.strictEqual(error.reason._tag, "Refused")
    })
  )

  it.live("asks a relay that was too busy again, without a new connection", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      server.behaviour.onRequest = () =>
        server.framesOf("REQ").length === 1 ? "rate-limited: slow down" : undefined
      const relay = yield* Relay.make({ urls: [server.url] })
      const event = note()
      server.stored.push(event)
      const inbox = yield* following(relay, [{ kinds: [1] }])
      assert.strictEqual((yield* Queue.take(inbox)).id, event.id)
      assert.strictEqual(server.dialled(), 1)
    })
  )

  it.live("says who we are when the relay insists, and asks again once", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      server.behaviour.challenge = "prove it"
      server.behaviour.onRequest = () =>
        server.framesOf("AUTH").length === 0 ? "auth-required: who are you?" : undefined
      const relay = yield* Relay.make({ urls: [server.url], signer: Signer.make(alice) })
      const event = note()
      server.stored.push(event)
      const inbox = yield* following(relay, [{ kinds: [1] }])
      assert.strictEqual((yield* Queue.take(inbox)).id, event.id)
      server.behaviour.onRequest = () => "auth-required: still not"
      const error = yield* Effect.flip(Stream.runDrain(relay.subscribe([{ kinds: [2] }])))
      assert.strictEqual(error.reason._tag, "Refused")
      assert.strictEqual(server.framesOf("REQ").length, 4)
    })
  )

  it.live("onStored does not wait for a relay that cannot be reached", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      const relay = yield* Relay.make({ urls: [nowhere, server.url] })
      yield* following(relay, [{ kinds: [1] }]).pipe(Effect.timeout("2 seconds"))
      yield* following(relay, [{ kinds: [1] }]).pipe(Effect.timeout("2 seconds"))
    })
  )

  it.live("onStored does not wait for a relay that never says it has sent all", () =>
    Effect.gen(function* () {
      const silent = yield* TestRelay.make
      const server = yield* TestRelay.make
      silent.behaviour.withoutEnd = true
      const relay = yield* Relay.make({
        urls: [silent.url, server.url],
        storedTimeout: "100 millis"
      })
      yield* following(relay, [{ kinds: [1] }]).pipe(Effect.timeout("2 seconds"))
    })
  )

  it.live("onStored waits for the first relay that can be reached", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      yield* server.down
      const relay = yield* Relay.make({ urls: [server.url], storedTimeout: "10 millis" })
      const stored = yield* Deferred.make<void>()
      const onStored = Effect.asVoid(Deferred.succeed(stored, undefined))
      yield* relay
        .subscribe([{ kinds: [1] }], { onStored })
        .pipe(Stream.runDrain, Effect.forkScoped({ startImmediately: true }))
      yield* Effect.flip(relay.publish(note(), { timeout: "50 millis" }))
      assert.isFalse(yield* Deferred.isDone(stored))
      yield* server.up
      yield* Deferred.await(stored)
    })
  )
})

describe("Relay.subscribe, a consumer that does not keep up", () => {
  it.live("gets everything in the end, from a buffer that stays small", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      const relay = yield* Relay.make({ urls: [server.url], verify: () => true })
      const events = unsigned(20_000)
      const gate = yield* Latch.make(false)
      const received: Array<NostrEvent.NostrEvent> = []
      const batches: Array<number> = []
      const first = note()
      server.stored.push(first)
      const stored = yield* Deferred.make<void>()
      const onStored = Effect.asVoid(Deferred.succeed(stored, undefined))
      const consumer = yield* relay.subscribe([{ kinds: [1] }], { onStored }).pipe(
        Stream.take(events.length + 1),
        Stream.runForEachArray((batch) =>
          Effect.sync(() => {
            batches.push(batch.length)
            received.push(...batch)
          }).pipe(Effect.andThen(received.length > 1 ? gate.await : Effect.void))
        ),
        Effect.forkScoped
      )
      yield* Deferred.await(stored)
      for (const event of events) server.forward(event)
      yield* server.until(() => server.framesOf("CLOSE").length === 1)
      yield* relay.publish(note({ kind: 2 }))
      yield* gate.open
      yield* Fiber.join(consumer)
      assert.deepStrictEqual(new Set(ids(received)), new Set([first.id, ...ids(events)]))
      assert.strictEqual(received.length, events.length + 1)
      assert.isAtMost(Math.max(...batches), 4_096)
    })
  )
})
