import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option } from "effect"
import * as Relay from "../src/Relay.ts"
import { ids, note } from "./fixtures.ts"
import * as TestRelay from "./TestRelay.ts"

const knowing = { supported_nips: [1, 77] }

/** A relay that says this of itself, and a client that is connected to it. */
const meet = Effect.fnUntraced(function* (information: object | undefined) {
  const server = yield* TestRelay.make
  server.behaviour.information = information
  const relay = yield* Relay.make({ urls: [server.url] })
  yield* relay.query([{ kinds: [1], limit: 1 }])
  return { relay, server, ask: relay.difference(server.url, { kinds: [1] }, [note()]) }
})

/** What the client makes of an answer to its first message. */
const after = (answer: (subscription: string) => ReadonlyArray<unknown>) =>
  Effect.gen(function* () {
    const { ask, server } = yield* meet(knowing)
    const asking = yield* Effect.forkChild(ask)
    yield* server.until(() => server.framesOf("NEG-OPEN").length > 0)
    const [frame] = server.framesOf("NEG-OPEN")
    server.sendAll(JSON.stringify(answer(String(frame?.[1]))))
    const found = yield* Fiber.join(asking)
    yield* server.until(() => server.framesOf("NEG-CLOSE").length > 0)
    return found
  })

describe("the difference to a relay", () => {
  it.live("is not asked for where the relay does not say that it knows how", () =>
    Effect.gen(function* () {
      for (const information of [
        undefined,
        {},
        { supported_nips: [1, "77"] },
        { supported_nips: [77], limitation: { max_message_length: 2_000 } }
      ]) {
        const { ask, server } = yield* meet(information)
        assert.isTrue(Option.isNone(yield* ask))
        assert.lengthOf(server.framesOf("NEG-OPEN"), 0)
      }
    })
  )

  it.live("takes the relay's word for what it knows, once", () =>
    Effect.gen(function* () {
      const { ask, server } = yield* meet({})
      yield* Effect.andThen(ask, ask)
      assert.strictEqual(server.informationRequests(), 1)
    })
  )

  it.live("is not known of a relay that is none of ours, or not connected", () =>
    Effect.gen(function* () {
      const { ask, relay, server } = yield* meet(knowing)
      assert.isTrue(Option.isNone(yield* relay.difference("ws://127.0.0.1:1", {}, [])))
      yield* server.down
      assert.isTrue(Option.isNone(yield* ask))
    })
  )

  it.live("says what only the relay has", () =>
    Effect.gen(function* () {
      const missing = note()
      // One range without an end, and the one id in it.
      const answer = `6100000201${missing.id}`
      const found = yield* after((id) => ["NEG-MSG", id, answer])
      assert.deepStrictEqual(Option.getOrThrow(found), ids([missing]))
    })
  )

  it.live.each([
    { does: "refuses", answer: (id: string) => ["NEG-ERR", id, "blocked: too many events"] },
    { does: "answers with another version", answer: (id: string) => ["NEG-MSG", id, "62"] },
    { does: "answers with no hex", answer: (id: string) => ["NEG-MSG", id, "\u001b[31m"] },
    { does: "answers with half a message", answer: (id: string) => ["NEG-MSG", id, "61000002ff"] }
  ])("is not known of a relay that $does", ({ answer }) =>
    Effect.gen(function* () {
      assert.isTrue(Option.isNone(yield* after(answer)))
    })
  )

  it.live("is not known of a relay that goes away", () =>
    Effect.gen(function* () {
      const { ask, server } = yield* meet(knowing)
      const asking = yield* Effect.forkChild(ask)
      yield* server.until(() => server.framesOf("NEG-OPEN").length > 0)
      server.cut()
      assert.isTrue(Option.isNone(yield* Fiber.join(asking)))
    })
  )

  it.live("is given up with a relay that always knows of another difference", () =>
    Effect.gen(function* () {
      const { ask, server } = yield* meet(knowing)
      const asking = yield* Effect.forkChild(ask)
      let told = 0
      const turns = () => server.framesOf("NEG-OPEN").length + server.framesOf("NEG-MSG").length
      yield* Effect.gen(function* () {
        yield* server.until(() => turns() > told)
        told = turns()
        const [frame] = server.framesOf("NEG-OPEN")
        server.sendAll(JSON.stringify(["NEG-MSG", frame?.[1], `61000001${"ab".repeat(16)}`]))
      }).pipe(Effect.forever, Effect.raceFirst(Fiber.await(asking)))
      assert.isTrue(Option.isNone(yield* Fiber.join(asking)))
      assert.isAtMost(turns(), 201)
    })
  )
})
