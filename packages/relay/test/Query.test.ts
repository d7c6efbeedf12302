import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Relay } from "../src/index.ts"
import { ids, note } from "./fixtures.ts"
import * as TestRelay from "./TestRelay.ts"

const nowhere = "ws://127.0.0.1:1"

describe("Relay.query", () => {
  it.live("returns what the relays have stored, newest first, each once", () =>
    Effect.gen(function* () {
      const one = yield* TestRelay.make
      const two = yield* TestRelay.make
      const relay = yield* Relay.make({ urls: [one.url, two.url] })
      const [older, middle, newer] = [10, 20, 30].map((created_at) => note({ created_at }))
      one.stored.push(older!, newer!)
      two.stored.push(middle!, newer!)
      const events = yield* relay.query([{ kinds: [1] }])
      assert.deepStrictEqual(ids(events), ids([newer!, middle!, older!]))
      yield* one.until(() => one.framesOf("CLOSE").length === 1)
    })
  )

  it.live("does not wait for a relay that cannot be reached", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      const relay = yield* Relay.make({ urls: [nowhere, server.url] })
      const events = yield* relay.query([{ kinds: [1] }]).pipe(Effect.timeout("2 seconds"))
      assert.deepStrictEqual(events, [])
    })
  )

  it.live("counts what came from a relay that never ends, once another has ended", () =>
    Effect.gen(function* () {
      const endless = yield* TestRelay.make
      const server = yield* TestRelay.make
      endless.behaviour.withoutEnd = true
      const relay = yield* Relay.make({ urls: [endless.url, server.url] })
      const events = [note({ created_at: 2 }), note({ created_at: 1 })]
      endless.stored.push(events[0]!)
      server.stored.push(events[1]!)
      const found = yield* relay.query([{ kinds: [1] }], { timeout: "1 second" })
      assert.deepStrictEqual(ids(found), ids(events))
    })
  )

  it.live("fails with Unreachable when no relay ends", () =>
    Effect.gen(function* () {
      const endless = yield* TestRelay.make
      endless.behaviour.withoutEnd = true
      endless.stored.push(note())
      const relay = yield* Relay.make({ urls: [endless.url, nowhere] })
      const error = yield* Effect.flip(relay.query([{ kinds: [1] }], { timeout: "50 millis" }))
      assert(error.reason._tag === "Unreachable")
      assert.deepStrictEqual(error.reason.urls, [endless.url, nowhere])
    })
  )

  it.live("is patient with a relay that is too busy, if there is no other", () =>
    Effect.gen(function* () {
      const busy = yield* TestRelay.make
      const idle = yield* TestRelay.make
      const event = note()
      busy.stored.push(event)
      busy.behaviour.onRequest = () =>
        busy.framesOf("REQ").length === 1 ? "rate-limited: slow down" : undefined
      const one = yield* Relay.make({ urls: [busy.url] })
      assert.deepStrictEqual(ids(yield* one.query([{ kinds: [1] }])), [event.id])
      busy.behaviour.onRequest = () => "rate-limited: slow down"
      const both = yield* Relay.make({ urls: [busy.url, idle.url] })
      assert.deepStrictEqual(yield* both.query([{ kinds: [1] }], { timeout: "1 minute" }), [])
    })
  )

  it.live("fails with Refused when all refuse", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      server.behaviour.onRequest = () => "restricted: members only"
      const relay = yield* Relay.make({ urls: [server.url] })
      const error = yield* Effect.flip(relay.query([{ kinds: [1] }]))
      assert(error.reason._tag === "Refused")
      assert.strictEqual(error.message, "restricted: members only")
    })
  )
})
