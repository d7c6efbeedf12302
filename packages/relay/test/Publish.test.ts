import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, FiberSet } from "effect"
import { TestClock } from "effect/testing"
import { WebSocket } from "ws"
import * as Authentication from "../src/Authentication.ts"
import { Relay, RelaySocket, Signer } from "../src/index.ts"
import * as Outbox from "../src/Outbox.ts"
import { alice, ids, note } from "./fixtures.ts"
import * as TestRelay from "./TestRelay.ts"

const accepted = (url: string, message = ""): Relay.Outcome => ({ _tag: "Accepted", url, message })

/** Nothing listens there. */
const nowhere = "ws://127.0.0.1:1"

describe("Relay.publish", () => {
  it.live("reports what each relay said once the quorum has accepted", () =>
    Effect.gen(function* () {
      const one = yield* TestRelay.make
      const two = yield* TestRelay.make
      const relay = yield* Relay.make({ urls: [one.url, two.url], quorum: 2 })
      const event = note()
      const report = yield* relay.publish(event)
      assert.strictEqual(report.event, event)
      assert.sameDeepMembers([...report.outcomes], [accepted(one.url), accepted(two.url)])
      assert.deepStrictEqual(ids(one.stored), [event.id])
    })
  )

  it.live("sends first to the relay that was quickest the last time", () =>
    Effect.gen(function* () {
      const [slow, quick] = [yield* TestRelay.make, yield* TestRelay.make]
      slow.behaviour.onEvent = () => undefined
      const sent: Array<string> = []
      const open = (url: string) => {
        const socket = new WebSocket(url)
        const send = socket.send.bind(socket)
        socket.send = (data: string) => {
          sent.push(url)
          send(data)
        }
        return socket
      }
      const relay = yield* Relay.make({ urls: [slow.url, quick.url] }).pipe(
        Effect.provideService(RelaySocket.RelaySocket, open)
      )
      yield* relay.publish(note())
      yield* slow.until(() => slow.framesOf("EVENT").length === 1)
      sent.length = 0
      yield* relay.publish(note())
      assert.deepStrictEqual(sent, [quick.url, slow.url])
    })
  )

  it.live("dials when first needed, and each relay once", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      const relay = yield* Relay.make({ urls: [server.url, server.url] })
      assert.strictEqual(server.dialled(), 0)
      yield* Effect.forEach([note(), note(), note()], (event) => relay.publish(event), {
        concurrency: "unbounded"
      })
      yield* relay.query([{ kinds: [1] }])
      assert.strictEqual(server.dialled(), 1)
    })
  )

  it.live("does not wait for a relay that is down, and still serves it when it is back", () =>
    Effect.gen(function* () {
      const up = yield* TestRelay.make
      const down = yield* TestRelay.make
      yield* down.down
      const relay = yield* Relay.make({ urls: [down.url, up.url] })
      const event = note()
      const report = yield* relay.publish(event)
      assert.deepStrictEqual(report.outcomes, [accepted(up.url)])
      yield* down.up
      yield* down.until(() => down.stored.length === 1)
      assert.deepStrictEqual(ids(down.stored), [event.id])
    })
  )

  it.live("takes `duplicate:` and `replaced:` for accepted, whatever the flag says", () =>
    Effect.gen(function* () {
      const one = yield* TestRelay.make
      const two = yield* TestRelay.make
      one.behaviour.onEvent = () => [false, "duplicate: have it"]
      two.behaviour.onEvent = () => [false, "replaced: have newer"]
      const relay = yield* Relay.make({ urls: [one.url, two.url], quorum: 2 })
      const report = yield* relay.publish(note())
      assert.sameDeepMembers(
        [...report.outcomes],
        [accepted(one.url, "duplicate: have it"), accepted(two.url, "replaced: have newer")]
      )
    })
  )

  it.live("fails as soon as the quorum is out of reach, with words fit for a terminal", () =>
    Effect.gen(function* () {
      const one = yield* TestRelay.make
      const two = yield* TestRelay.make
      one.behaviour.onEvent = () => [false, "blocked: \u001b[31mno"]
      two.behaviour.onEvent = () => undefined
      const relay = yield* Relay.make({ urls: [one.url, two.url], quorum: 2 })
      const error = yield* Effect.flip(relay.publish(note()))
      assert(error.reason._tag === "QuorumMissed")
      assert.strictEqual(error.reason.accepted, 0)
      assert.strictEqual(error.reason.quorum, 2)
      assert.strictEqual(error.message, `${one.url}: blocked: no`)
    })
  )

  it.live("fails with Unreachable when no relay can be reached in time", () =>
    Effect.gen(function* () {
      const relay = yield* Relay.make({ urls: [nowhere], publishTimeout: "100 millis" })
      const error = yield* Effect.flip(relay.publish(note()))
      assert(error.reason._tag === "Unreachable")
      assert.deepStrictEqual(error.reason.urls, [nowhere])
      assert.include(error.message, "ECONNREFUSED")
    })
  )

  it.live("fails with Unreachable when a relay never answers", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      server.behaviour.onEvent = () => undefined
      const relay = yield* Relay.make({ urls: [server.url] })
      const error = yield* Effect.flip(relay.publish(note(), { timeout: "50 millis" }))
      assert.strictEqual(error.message, `${server.url}: no answer in time`)
    })
  )

  it.live("sends the same bytes again to a relay that went away before its OK", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      server.behaviour.onEvent = (_, client) => {
        server.behaviour.onEvent = undefined
        client.terminate()
        return undefined
      }
      const relay = yield* Relay.make({ urls: [server.url] })
      const report = yield* relay.publish(note())
      assert.deepStrictEqual(report.outcomes, [accepted(server.url)])
      const [first, second] = server.framesOf("EVENT")
      assert.deepStrictEqual(second, first)
      assert.strictEqual(server.dialled(), 2)
    })
  )

  it.live("does not take a refusal for an answer to what it sent on an earlier connection", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      server.behaviour.onEvent = (_, client) => {
        server.behaviour.onEvent = () => [false, "invalid: it has expired"]
        client.terminate()
        return undefined
      }
      const relay = yield* Relay.make({ urls: [server.url] })
      const error = yield* Effect.flip(relay.publish(note()))
      assert.strictEqual(error.reason._tag, "Unreachable")
      assert.include(error.message, "invalid: it has expired")
      assert.strictEqual(server.dialled(), 2)
    })
  )

  it.live("leaves a relay that reads nothing, though it talks, and sends all when it is back", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      const relay = yield* Relay.make({ urls: [server.url], heartbeat: "500 millis" })
      yield* relay.publish(note())
      const [deaf] = server.clients
      deaf?.pause()
      yield* Effect.forkScoped(
        Effect.forever(
          Effect.delay(
            Effect.sync(() => deaf?.pong()),
            "100 millis"
          )
        )
      )
      const content = "x".repeat(40_000)
      const events = Array.from({ length: 700 }, () => note({ content }))
      yield* Effect.forEach(events, (event) => relay.publish(event), {
        concurrency: "unbounded",
        discard: true
      })
      assert.isAtLeast(server.dialled(), 2)
      assert.lengthOf([...new Set(ids(server.stored))], events.length + 1)
    })
  )

  it.live("withdraws an event that nobody waits for any more", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      yield* server.down
      const relay = yield* Relay.make({ urls: [server.url] })
      const fiber = yield* Effect.forkChild(relay.publish(note()), { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      yield* server.up
      const event = note()
      yield* relay.publish(event)
      assert.deepStrictEqual(ids(server.stored), [event.id])
    })
  )
})

describe("Relay.publish, a busy relay", () => {
  it.live("is sent the event again a while later", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      server.behaviour.onEvent = () =>
        server.framesOf("EVENT").length === 1 ? [false, "rate-limited: slow down"] : [true, ""]
      const relay = yield* Relay.make({ urls: [server.url] })
      const { outcomes } = yield* relay.publish(note())
      assert.deepStrictEqual(outcomes, [accepted(server.url)])
    })
  )

  it.effect("is left alone after some attempts", () =>
    Effect.gen(function* () {
      const sent: Array<string> = []
      const outcomes: Array<Relay.Outcome> = []
      const fork = yield* FiberSet.makeRuntime()
      const outbox = Outbox.make({
        url: "ws://busy",
        isUp: () => true,
        send: (frame) => sent.push(frame),
        authentication: Authentication.make({
          url: "ws://busy",
          signer: undefined,
          send: () => {},
          fork
        }),
        fork,
        ask: () => ({ pause: () => {}, resume: () => {}, close: () => {} })
      })
      const onOutcome = (outcome: Relay.Outcome) => void outcomes.push(outcome)
      outbox.add({ id: "a", frame: "event", isKept: true, onOutcome })
      for (const seconds of [1, 2, 4]) {
        outbox.answered("a", false, "rate-limited: slow down")
        yield* TestClock.adjust(seconds * 1_000)
      }
      assert.deepStrictEqual(outcomes, [])
      outbox.answered("a", false, "rate-limited: slow down")
      assert.strictEqual(outcomes[0]?._tag, "Rejected")
      assert.strictEqual(sent.length, 4)
    })
  )
})

describe("Relay.publish, authentication", () => {
  const insisting = Effect.gen(function* () {
    const server = yield* TestRelay.make
    server.behaviour.challenge = "prove it"
    server.behaviour.onEvent = () =>
      server.framesOf("AUTH").length === 0 ? [false, "auth-required: who are you?"] : [true, ""]
    return server
  })

  it.live("says who we are once, when the relay insists, and sends the event again", () =>
    Effect.gen(function* () {
      const server = yield* insisting
      const signer = Signer.make(alice)
      const relay = yield* Relay.make({ urls: [server.url], signer })
      const reports = yield* Effect.forEach([note(), note()], (event) => relay.publish(event), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(
        reports.flatMap(({ outcomes }) => outcomes),
        [accepted(server.url), accepted(server.url)]
      )
      const proofs = server.framesOf("AUTH").map((frame) => frame[1])
      assert.strictEqual(proofs.length, 1)
      assert.deepInclude(proofs[0], {
        kind: 22242,
        pubkey: signer.publicKey,
        tags: [
          ["relay", server.url],
          ["challenge", "prove it"]
        ]
      })
    })
  )

  it.live("retries once only", () =>
    Effect.gen(function* () {
      const server = yield* insisting
      server.behaviour.onEvent = () => [false, "auth-required: still not"]
      const relay = yield* Relay.make({ urls: [server.url], signer: Signer.make(alice) })
      const error = yield* Effect.flip(relay.publish(note()))
      assert.strictEqual(error.reason._tag, "QuorumMissed")
      assert.strictEqual(server.framesOf("EVENT").length, 2)
    })
  )

  it.live("gives up on a relay that only ever asks anew", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      server.behaviour.onEvent = () => [false, "auth-required: who are you?"]
      server.behaviour.onProof = (client) => {
        client.send(JSON.stringify(["AUTH", "and now?"]))
      }
      server.behaviour.challenge = "prove it"
      const relay = yield* Relay.make({ urls: [server.url], signer: Signer.make(alice) })
      const error = yield* Effect.flip(relay.publish(note()))
      assert.strictEqual(error.reason._tag, "QuorumMissed")
      assert.strictEqual(server.framesOf("AUTH").length, 4)
    })
  )

  it.live("is refused without a signer", () =>
    Effect.gen(function* () {
      const server = yield* insisting
      const relay = yield* Relay.make({ urls: [server.url] })
      const error = yield* Effect.flip(relay.publish(note()))
      assert.strictEqual(error.reason._tag, "QuorumMissed")
    })
  )
})

describe("Relay.publish, limits that relays state", () => {
  const large = note({ content: "x".repeat(5_000) })

  it.live("refuses an event that no relay takes, before it is sent", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      server.behaviour.information = { limitation: { max_message_length: 4_096 } }
      const relay = yield* Relay.make({ urls: [server.url] })
      const error = yield* Effect.flip(relay.publish(large))
      assert(error.reason._tag === "TooLarge")
      assert.strictEqual(error.reason.limit, 4_096)
      assert.strictEqual(error.reason.bytes, JSON.stringify(["EVENT", large]).length)
      assert.deepStrictEqual(server.framesOf("EVENT"), [])
      assert.strictEqual(yield* relay.maxEventBytes, 4_086)
      assert.strictEqual(server.informationRequests(), 1)
    })
  )

  it.live("spares a relay the event that it does not take", () =>
    Effect.gen(function* () {
      const small = yield* TestRelay.make
      const big = yield* TestRelay.make
      small.behaviour.information = { limitation: { max_message_length: 4_096 } }
      big.behaviour.information = { limitation: { max_message_length: 1_000_000 } }
      const relay = yield* Relay.make({ urls: [small.url, big.url] })
      const { outcomes } = yield* relay.publish(large)
      assert.deepStrictEqual(
        outcomes.map(({ _tag, url }) => ({ _tag, url })),
        [
          { _tag: "Rejected", url: small.url },
          { _tag: "Accepted", url: big.url }
        ]
      )
      assert.deepStrictEqual(ids(small.stored), [])
    })
  )

  it.live("assumes 48,000 bytes where nothing sensible is stated", () =>
    Effect.gen(function* () {
      const silent = yield* TestRelay.make
      const odd = yield* TestRelay.make
      odd.behaviour.information = { limitation: { max_message_length: "much" } }
      const relay = yield* Relay.make({ urls: [silent.url, odd.url, nowhere] })
      assert.strictEqual(yield* relay.maxEventBytes, 48_000)
    })
  )

  it.live("keeps no relay waiting for one that never says what it takes", () =>
    Effect.gen(function* () {
      const [server, slow] = [yield* TestRelay.make, yield* TestRelay.make]
      slow.behaviour.information = "hang"
      const relay = yield* Relay.make({ urls: [slow.url, server.url] })
      const { outcomes } = yield* relay.publish(note({ content: "x".repeat(2_000) }))
      assert.deepStrictEqual(outcomes, [accepted(server.url)])
      assert.lengthOf(slow.framesOf("EVENT"), 0)
      yield* slow.until(() => slow.framesOf("EVENT").length === 1)
    })
  )

  it.live("waits once only for a relay that is away, and might state a limit", () =>
    Effect.gen(function* () {
      const away = yield* TestRelay.make
      yield* away.down
      const relay = yield* Relay.make({ urls: [away.url] })
      yield* relay.maxEventBytes
      yield* away.up
      away.behaviour.information = "hang"
      assert.strictEqual(yield* relay.maxEventBytes.pipe(Effect.timeout("1 second")), 48_000)
    })
  )

  it.live("does not make a small event wait for a relay that never says", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      server.behaviour.information = "hang"
      const relay = yield* Relay.make({ urls: [server.url] })
      yield* relay.publish(note()).pipe(Effect.timeout("1 second"))
      yield* server.until(() => server.informationRequests() === 1)
    })
  )
})
