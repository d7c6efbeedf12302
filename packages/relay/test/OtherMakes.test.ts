import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Queue, Stream } from "effect"
import type { WebSocket } from "ws"
import { Relay, Signer } from "../src/index.ts"
import { alice, following, ids, note } from "./fixtures.ts"
import * as TestRelay from "./TestRelay.ts"

const send = (client: WebSocket, ...frame: ReadonlyArray<unknown>) =>
  client.send(JSON.stringify(frame))

/** Ends whatever runs on the relay, as it is running. */
const closeAll = (server: TestRelay.TestRelay, reason: string) =>
  Effect.sync(() => {
    for (const client of server.clients)
      for (const [, id] of server.framesOf("REQ")) send(client, "CLOSED", id, reason)
  })

const idOf = (event: unknown): unknown => (event as { readonly id?: unknown }).id

describe("a relay that ends a subscription which it had taken", () => {
  for (const reason of [
    "error: shutting down idle subscription",
    "rate-limited: too much",
    "blocked: you read too much",
    "restricted: no more",
    "auth-required: your session is over",
    "invalid: no",
    "pow: more",
    "duplicate: of another one",
    "mute: nobody",
    ""
  ])
    it.live(`is asked again: "${reason}"`, () =>
      Effect.gen(function* () {
        const server = yield* TestRelay.make
        const relay = yield* Relay.make({ urls: [server.url] })
        const inbox = yield* following(relay, [{ kinds: [1] }])
        yield* closeAll(server, reason)
        const missed = note()
        server.stored.push(missed)
        assert.strictEqual((yield* Queue.take(inbox)).id, missed.id)
        const live = note()
        server.forward(live)
        assert.strictEqual((yield* Queue.take(inbox)).id, live.id)
      })
    )

  it.live("and refuses it from then on, fails it", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      const relay = yield* Relay.make({ urls: [server.url] })
      const stored = yield* Queue.unbounded<void>()
      const failed = yield* relay
        .subscribe([{ kinds: [1] }], { onStored: Effect.asVoid(Queue.offer(stored, undefined)) })
        .pipe(Stream.runDrain, Effect.flip, Effect.forkScoped)
      yield* Queue.take(stored)
      server.behaviour.onRequest = () => "blocked: go away"
      yield* closeAll(server, "blocked: go away")
      yield* server.until(() => server.framesOf("REQ").length === 2)
      assert.strictEqual((yield* Fiber.join(failed)).message, "blocked: go away")
    })
  )
})

describe("a relay that is busy in capitals", () => {
  it.live("is asked again", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      const event = note()
      server.stored.push(event)
      server.behaviour.onRequest = () =>
        server.framesOf("REQ").length === 1 ? "ERROR: too many concurrent REQs" : undefined
      const relay = yield* Relay.make({ urls: [server.url] })
      assert.deepStrictEqual(ids(yield* relay.query([{ kinds: [1] }])), [event.id])
    })
  )
})

describe("a relay that asks who we are again, later", () => {
  it.live("is told again", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      server.behaviour.challenge = "first"
      let trusts = false
      server.behaviour.onProof = (client) => {
        trusts = true
        const [, proof] = server.framesOf("AUTH").at(-1) ?? []
        send(client, "OK", (proof as { id: string }).id, true, "")
      }
      server.behaviour.onRequest = () => (trusts ? undefined : "auth-required: who?")
      const relay = yield* Relay.make({ urls: [server.url], signer: Signer.make(alice) })
      const inbox = yield* following(relay, [{ kinds: [1] }])
      trusts = false
      for (const client of server.clients) send(client, "AUTH", "second")
      yield* closeAll(server, "auth-required: your session is over")
      const missed = note()
      server.stored.push(missed)
      assert.strictEqual((yield* Queue.take(inbox)).id, missed.id)
      assert.lengthOf(server.framesOf("AUTH"), 2)
    })
  )
})

describe("a relay that gives notice", () => {
  it.live("instead of answering a subscription is asked again", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      const relay = yield* Relay.make({ urls: [server.url] })
      const event = note()
      server.stored.push(event)
      server.behaviour.withoutEnd = true
      const { stored } = server
      const kept = stored.splice(0)
      server.behaviour.onRequest = (client) => {
        if (server.framesOf("REQ").length === 1) send(client, "NOTICE", "rate limited")
        else {
          server.behaviour.withoutEnd = false
          stored.push(...kept.splice(0))
        }
        return undefined
      }
      assert.deepStrictEqual(ids(yield* relay.query([{ kinds: [1] }])), [event.id])
      assert.deepStrictEqual(server.framesOf("CLOSE")[0]?.[1], server.framesOf("REQ")[0]?.[1])
    })
  )

  it.live("again and again is asked again once for each REQ, and then left alone", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      server.behaviour.withoutEnd = true
      server.behaviour.onRequest = (client) => {
        for (let count = 0; count < 1_000; count++) send(client, "NOTICE", "rate limited")
        return undefined
      }
      const relay = yield* Relay.make({ urls: [server.url], storedTimeout: "200 millis" })
      const inbox = yield* following(relay, [{ kinds: [1] }])
      yield* server.until(() => server.framesOf("REQ").length === 2)
      const event = note()
      server.forward(event)
      assert.strictEqual((yield* Queue.take(inbox)).id, event.id)
      assert.lengthOf(server.framesOf("REQ"), 2)
    })
  )

  it.live("about something else is left in peace", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      const relay = yield* Relay.make({ urls: [server.url] })
      yield* following(relay, [{ kinds: [1] }])
      server.sendAll('["NOTICE","welcome"]')
      yield* relay.publish(note({ kind: 2 }))
      assert.lengthOf(server.framesOf("REQ"), 1)
    })
  )

  it.live("instead of taking an event gets it again", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      const relay = yield* Relay.make({ urls: [server.url] })
      server.behaviour.onEvent = (_, client) => {
        if (server.framesOf("EVENT").length > 1) return [true, ""]
        send(client, "NOTICE", "rate limited")
        return undefined
      }
      const { outcomes } = yield* relay.publish(note())
      assert.strictEqual(outcomes[0]?._tag, "Accepted")
      assert.lengthOf(server.framesOf("EVENT"), 2)
      yield* server.until(() => server.framesOf("CLOSE").length === server.framesOf("REQ").length)
    })
  )
})

describe("a relay that never says OK", () => {
  it.live("is asked whether it has the event", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      const relay = yield* Relay.make({ urls: [server.url] })
      server.behaviour.onEvent = (event) => {
        server.stored.push(event)
        return undefined
      }
      const event = note()
      const { outcomes } = yield* relay.publish(event)
      assert.deepStrictEqual(outcomes, [{ _tag: "Accepted", url: server.url, message: "" }])
      assert.lengthOf(server.framesOf("EVENT"), 1)
      assert.deepStrictEqual(server.framesOf("REQ")[0]?.[2], { ids: [event.id] })
    })
  )

  it.live("is asked for many events in few REQs, and gets again those that it has not got", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      const relay = yield* Relay.make({ urls: [server.url] })
      const events = Array.from({ length: 150 }, () => note())
      const [lost] = events
      server.behaviour.onEvent = (event) => {
        const sent = server.framesOf("EVENT").filter(([, it]) => idOf(it) === event.id)
        if (event.id !== lost?.id || sent.length > 1) server.stored.push(event)
        return event.id === lost?.id && sent.length > 1 ? [true, ""] : undefined
      }
      yield* Effect.forEach(events, (event) => relay.publish(event), {
        concurrency: "unbounded",
        discard: true
      })
      assert.lengthOf(server.framesOf("EVENT"), events.length + 1)
      assert.lengthOf(server.framesOf("REQ"), 2)
      yield* server.until(() => server.framesOf("CLOSE").length === 2)
    })
  )
})

describe("a relay that never says that it has sent all", () => {
  it.live("need not say so once it has sent as many events as there can be", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      const relay = yield* Relay.make({ urls: [server.url] })
      server.behaviour.withoutEnd = true
      const stored = [note({ created_at: 1 }), note({ created_at: 2 })]
      server.stored.push(...stored)
      const [newest] = yield* relay.query([{ kinds: [1], limit: 1 }], { timeout: "1 minute" })
      assert.strictEqual(newest?.id, stored[1]?.id)
      const wanted = { ids: [...ids(stored)] }
      assert.lengthOf(yield* relay.query([wanted], { timeout: "1 minute" }), 2)
    })
  )
})
