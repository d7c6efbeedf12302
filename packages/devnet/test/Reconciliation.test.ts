import { assert, describe, it } from "@effect/vitest"
import { NostrEvent } from "@farthing/protocol"
import * as Negentropy from "@farthing/protocol/Negentropy"
import { Relay } from "@farthing/relay"
import { Effect, Option } from "effect"
import * as TestRelay from "./TestRelay.ts"

/** Events of one author, a few of them of one second. */
const crowd = (count: number) =>
  Effect.forEach(Array.from({ length: count }), (_, n) =>
    TestRelay.event({ created_at: 1_700_000_000 + (n % 50) })
  )

const filter = { kinds: [1] }

const opening = (held: ReadonlyArray<NostrEvent.NostrEvent>) =>
  Negentropy.make(held, { role: "initiator" }).begin()

describe("reconciliation (NIP-77)", () => {
  it.live("tells a client what it lacks, and nothing where it lacks nothing", () =>
    Effect.gen(function* () {
      const { client, url } = yield* TestRelay.start()
      const events = yield* crowd(300)
      yield* Effect.forEach(events, client.publish, { discard: true })
      const relay = yield* Relay.make({ urls: [url] })
      yield* relay.query([{ ...filter, limit: 1 }])
      const difference = (held: ReadonlyArray<NostrEvent.NostrEvent>, more: object = {}) =>
        Effect.map(relay.difference(url, { ...filter, ...more }, held), (found) =>
          Option.getOrThrow(found).toSorted()
        )
      const ids = (some: ReadonlyArray<NostrEvent.NostrEvent>) => TestRelay.ids(some).toSorted()
      assert.deepStrictEqual(yield* difference(events), [])
      assert.deepStrictEqual(yield* difference([]), ids(events))
      assert.deepStrictEqual(yield* difference(events.slice(7)), ids(events.slice(0, 7)))
      // What the client has and the relay has not is no business of the client's.
      const own = yield* crowd(40)
      assert.deepStrictEqual(
        yield* difference([...own, ...events.slice(100)]),
        ids(events.slice(0, 100))
      )
      const since = 1_700_000_040
      assert.deepStrictEqual(
        yield* difference([], { since }),
        ids(events.filter(({ created_at }) => created_at >= since))
      )
    })
  )

  it.live("refuses what makes no sense, and goes on", () =>
    Effect.gen(function* () {
      const { client } = yield* TestRelay.start()
      const refused = (...message: ReadonlyArray<unknown>) =>
        Effect.gen(function* () {
          client.send(...message)
          const [word, ...rest] = yield* client.next
          return `${String(word)} ${rest.map(String).join(" ")}`
        })
      const begin = opening([])
      assert.include(yield* refused("NEG-OPEN", "a", { kinds: "all" }, begin), "NEG-ERR a invalid")
      assert.include(
        yield* refused("NEG-OPEN", "a", filter, "nonsense"),
        "NEG-ERR a error: not hex"
      )
      assert.include(yield* refused("NEG-OPEN", "a", filter), "NEG-ERR a error")
      assert.include(yield* refused("NEG-OPEN", 7, filter, begin), "NOTICE invalid")
      assert.include(yield* refused("NEG-MSG", "a", begin), "NEG-ERR a closed")
      assert.include(yield* refused("NEG-OPEN", "a", filter, begin), "NEG-MSG a 61")
      assert.include(yield* refused("NEG-MSG", "a", begin), "NEG-MSG a 61")
      client.send("NEG-CLOSE", "a")
      assert.include(yield* refused("NEG-MSG", "a", begin), "NEG-ERR a closed")
      // Another version than ours: which one we speak.
      assert.strictEqual(yield* refused("NEG-OPEN", "a", filter, "62"), "NEG-MSG a 61")
    })
  )

  it.live("is open a few times at once, each in the client's name for it", () =>
    Effect.gen(function* () {
      const { client } = yield* TestRelay.start()
      for (const name of ["a", "b", "c", "d", "d"]) {
        client.send("NEG-OPEN", name, filter, opening([]))
        assert.deepStrictEqual((yield* client.next).slice(0, 2), ["NEG-MSG", name])
      }
      client.send("NEG-OPEN", "e", filter, opening([]))
      assert.deepStrictEqual((yield* client.next).slice(0, 2), ["NEG-ERR", "e"])
    })
  )

  it.live("is for those who may read", () =>
    Effect.gen(function* () {
      const { client } = yield* TestRelay.start({ auth: "required" })
      assert.strictEqual((yield* client.next)[0], "AUTH")
      client.send("NEG-OPEN", "a", filter, opening([]))
      assert.strictEqual((yield* client.next)[0], "AUTH")
      assert.include(String((yield* client.next)[2]), "auth-required:")
    })
  )
})
