import { assert, describe, it } from "@effect/vitest"
import { Key, NostrEvent } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Effect } from "effect"
import { connect } from "./RawClient.ts"
import { alice, bob, byNewest, event, has, ids, start } from "./TestRelay.ts"

const messageIn = (e: string) => event({ kind: 42, tags: [["e", e]] })

describe("NIP-01: asking", () => {
  const library = Effect.gen(function* () {
    const { client } = yield* start()
    const at = yield* UnixTime.now
    const events: Array<NostrEvent.NostrEvent> = []
    for (let n = 0; n < 24; n++) {
      const tags = [
        ["e", `e${n % 3}`],
        ["p", `p${n % 4}`],
        ["t", "all"]
      ]
      const template = { kind: n % 2 === 0 ? 1 : 42, created_at: at - Math.floor(n / 2), tags }
      events.push(yield* event(template, n % 3 === 0 ? alice : bob))
    }
    for (const one of events) yield* client.publish(one)
    const check = (
      wanted: (event: NostrEvent.NostrEvent) => boolean,
      ...filters: ReadonlyArray<object>
    ) =>
      Effect.gen(function* () {
        const expected = ids(events.filter(wanted).toSorted(byNewest))
        assert.isNotEmpty(expected)
        assert.deepEqual(ids(yield* client.query(...filters)), expected)
      })
    return { at, check, client, events: events.toSorted(byNewest) }
  })
  const [alicePublic, bobPublic] = [Key.publicKeyOf(alice), Key.publicKeyOf(bob)]
  it.live("every field selects, newest first, then the lower id", () =>
    Effect.gen(function* () {
      const { at, check, events } = yield* library
      const some = ids(events.slice(3, 8))
      yield* check(() => true, {})
      yield* check(({ id }) => some.includes(id), { ids: some })
      yield* check(({ pubkey }) => pubkey === alicePublic, { authors: [alicePublic] })
      yield* check(({ kind }) => kind === 42, { kinds: [42] })
      yield* check(() => true, { kinds: [1, 42, 7] })
      yield* check(has("e", "e1"), { "#e": ["e1"] })
      yield* check(({ created_at }) => created_at >= at - 3, { since: at - 3 })
      yield* check(({ created_at }) => created_at <= at - 3, { until: at - 3 })
    })
  )

  it.live("fields are joined by and, values and filters by or, each event once", () =>
    Effect.gen(function* () {
      const { at, check } = yield* library
      yield* check(
        (one) =>
          one.kind === 42 && one.pubkey === bobPublic && has("e", "e1")(one) && has("p", "p3")(one),
        { kinds: [42], authors: [bobPublic], "#e": ["e1"], "#p": ["p3"] }
      )
      yield* check(
        (one) => one.kind === 1 && one.pubkey === alicePublic && one.created_at >= at - 6,
        {
          authors: [alicePublic],
          kinds: [1],
          since: at - 6,
          until: at
        }
      )
      yield* check((one) => has("p", "p1")(one) || has("p", "p2")(one), {
        "#p": ["p1", "p2", "p1"]
      })
      yield* check(
        (one) => one.kind === 42 || has("t", "all")(one),
        { kinds: [42] },
        { "#t": ["all"] },
        { "#t": ["none"] }
      )
    })
  )

  it.live("limit counts the newest of each filter, and 0 means none stored", () =>
    Effect.gen(function* () {
      const { client, events } = yield* library
      const newest = (n: number, wanted: (event: NostrEvent.NostrEvent) => boolean) =>
        ids(events.filter(wanted).slice(0, n))
      assert.deepEqual(
        ids(yield* client.query({ limit: 5 })),
        newest(5, () => true)
      )
      const kinds = ids(yield* client.query({ kinds: [1, 42], limit: 5 }))
      assert.deepEqual(
        kinds,
        newest(5, () => true)
      )
      assert.deepEqual(yield* client.query({ limit: 0 }), [])
      const both = ids(yield* client.query({ kinds: [1], limit: 2 }, { kinds: [42], limit: 1 }))
      const expected = [
        ...newest(2, ({ kind }) => kind === 1),
        ...newest(1, ({ kind }) => kind === 42)
      ]
      assert.sameMembers(both, expected)
    })
  )

  it.live("an empty list of values selects nothing, an unknown value neither", () =>
    Effect.gen(function* () {
      const { client } = yield* library
      for (const filter of [
        { ids: [] },
        { kinds: [] },
        { "#e": [] },
        { kinds: [9] },
        { "#e": ["none"] }
      ])
        assert.deepEqual(yield* client.query(filter), [])
    })
  )

  it.live("very many values are no obstacle", () =>
    Effect.gen(function* () {
      const { check } = yield* library
      const strangers = Array.from({ length: 400 }, (_, n) => n.toString(16).padStart(64, "0"))
      yield* check(({ pubkey }) => pubkey === bobPublic, { authors: [...strangers, bobPublic] })
      yield* check(has("e", "e2"), { "#e": [...strangers, "e2"], kinds: [1, 42] })
    })
  )

  it.live("no filter gets more than max_limit", () =>
    Effect.gen(function* () {
      const { client } = yield* start({ limits: { maxLimit: 3, defaultLimit: 2 } })
      for (let n = 0; n < 5; n++) yield* client.publish(yield* event())
      assert.lengthOf(yield* client.query({ limit: 100 }), 3)
      assert.lengthOf(yield* client.query({}), 2)
    })
  )

  it.live("a subscription goes on after EOSE until CLOSE, and a second REQ replaces it", () =>
    Effect.gen(function* () {
      const { client, url } = yield* start()
      const watcher = yield* connect(url)
      watcher.send("REQ", "s", { kinds: [42], "#e": ["a"] })
      yield* watcher.next
      const first = yield* messageIn("a")
      yield* client.publish(first)
      assert.deepEqual(yield* watcher.next, ["EVENT", "s", first])
      watcher.send("REQ", "s", { kinds: [42], "#e": ["b"], limit: 0 })
      assert.deepEqual(yield* watcher.next, ["EOSE", "s"])
      yield* client.publish(yield* messageIn("a"))
      const second = yield* messageIn("b")
      yield* client.publish(second)
      assert.deepEqual(yield* watcher.next, ["EVENT", "s", second])
      watcher.send("CLOSE", "s")
      assert.deepEqual(yield* watcher.query({ limit: 0 }), [])
      yield* client.publish(yield* messageIn("b"))
      assert.deepEqual(yield* watcher.query({ limit: 0 }), [])
    })
  )

  it.live(
    "a live event comes once to a subscription that wants it twice, and to each that wants it",
    () =>
      Effect.gen(function* () {
        const { client } = yield* start()
        const author = Key.publicKeyOf(alice)
        client.send("REQ", "twice", { kinds: [1] }, { authors: [author] }, { "#t": ["x", "y"] })
        client.send("REQ", "also", { "#t": ["y"], kinds: [1] })
        client.send("REQ", "not", { "#t": ["y"], kinds: [2] })
        const heard = [yield* client.next, yield* client.next, yield* client.next]
        assert.deepEqual(
          heard.map(([type]) => type),
          ["EOSE", "EOSE", "EOSE"]
        )
        const one = yield* event({
          tags: [
            ["t", "x"],
            ["t", "y"]
          ]
        })
        client.send("EVENT", one)
        client.send("REQ", "end", { limit: 0 })
        const live = [
          yield* client.next,
          yield* client.next,
          yield* client.next,
          yield* client.next
        ]
        assert.sameDeepMembers(live, [
          ["OK", one.id, true, ""],
          ["EVENT", "twice", one],
          ["EVENT", "also", one],
          ["EOSE", "end"]
        ])
      })
  )
})
