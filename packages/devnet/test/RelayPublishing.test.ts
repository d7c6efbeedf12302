import { assert, describe, it } from "@effect/vitest"
import { Key } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Clock, Effect } from "effect"
import { connect } from "./RawClient.ts"
import { alice, bob, byNewest, event, ids, start } from "./TestRelay.ts"

const relayList = (created_at: number) => event({ kind: 10_002, created_at, tags: [["r", "x"]] })

const handler = (d: string, created_at: number, key = alice) =>
  event(
    {
      kind: 31_990,
      created_at,
      tags: [
        ["d", d],
        ["k", "5050"]
      ]
    },
    key
  )

describe("NIP-01: publishing", () => {
  it.live("an event is accepted and can be asked for", () =>
    Effect.gen(function* () {
      const { client } = yield* start()
      const one = yield* event({
        tags: [
          ["t", "x", "more"],
          ["long", "y"]
        ],
        content: '\u0000 \ud83d\ude00 "\\\n'
      })
      assert.deepEqual(yield* client.publish(one), ["OK", one.id, true, ""])
      assert.deepEqual(yield* client.query({ ids: [one.id] }), [one])
    })
  )

  it.live("the same event again is a duplicate, and not sent to anybody again", () =>
    Effect.gen(function* () {
      const { client, url } = yield* start()
      const watcher = yield* connect(url)
      watcher.send("REQ", "all", { kinds: [1] })
      assert.deepEqual(yield* watcher.next, ["EOSE", "all"])
      const one = yield* event()
      const two = yield* event()
      yield* client.publish(one)
      assert.deepEqual(yield* client.publish(one), [
        "OK",
        one.id,
        true,
        "duplicate: already have this event"
      ])
      yield* client.publish(two)
      assert.deepEqual(yield* watcher.next, ["EVENT", "all", one])
      assert.deepEqual(yield* watcher.next, ["EVENT", "all", two])
    })
  )

  it.live("a wrong id, a wrong signature and a wrong shape are invalid", () =>
    Effect.gen(function* () {
      const { client } = yield* start()
      const good = yield* event()
      const other = yield* event()
      const refused = "invalid: bad id or signature"
      const forged = { ...good, content: "other" }
      assert.deepEqual(yield* client.publish(forged), ["OK", good.id, false, refused])
      const unsigned = { ...good, sig: other.sig }
      assert.deepEqual(yield* client.publish(unsigned), ["OK", good.id, false, refused])
      client.send("EVENT", { ...good, kind: "1" })
      assert.deepEqual(yield* client.next, ["OK", good.id, false, "invalid: not an event"])
      assert.deepEqual(yield* client.query({}), [])
    })
  )

  it.live("a date more than 15 minutes ahead is refused, a little ahead is not", () =>
    Effect.gen(function* () {
      const { client } = yield* start()
      const far = yield* event({ created_at: (yield* UnixTime.now) + 960 })
      assert.deepEqual(yield* client.publish(far), [
        "OK",
        far.id,
        false,
        "invalid: created_at is in the future"
      ])
      const near = yield* event({ created_at: (yield* UnixTime.now) + 600 })
      assert.strictEqual((yield* client.publish(near))[2], true)
    })
  )

  it.live("a replaceable event is replaced by a newer one and refuses an older one", () =>
    Effect.gen(function* () {
      const { client } = yield* start()
      const at = yield* UnixTime.now
      const [older, middle, newer] = [
        yield* relayList(at - 2),
        yield* relayList(at - 1),
        yield* relayList(at)
      ]
      yield* client.publish(middle)
      const late = yield* client.publish(older)
      assert.deepEqual(late.slice(2), [false, "replaced: have a newer version of this event"])
      yield* client.publish(newer)
      assert.deepEqual(yield* client.query({ kinds: [10_002] }), [newer])
      assert.deepEqual(yield* client.query({ "#r": ["x"] }), [newer])
      assert.deepEqual(yield* client.query({ ids: [middle.id] }), [])
    })
  )

  it.live("of two replaceable events of one second the lower id stays, in either order", () =>
    Effect.gen(function* () {
      const { client } = yield* start()
      const created_at = yield* UnixTime.now
      for (const [key, lowerFirst] of [
        [alice, true],
        [bob, false]
      ] as const) {
        const pair = [
          yield* event({ kind: 0, created_at }, key),
          yield* event({ kind: 0, created_at }, key)
        ]
        const [low, high] = pair.toSorted((a, b) => (a.id < b.id ? -1 : 1))
        if (low === undefined || high === undefined) return assert.fail("a pair has two")
        for (const one of lowerFirst ? [low, high] : [high, low]) yield* client.publish(one)
        assert.deepEqual(yield* client.query({ kinds: [0], authors: [Key.publicKeyOf(key)] }), [
          low
        ])
      }
    })
  )

  it.live("addressable events live side by side under different d tags and authors", () =>
    Effect.gen(function* () {
      const { client } = yield* start()
      const at = yield* UnixTime.now
      const [old, a, b, c] = [
        yield* handler("a", at - 1),
        yield* handler("a", at),
        yield* handler("b", at),
        yield* handler("a", at, bob)
      ]
      for (const one of [old, a, b, c]) yield* client.publish(one)
      const found = yield* client.query({ kinds: [31_990], "#k": ["5050"] })
      assert.deepEqual(ids(found), ids([a, b, c].toSorted(byNewest)))
    })
  )

  it.live("an ephemeral event reaches who is listening and is not kept", () =>
    Effect.gen(function* () {
      const { client, url } = yield* start()
      const watcher = yield* connect(url)
      watcher.send("REQ", "w", { kinds: [23_194] })
      yield* watcher.next
      const one = yield* event({ kind: 23_194 })
      assert.deepEqual(yield* client.publish(one), ["OK", one.id, true, ""])
      assert.deepEqual(yield* watcher.next, ["EVENT", "w", one])
      assert.deepEqual(yield* client.query({ kinds: [23_194] }), [])
    })
  )
})

const announcement = (created_at: number) => event({ kind: 31_990, created_at, tags: [["d", "x"]] })

describe("NIP-09: deletion", () => {
  it.live("an author deletes its own event by id; it stays refused", () =>
    Effect.gen(function* () {
      const { client } = yield* start()
      const one = yield* event()
      yield* client.publish(one)
      const deletion = yield* event({ kind: 5, tags: [["e", one.id]] })
      yield* client.publish(deletion)
      assert.deepEqual(yield* client.query({ kinds: [1, 5] }), [deletion])
      assert.deepEqual((yield* client.publish(one)).slice(2), [
        false,
        "blocked: its author deleted this event"
      ])
    })
  )

  it.live("nobody deletes what another wrote, and nobody deletes a deletion", () =>
    Effect.gen(function* () {
      const { client } = yield* start()
      const one = yield* event()
      yield* client.publish(one)
      yield* client.publish(yield* event({ kind: 5, tags: [["e", one.id]] }, bob))
      assert.deepEqual(yield* client.query({ kinds: [1] }), [one])
      const deletion = yield* event({ kind: 5, tags: [["e", "0".repeat(64)]] })
      yield* client.publish(deletion)
      yield* client.publish(yield* event({ kind: 5, tags: [["e", deletion.id]] }))
      assert.deepEqual(yield* client.query({ ids: [deletion.id] }), [deletion])
    })
  )

  it.live("an address is deleted up to the date of the deletion, and free again after it", () =>
    Effect.gen(function* () {
      const { client } = yield* start()
      const at = yield* UnixTime.now
      const author = Key.publicKeyOf(alice)
      const old = yield* announcement(at - 10)
      yield* client.publish(old)
      yield* client.publish(
        yield* event({ kind: 5, created_at: at - 5, tags: [["a", `31990:${author}:x`]] })
      )
      assert.deepEqual(yield* client.query({ kinds: [31_990] }), [])
      assert.strictEqual((yield* client.publish(yield* announcement(at - 6)))[2], false)
      const newer = yield* announcement(at - 4)
      assert.strictEqual((yield* client.publish(newer))[2], true)
      assert.deepEqual(yield* client.query({ kinds: [31_990] }), [newer])
    })
  )
})

describe("NIP-40: expiration", () => {
  it.live("an event that has expired is refused; one that expires is served until then", () =>
    Effect.gen(function* () {
      const at = yield* UnixTime.now
      let ahead = 0
      const clock = yield* Clock.Clock
      const { client } = yield* start().pipe(
        Effect.provideService(
          Clock.Clock,
          Object.assign(Object.create(clock), {
            currentTimeMillisUnsafe: () => (at + ahead) * 1_000
          })
        )
      )
      const past = yield* event({ tags: [["expiration", String(at - 1)]] })
      assert.deepEqual((yield* client.publish(past)).slice(2), [
        false,
        "invalid: the event has expired"
      ])
      const soon = yield* event({ tags: [["expiration", String(at + 60)]] })
      assert.strictEqual((yield* client.publish(soon))[2], true)
      assert.deepEqual(yield* client.query({ kinds: [1] }), [soon])
      ahead = 60
      assert.deepEqual(yield* client.query({ kinds: [1] }), [])
      assert.deepEqual(yield* client.query({ ids: [soon.id] }), [])
    })
  )
})
