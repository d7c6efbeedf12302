import { assert, describe, it } from "@effect/vitest"
import { Key, NostrEvent } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Effect } from "effect"
import type { RawClient } from "../RawClient.ts"
import { connect } from "../RawClient.ts"
import { accepts, client, finds, person, rareKind, refuses, relay, salt } from "./UnderTest.ts"

/** What an event may look like. */
const taken: ReadonlyArray<readonly [title: string, template: Partial<NostrEvent.Template>]> = [
  ["without content", { content: "" }],
  ["with every character that JSON escapes", { content: '\n"\\\r\t\b\f\u0000\u001f\u007f/' }],
  ["with letters of every width", { content: "ä€😀 \u2028\u2029 \ufeff" }],
  ["with JSON in it", { content: '["EVENT",{"id":"x"}]' }],
  ["with a tag without a value", { tags: [["t"]] }],
  ["with an empty tag", { tags: [[]] }],
  ["with tags of many items", { tags: [["t", ...Array.from({ length: 50 }, String)]] }],
  [
    "with the same tag twice",
    {
      tags: [
        ["t", "x"],
        ["t", "x"]
      ]
    }
  ],
  ["with 500 tags", { tags: Array.from({ length: 500 }, (_, n) => ["t", `${n}`]) }],
  ["of 60 kB", { content: "x".repeat(60_000) }],
  ["of the first second", { created_at: 0 }],
  ["of long ago", { created_at: 1 }],
  ["of the least kind of a regular event", { kind: 1 }],
  ["of the greatest kind", { kind: 65_535 }]
]

describe("NIP-01: an event is taken and given back as it was,", () => {
  for (const [title, template] of taken)
    it.live(title, () =>
      Effect.gen(function* () {
        const reader = yield* client()
        const one = yield* person().event(template)
        assert.deepEqual(yield* reader.publish(one), ["OK", one.id, true, ""])
        assert.deepEqual(yield* reader.query({ ids: [one.id] }), [one])
      })
    )
})

/** What is wrong with an event, where the rest of it is right. */
const broken: ReadonlyArray<
  readonly [title: string, change: (event: NostrEvent.NostrEvent) => object]
> = [
  ["the content of another", (event) => ({ ...event, content: `${event.content}.` })],
  ["the date of another", (event) => ({ ...event, created_at: event.created_at - 1 })],
  ["the kind of another", (event) => ({ ...event, kind: event.kind + 1 })],
  ["a tag too many", (event) => ({ ...event, tags: [["t", "x"]] })],
  ["an author who did not sign", (one) => ({ ...one, pubkey: person().pubkey })],
  ["an author that is no point of the curve", (one) => ({ ...one, pubkey: "f".repeat(64) })],
  ["a signature of nothing", (event) => ({ ...event, sig: "0".repeat(128) })],
  ["a signature with one digit changed", (event) => ({ ...event, sig: turned(event.sig) })],
  ["an id with one digit changed", (event) => ({ ...event, id: turned(event.id) })],
  ["an id in capitals", (event) => ({ ...event, id: event.id.toUpperCase() })],
  ["a signature in capitals", (event) => ({ ...event, sig: event.sig.toUpperCase() })],
  ["a short id", (event) => ({ ...event, id: event.id.slice(2) })],
  ["a short signature", (event) => ({ ...event, sig: event.sig.slice(2) })],
  ["no signature", (event) => without(event, "sig")],
  ["no tags", (event) => without(event, "tags")],
  ["no content", (event) => without(event, "content")],
  ["no author", (event) => without(event, "pubkey")],
  ["content that is no text", (event) => ({ ...event, content: 1 })],
  ["tags that are no lists", (event) => ({ ...event, tags: ["t"] })],
  ["a tag with a number", (event) => ({ ...event, tags: [["t", 1]] })],
  ["a tag with null", (event) => ({ ...event, tags: [["t", null]] })],
  ["a kind as text", (event) => ({ ...event, kind: `${event.kind}` })],
  ["a date as text", (event) => ({ ...event, created_at: `${event.created_at}` })],
  ["half a second", (event) => resigned({ ...event, created_at: 1_000.5 })],
  ["a date before there were dates", (event) => resigned({ ...event, created_at: -1 })],
  ["a kind below all", (event) => resigned({ ...event, kind: -1 })],
  ["a kind beyond all", (event) => resigned({ ...event, kind: 65_536 })],
  ["half a kind", (event) => resigned({ ...event, kind: 1.5 })],
  ["a date that is no safe number", (one) => resigned({ ...one, created_at: 2 ** 60 })],
  ["a date far ahead", (event) => resigned({ ...event, created_at: 4_000_000_000 })]
]

const without = (event: object, field: string): object =>
  Object.fromEntries(Object.entries(event).filter(([name]) => name !== field))

const turned = (hex: string): string => hex.replace(/^./, (digit) => (digit === "a" ? "b" : "a"))

/** With an id and a signature of its own, whatever stands in it. */
const resigned = (template: NostrEvent.Template): object =>
  NostrEvent.sign(
    {
      kind: template.kind,
      created_at: template.created_at,
      tags: template.tags,
      content: template.content
    },
    Key.generate()
  )

/** Refused by `OK`, or by `NOTICE` where there is no id to name. */
const isRefused = (reader: RawClient, event: object) =>
  Effect.gen(function* () {
    reader.send("EVENT", event)
    const answer = yield* reader.next
    if (answer[0] === "NOTICE") return
    assert.strictEqual(answer[0], "OK")
    assert.isFalse(answer[2])
    assert.match(String(answer[3]), /^invalid: ./)
  })

describe("NIP-01: an event is refused that has", () => {
  for (const [title, change] of broken)
    it.live(title, () =>
      Effect.gen(function* () {
        const reader = yield* client()
        const good = yield* person().event()
        yield* isRefused(reader, change(good))
        yield* finds(reader, { ids: [good.id] }, [])
        yield* accepts(reader, good)
      })
    )
})

describe("NIP-01: a copy", () => {
  it.live("is a duplicate, stored once and sent to nobody again", () =>
    Effect.gen(function* () {
      const url = yield* relay()
      const [reader, watcher] = [yield* connect(url), yield* connect(url)]
      const author = person()
      const [one, two] = [yield* author.event(), yield* author.event()]
      watcher.send("REQ", "w", { authors: [author.pubkey], limit: 0 })
      yield* watcher.next
      yield* accepts(reader, one)
      const [, , accepted, reason] = yield* reader.publish(one)
      assert.isTrue(accepted)
      assert.match(String(reason), /^duplicate: /)
      yield* accepts(reader, two)
      assert.deepEqual(yield* watcher.next, ["EVENT", "w", one])
      assert.deepEqual(yield* watcher.next, ["EVENT", "w", two])
      yield* finds(reader, { ids: [one.id] }, [one])
    })
  )

  it.live("with another signature or other content is no copy", () =>
    Effect.gen(function* () {
      const reader = yield* client()
      const one = yield* person().event()
      yield* accepts(reader, one)
      yield* refuses(reader, { ...one, content: "other" }, "invalid")
      yield* refuses(reader, { ...one, sig: NostrEvent.Signature.make("1".repeat(128)) }, "invalid")
      assert.deepEqual(yield* reader.query({ ids: [one.id] }), [one])
    })
  )

  it.live("with more fields than an event has is the event, without them", () =>
    Effect.gen(function* () {
      const reader = yield* client()
      const one = yield* person().event()
      yield* accepts(reader, Object.assign({}, one, { seen: ["here"], ots: "x" }))
      assert.deepEqual(yield* reader.query({ ids: [one.id] }), [one])
    })
  )
})

describe("NIP-01: tags", () => {
  for (const name of ["a", "z", "A", "Z"])
    it.live(`of the letter ${name} can be asked for`, () =>
      Effect.gen(function* () {
        const reader = yield* client()
        const value = salt()
        const one = yield* person().event({
          tags: [
            ["other", value],
            [name, value]
          ]
        })
        yield* accepts(reader, one)
        yield* finds(reader, { [`#${name}`]: [value] }, [one])
      })
    )

  it.live("of more than a letter cannot: nothing is found, or it is refused", () =>
    Effect.gen(function* () {
      const reader = yield* client()
      const value = salt()
      yield* accepts(reader, yield* person().event({ tags: [["word", value]] }))
      reader.send("REQ", "w", { "#word": [value] })
      assert.include(["EOSE", "CLOSED"], (yield* reader.next)[0])
    })
  )
})

describe("NIP-01: an ephemeral event", () => {
  for (const kind of [20_000, 24_133, 29_999])
    it.live(`of kind ${kind} reaches who listens, and is not kept`, () =>
      Effect.gen(function* () {
        const url = yield* relay()
        const [reader, watcher] = [yield* connect(url), yield* connect(url)]
        const author = person()
        const one = yield* author.event({ kind })
        watcher.send("REQ", "w", { kinds: [kind], authors: [author.pubkey] })
        yield* watcher.next
        yield* accepts(reader, one)
        assert.deepEqual(yield* watcher.next, ["EVENT", "w", one])
        yield* finds(reader, { authors: [author.pubkey] }, [])
      })
    )

  for (const kind of [9_999, 40_000, 65_535])
    it.live(`is none of kind ${kind}: it is kept`, () =>
      Effect.gen(function* () {
        const reader = yield* client()
        const author = person()
        const [one, two] = [yield* author.event({ kind }), yield* author.event({ kind })]
        yield* accepts(reader, one, two)
        assert.lengthOf(yield* reader.query({ authors: [author.pubkey], kinds: [kind] }), 2)
      })
    )
})

describe("NIP-40: expiration", () => {
  const expirations: ReadonlyArray<
    readonly [title: string, tag: (now: number) => ReadonlyArray<string>, isTaken: boolean]
  > = [
    ["in a day", (now) => ["expiration", `${now + 86_400}`], true],
    ["a minute ago", (now) => ["expiration", `${now - 60}`], false],
    ["in the first second", () => ["expiration", "0"], false],
    ["never, because it names no time", () => ["expiration", "soon"], true],
    ["never, because it names nothing", () => ["expiration"], true]
  ]
  for (const [title, tag, isTaken] of expirations)
    it.live(`an event that expires ${title} is ${isTaken ? "taken" : "refused"}`, () =>
      Effect.gen(function* () {
        const reader = yield* client()
        const one = yield* person().event({ tags: [[...tag(yield* UnixTime.now)]] })
        if (isTaken) yield* accepts(reader, one)
        else yield* refuses(reader, one)
        yield* finds(reader, { ids: [one.id] }, isTaken ? [one] : [])
      })
    )
})

describe("NIP-45: counting", () => {
  it.live("counts what any filter wants, once, whatever its limit", () =>
    Effect.gen(function* () {
      const reader = yield* client()
      const author = person()
      const events = yield* Effect.forEach([0, 1, 2, 3, 4], (n) =>
        author.event({ kind: rareKind + (n % 2), tags: [["t", `${n}`]] })
      )
      yield* accepts(reader, ...events)
      const counts = [
        [5, { authors: [author.pubkey] }],
        [5, { authors: [author.pubkey], limit: 2 }],
        [2, { authors: [author.pubkey], kinds: [rareKind + 1] }],
        [
          4,
          { authors: [author.pubkey], kinds: [rareKind] },
          { ids: events.slice(0, 2).map(({ id }) => id) }
        ],
        [0, { authors: [person().pubkey] }]
      ] as const
      for (const [count, ...filters] of counts) {
        reader.send("COUNT", "c", ...filters)
        assert.deepEqual(yield* reader.next, ["COUNT", "c", { count }])
      }
    })
  )
})
