import { assert, describe, it } from "@effect/vitest"
import type { NostrEvent } from "@farthing/protocol"
import { Duration, Effect, Fiber, Queue, Stream } from "effect"
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { Relay } from "../src/index.ts"
import { following, ids, note, unsigned } from "./fixtures.ts"
import * as TestRelay from "./TestRelay.ts"

describe("a relay that goes away", () => {
  it.live("is asked again with the same filters, and what was missed comes", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      const relay = yield* Relay.make({ urls: [server.url] })
      const first = note()
      server.stored.push(first)
      const inbox = yield* following(relay, [{ kinds: [1] }])
      yield* server.down
      const missed = [note({ created_at: 1 }), note()]
      server.stored.push(...missed)
      yield* server.up
      const received = yield* Queue.takeN(inbox, 3)
      assert.sameMembers([...ids(received)], [first.id, ...ids(missed)])
      const [before, after] = server.framesOf("REQ")
      assert.deepStrictEqual(after?.slice(2), before?.slice(2))
    })
  )

  it.live("does not count as connected until it is back", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      const relay = yield* Relay.make({ urls: [server.url] })
      const connected = (urls: ReadonlyArray<string>) =>
        Effect.repeat(Effect.andThen(Effect.yieldNow, relay.connected), {
          until: (connected) => connected.length === urls.length
        })
      assert.deepStrictEqual(yield* relay.connected, [])
      yield* following(relay, [{ kinds: [1] }])
      assert.deepStrictEqual(yield* connected([server.url]), [server.url])
      yield* server.down
      assert.deepStrictEqual(yield* connected([]), [])
      yield* server.up
      assert.deepStrictEqual(yield* connected([server.url]), [server.url])
    })
  )

  it.live("brings all that came while a filter with a limit was away", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      const relay = yield* Relay.make({ urls: [server.url] })
      const inbox = yield* following(relay, [{ kinds: [1], limit: 1 }])
      yield* server.down
      const created_at = 4_000_000_000
      const missed = [note({ created_at }), note({ created_at }), note({ created_at })]
      server.stored.push(...missed)
      yield* server.up
      assert.sameMembers([...ids(yield* Queue.takeN(inbox, 3))], [...ids(missed)])
    })
  )

  it.live("again and again loses and repeats nothing", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      const relay = yield* Relay.make({ urls: [server.url], verify: () => true })
      const events = unsigned(3_000)
      const inbox = yield* following(relay, [{ kinds: [1] }])
      const received: Array<NostrEvent.NostrEvent> = []
      for (const [index, event] of events.entries()) {
        server.forward(event)
        if (index % 300 !== 299) continue
        received.push(...(yield* Queue.takeN(inbox, 200)))
        server.cut()
        const dialled = server.dialled()
        yield* server.until(() => server.dialled() > dialled)
      }
      received.push(...(yield* Queue.takeN(inbox, events.length - received.length)))
      const last = note()
      server.forward(last)
      received.push(yield* Queue.take(inbox))
      assert.strictEqual(received.at(-1)?.id, last.id)
      assert.deepStrictEqual(new Set(ids(received)), new Set(ids([...events, last])))
    })
  )

  it.live("is back well under half a second after an abrupt death", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      const relay = yield* Relay.make({ urls: [server.url] })
      const inbox = yield* following(relay, [{ kinds: [1] }])
      const resume = Effect.gen(function* () {
        server.cut()
        const event = note()
        server.stored.push(event)
        assert.strictEqual((yield* Queue.take(inbox)).id, event.id)
      })
      const durations = yield* Effect.forEach(Array.from({ length: 9 }), () =>
        Effect.map(Effect.timed(resume), ([duration]) => Duration.toMillis(duration))
      )
      const median = durations.toSorted((a, b) => a - b)[4]
      assert.isBelow(median ?? Infinity, 500)
    })
  )

  it.live("is noticed when it goes silent without closing", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      const relay = yield* Relay.make({ urls: [server.url], heartbeat: "30 millis" })
      const inbox = yield* following(relay, [{ kinds: [1] }])
      server.behaviour.frozen = true
      yield* server.until(() => server.dialled() === 2)
      server.behaviour.frozen = false
      server.cut()
      yield* server.until(() => server.framesOf("REQ").length === 2)
      const event = note()
      server.forward(event)
      assert.strictEqual((yield* Queue.take(inbox)).id, event.id)
    })
  )

  it.live("whenever it has answered is not dialled as fast as it hangs up", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      const relay = yield* Relay.make({ urls: [server.url] })
      server.behaviour.onRequest = (client) => {
        client.send("[]", () => client.terminate())
        return undefined
      }
      yield* Effect.forkScoped(Stream.runDrain(relay.subscribe([{ kinds: [1] }])))
      const [lasted] = yield* Effect.timed(server.until(() => server.dialled() === 8))
      assert.isAbove(Duration.toMillis(lasted), 700)
    })
  )

  it.live("is left alone while nobody needs it", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      const idle = yield* Relay.make({ urls: [server.url] })
      const busy = yield* Relay.make({ urls: [server.url] })
      yield* idle.publish(note({ kind: 2 }))
      const inbox = yield* following(busy, [{ kinds: [1] }])
      for (const event of [note(), note(), note()]) {
        server.cut()
        server.stored.push(event)
        assert.strictEqual((yield* Queue.take(inbox)).id, event.id)
      }
      assert.strictEqual(server.dialled(), 2 + 3)
      yield* idle.publish(note({ kind: 2 }))
      assert.strictEqual(server.dialled(), 2 + 4)
    })
  )
})

describe("the end of the scope", () => {
  it.live("closes the connection and ends the subscriptions", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      const subscription = yield* Effect.scoped(
        Effect.gen(function* () {
          const relay = yield* Relay.make({ urls: [server.url] })
          yield* following(relay, [{ kinds: [1] }])
          return yield* Effect.forkDetach(Stream.runDrain(relay.subscribe([{ kinds: [1] }])), {
            startImmediately: true
          })
        })
      )
      yield* server.until(() => server.clients.size === 0)
      yield* Fiber.join(subscription)
    })
  )

  it.live("leaves nothing hanging that comes later", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      const relay = yield* Effect.scoped(Relay.make({ urls: [server.url] }))
      yield* Stream.runDrain(relay.subscribe([{ kinds: [1] }]))
      for (const content of ["", "x".repeat(2_000)]) {
        const error = yield* Effect.flip(relay.publish(note({ content })))
        assert.strictEqual(error.reason._tag, "Unreachable")
      }
      assert.strictEqual(server.dialled(), 0)
    })
  )

  it.live("lets the process end", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      const script = fileURLToPath(new URL("publishAndLeave.ts", import.meta.url))
      const output = yield* Effect.callback<string>((resume) => {
        execFile(process.execPath, [script, server.url], (error, stdout) =>
          resume(error === null ? Effect.succeed(stdout) : Effect.die(error))
        )
      })
      assert.strictEqual(output.trim(), "published")
      assert.strictEqual(server.stored.length, 1)
    })
  )
})
