import { assert, describe, it } from "@effect/vitest"
import { RelayServer } from "@farthing/devnet"
import type { NostrEvent } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Clock, Duration, Effect, Exit, References, Scope } from "effect"
import { DatabaseSync } from "node:sqlite"
import { connect } from "./RawClient.ts"
import { event, file, start } from "./TestRelay.ts"

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

describe("NIP-42: authentication", () => {
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
      yield* closed("invalid: there has to be a filter")
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
          Object.assign(Object.create(clock), { sleep: () => clock.sleep(Duration.millis(250)) })
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

  it.live("says so where an event could not be stored, and stores the next one", () =>
    Effect.gen(function* () {
      const filename = yield* file
      const { client } = yield* start({ store: { filename } })
      const [one, two] = [yield* event(), yield* event()]
      const intruder = yield* Effect.acquireRelease(
        Effect.sync(() => new DatabaseSync(filename)),
        (db) => Effect.sync(() => db.close())
      )
      intruder.exec("BEGIN IMMEDIATE")
      assert.deepEqual((yield* client.publish(one)).slice(2), [
        false,
        "error: the event could not be stored"
      ])
      intruder.exec("ROLLBACK")
      assert.strictEqual((yield* client.publish(two))[2], true)
      assert.deepEqual(yield* client.query({ kinds: [1] }), [two])
    }).pipe(Effect.provideService(References.MinimumLogLevel, "None"))
  )

  it.live("refuses a file that is of something else", () =>
    Effect.gen(function* () {
      const filename = yield* file
      const other = new DatabaseSync(filename)
      other.exec("CREATE TABLE event (id TEXT)")
      other.close()
      const error = yield* RelayServer.make({ store: { filename } }).pipe(Effect.flip)
      assert.strictEqual(error._tag, "StoreError")
      assert.include(error.message, "another version")
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
