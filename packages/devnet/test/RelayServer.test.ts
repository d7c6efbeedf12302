import { assert, describe, it } from "@effect/vitest"
import { RelayServer } from "@farthing/devnet"
import { Key, NostrEvent } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Clock, Duration, Effect, Exit, Scope } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { connect } from "./RawClient.ts"

const alice = Key.generate()
const bob = Key.generate()

let salt = 0
const event = (template: Partial<NostrEvent.Template> = {}, key: Key.SecretKey = alice) =>
  Effect.map(UnixTime.now, (created_at) =>
    NostrEvent.sign({ kind: 1, created_at, tags: [], content: `event ${salt++}`, ...template }, key)
  )

const start = (options?: RelayServer.Options) =>
  Effect.gen(function* () {
    const { url } = yield* RelayServer.make(options)
    return { url, client: yield* connect(url) }
  })

const ids = (events: ReadonlyArray<NostrEvent.NostrEvent>) => events.map(({ id }) => id)

const byNewest = (a: NostrEvent.NostrEvent, b: NostrEvent.NostrEvent) =>
  b.created_at - a.created_at || (a.id < b.id ? -1 : 1)

const has = (name: string, value: string) => (one: NostrEvent.NostrEvent) =>
  NostrEvent.tagValue(one, name) === value

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
      const version = (created_at: number) =>
        event({ kind: 10_002, created_at, tags: [["r", "x"]] })
      const [older, middle, newer] = [
        yield* version(at - 2),
        yield* version(at - 1),
        yield* version(at)
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
      const version = (d: string, created_at: number, key = alice) =>
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
      const [old, a, b, c] = [
        yield* version("a", at - 1),
        yield* version("a", at),
        yield* version("b", at),
        yield* version("a", at, bob)
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
      const channel = (e: string) => event({ kind: 42, tags: [["e", e]] })
      watcher.send("REQ", "s", { kinds: [42], "#e": ["a"] })
      yield* watcher.next
      const first = yield* channel("a")
      yield* client.publish(first)
      assert.deepEqual(yield* watcher.next, ["EVENT", "s", first])
      watcher.send("REQ", "s", { kinds: [42], "#e": ["b"], limit: 0 })
      assert.deepEqual(yield* watcher.next, ["EOSE", "s"])
      yield* client.publish(yield* channel("a"))
      const second = yield* channel("b")
      yield* client.publish(second)
      assert.deepEqual(yield* watcher.next, ["EVENT", "s", second])
      watcher.send("CLOSE", "s")
      assert.deepEqual(yield* watcher.query({ limit: 0 }), [])
      yield* client.publish(yield* channel("b"))
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
      const version = (created_at: number) =>
        event({ kind: 31_990, created_at, tags: [["d", "x"]] })
      const old = yield* version(at - 10)
      yield* client.publish(old)
      yield* client.publish(
        yield* event({ kind: 5, created_at: at - 5, tags: [["a", `31990:${author}:x`]] })
      )
      assert.deepEqual(yield* client.query({ kinds: [31_990] }), [])
      assert.strictEqual((yield* client.publish(yield* version(at - 6)))[2], false)
      const newer = yield* version(at - 4)
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

describe("NIP-11: the information document", () => {
  it.live("is served with its limits, for every origin", () =>
    Effect.gen(function* () {
      const { url } = yield* start({ name: "test relay", limits: { maxLimit: 7 } })
      const address = url.replace("ws:", "http:")
      const response = yield* Effect.promise(() =>
        fetch(address, { headers: { accept: "application/nostr+json" } })
      )
      assert.strictEqual(response.headers.get("access-control-allow-origin"), "*")
      assert.strictEqual(response.headers.get("content-type"), "application/nostr+json")
      const document: any = yield* Effect.promise(() => response.json())
      assert.strictEqual(document.name, "test relay")
      assert.includeMembers(document.supported_nips, [1, 9, 11, 40, 42])
      assert.include(document.limitation, {
        max_limit: 7,
        max_message_length: 131_072,
        auth_required: false
      })
      const preflight = yield* Effect.promise(() => fetch(address, { method: "OPTIONS" }))
      assert.strictEqual(preflight.headers.get("access-control-allow-headers"), "*")
      const page = yield* Effect.promise(() => fetch(address))
      assert.strictEqual(page.headers.get("content-type"), "text/plain; charset=utf-8")
    })
  )
})

describe("NIP-42: authentication", () => {
  const proof = (challenge: unknown, relay: string, template: Partial<NostrEvent.Template> = {}) =>
    event({
      kind: 22_242,
      tags: [
        ["relay", relay],
        ["challenge", String(challenge)]
      ],
      content: "",
      ...template
    })

  it.live("required: strangers may neither publish nor ask, and are told to authenticate", () =>
    Effect.gen(function* () {
      const { client } = yield* start({ auth: "required" })
      const [type, challenge] = yield* client.next
      assert.strictEqual(type, "AUTH")
      const one = yield* event()
      client.send("EVENT", one)
      assert.deepEqual(yield* client.next, ["AUTH", challenge])
      assert.deepEqual(yield* client.next, ["OK", one.id, false, "auth-required: say who you are"])
      client.send("REQ", "s", {})
      assert.deepEqual(yield* client.next, ["AUTH", challenge])
      assert.deepEqual(yield* client.next, ["CLOSED", "s", "auth-required: say who you are"])
    })
  )

  it.live("required: who proves its key may do both", () =>
    Effect.gen(function* () {
      const { client, url } = yield* start({ auth: "required" })
      const [, challenge] = yield* client.next
      const auth = yield* proof(challenge, url)
      client.send("AUTH", auth)
      assert.deepEqual(yield* client.next, ["OK", auth.id, true, ""])
      const one = yield* event()
      assert.strictEqual((yield* client.publish(one))[2], true)
      assert.deepEqual(yield* client.query({}), [one])
    })
  )

  it.live("another's challenge, another relay, an old date and another kind prove nothing", () =>
    Effect.gen(function* () {
      const { client, url } = yield* start({ auth: "offered" })
      const [, challenge] = yield* client.next
      const other = yield* connect(url)
      const [, stranger] = yield* other.next
      assert.notStrictEqual(stranger, challenge)
      const attempts = [
        [yield* proof(stranger, url), "invalid: not the challenge of this connection"],
        [yield* proof(challenge, "ws://relay.example:1/"), "invalid: made for another relay"],
        [yield* proof(challenge, "nonsense"), "invalid: made for another relay"],
        [
          yield* proof(challenge, url, { created_at: (yield* UnixTime.now) - 700 }),
          "invalid: created_at is not now"
        ],
        [yield* proof(challenge, url, { kind: 1 }), "invalid: AUTH takes an event of kind 22242"],
        [{ ...(yield* proof(challenge, url)), content: "x" }, "invalid: bad id or signature"]
      ] as const
      for (const [auth, refusal] of attempts) {
        client.send("AUTH", auth)
        assert.deepEqual(yield* client.next, ["OK", auth.id, false, refusal])
      }
    })
  )

  it.live("an AUTH event is never taken as an event", () =>
    Effect.gen(function* () {
      const { client, url } = yield* start()
      const auth = yield* proof("x", url)
      assert.strictEqual((yield* client.publish(auth))[2], false)
    })
  )
})

describe("what is malformed", () => {
  it.live("is answered with NOTICE or CLOSED, and the connection goes on", () =>
    Effect.gen(function* () {
      const { client } = yield* start({ limits: { maxFilters: 2, maxSubscriptions: 1 } })
      for (const text of [
        "{",
        "[]",
        '"x"',
        "[null]",
        '["WHAT"]',
        '["EVENT"]',
        '["EVENT",{}]',
        '["REQ"]'
      ]) {
        client.socket.send(text)
        assert.strictEqual((yield* client.next)[0], "NOTICE", text)
      }
      client.send("REQ", "x".repeat(65), {})
      assert.strictEqual((yield* client.next)[0], "NOTICE")
      client.send("CLOSE", "never opened")
      client.socket.send(Buffer.from([1, 2, 3]))
      assert.deepEqual(yield* client.next, ["NOTICE", "invalid: text frames only"])
      const closed = (reason: string, ...filters: ReadonlyArray<unknown>) =>
        Effect.gen(function* () {
          client.send("REQ", "s", ...filters)
          assert.deepEqual(yield* client.next, ["CLOSED", "s", reason])
        })
      yield* closed("invalid: a REQ has at least one filter")
      yield* closed("invalid: more than 2 filters", {}, {}, {})
      yield* closed("invalid: not a filter", { kinds: "1" })
      yield* closed("unsupported: only tags of a single letter can be asked for", {
        "#long": ["x"]
      })
      client.send("REQ", "first", {})
      assert.deepEqual(yield* client.next, ["EOSE", "first"])
      yield* closed("error: more than 1 subscriptions", {})
      client.send("REQ", "first", {})
      assert.deepEqual(yield* client.next, ["EOSE", "first"])
    })
  )

  it.live("a message over the limit is refused, one far over it ends the connection", () =>
    Effect.gen(function* () {
      const { client, url } = yield* start({ limits: { maxMessageLength: 2_000 } })
      const large = yield* event({ content: "x".repeat(2_000) })
      assert.deepEqual(yield* client.publish(large), [
        "OK",
        large.id,
        false,
        "invalid: larger than 2000 bytes"
      ])
      client.socket.send("x".repeat(10_000))
      assert.strictEqual(yield* client.closed, 1009)
      const next = yield* connect(url)
      assert.deepEqual(yield* next.query({}), [])
    })
  )

  it.live("broken frames end their connection and no other", () =>
    Effect.gen(function* () {
      const { client, url } = yield* start()
      const vandal = yield* connect(url)
      const { _socket } = vandal.socket as unknown as { _socket: { write: (data: Buffer) => void } }
      _socket.write(Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff]))
      yield* vandal.closed
      assert.deepEqual(yield* client.query({}), [])
    })
  )

  it.live("too many tags and too long a content are refused", () =>
    Effect.gen(function* () {
      const { client } = yield* start({ limits: { maxEventTags: 2, maxContentLength: 10 } })
      const tags = yield* event({ tags: [["a"], ["b"], ["c"]], content: "" })
      assert.deepEqual((yield* client.publish(tags)).slice(2), [false, "invalid: more than 2 tags"])
      const long = yield* event({ content: "x".repeat(11) })
      assert.strictEqual(
        (yield* client.publish(long))[3],
        "invalid: content longer than 10 characters"
      )
    })
  )
})

describe("limits", () => {
  it.live("who publishes too fast is told to slow down", () =>
    Effect.gen(function* () {
      const { client } = yield* start({ limits: { eventsPerSecond: 2 } })
      const answers: Array<unknown> = []
      const events = [yield* event(), yield* event(), yield* event(), yield* event()]
      for (const one of events) client.send("EVENT", one)
      for (const _ of events) answers.push((yield* client.next)[3])
      assert.sameMembers(answers, ["", "", "rate-limited: slow down", "rate-limited: slow down"])
    })
  )

  it.live("a client that does not read is cut off, and the others go on", () =>
    Effect.gen(function* () {
      const { client, url } = yield* start({ limits: { maxBacklog: 100_000 } })
      const deaf = yield* connect(url)
      deaf.send("REQ", "all", { kinds: [1] })
      yield* deaf.next
      deaf.socket.pause()
      const content = "x".repeat(60_000)
      for (let n = 0; n < 200; n++)
        yield* client.publish(yield* event({ content, tags: [["n", `${n}`]] }))
      deaf.socket.resume()
      assert.strictEqual(yield* deaf.closed, 1006)
      assert.lengthOf(yield* client.query({ kinds: [1], limit: 1 }), 1)
    })
  )

  it.live("a connection that sends faster than it is served waits, and loses nothing", () =>
    Effect.gen(function* () {
      const { client } = yield* start({ limits: { maxPending: 4 } })
      const events = yield* Effect.forEach(Array.from({ length: 100 }), () => event())
      for (const one of events) client.send("EVENT", one)
      for (const one of events) assert.deepEqual(yield* client.next, ["OK", one.id, true, ""])
      assert.lengthOf(yield* client.query({ limit: 200 }), 100)
    })
  )

  it.live("a client that is gone without a word is let go, one that lives is kept", () =>
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const { client, url } = yield* start().pipe(
        Effect.provideService(
          Clock.Clock,
          Object.assign(Object.create(clock), { sleep: () => clock.sleep(Duration.millis(50)) })
        )
      )
      const gone = yield* connect(url, { autoPong: false })
      assert.strictEqual(yield* gone.closed, 1006)
      assert.deepEqual(yield* client.query({}), [])
    })
  )

  it.live("more connections than allowed are turned away", () =>
    Effect.gen(function* () {
      const { url } = yield* start({ limits: { maxConnections: 1 } })
      const second = yield* connect(url)
      assert.strictEqual(yield* second.closed, 1013)
    })
  )
})

describe("the server", () => {
  const file = Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "relay-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true }))
  ).pipe(Effect.map((path) => join(path, "relay.db")))

  it.live("keeps its events over a restart, and what was deleted stays deleted", () =>
    Effect.gen(function* () {
      const store = { filename: yield* file }
      const [kept, gone] = [yield* event(), yield* event()]
      const deletion = yield* event({ kind: 5, tags: [["e", gone.id]] })
      yield* Effect.scoped(
        Effect.gen(function* () {
          const { client } = yield* start({ store })
          for (const one of [kept, gone, deletion]) yield* client.publish(one)
        })
      )
      const { client } = yield* start({ store })
      assert.deepEqual(yield* client.query({ kinds: [1] }), [kept])
      assert.strictEqual((yield* client.publish(gone))[2], false)
    })
  )

  it.live("ends every connection and frees its port when its scope closes", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const server = yield* RelayServer.make().pipe(Scope.provide(scope))
      const client = yield* connect(server.url)
      yield* client.query({})
      yield* Scope.close(scope, Exit.void)
      assert.include([1001, 1006], yield* client.closed)
      const again = yield* RelayServer.make({ port: server.port })
      assert.strictEqual(again.url, server.url)
    })
  )

  it.live("says so when the port is taken", () =>
    Effect.gen(function* () {
      const { port } = yield* RelayServer.make()
      const error = yield* RelayServer.make({ port }).pipe(Effect.flip)
      assert.strictEqual(error._tag, "ListenError")
      assert.include(error.message, "EADDRINUSE")
    })
  )
})
