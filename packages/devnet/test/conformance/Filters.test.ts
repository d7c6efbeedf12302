import { assert, describe, it } from "@effect/vitest"
import type { NostrEvent } from "@farthing/protocol"
import { Effect } from "effect"
import { connect } from "../RawClient.ts"
import * as Library from "./Library.ts"
import { accepts, client, finds, inOrder, person, relay, salt } from "./UnderTest.ts"

const fieldNames = ["ids", "authors", "kinds", "#e", "#p", "#T", "since", "until"]

const stocked = Effect.gen(function* () {
  const reader = yield* client()
  const library = yield* Library.make
  yield* accepts(reader, ...library.events)
  const ours = new Set(library.events.map(({ id }) => id))
  const check = (fields: ReadonlyArray<Library.Field>) =>
    Effect.gen(function* () {
      const filter = Library.filterOf(fields)
      const found = yield* reader.query(filter)
      assert.deepEqual(
        found.map(({ id }) => id).filter((id) => ours.has(id)),
        inOrder(Library.wantedOf(library, fields)).map(({ id }) => id),
        JSON.stringify(filter)
      )
    })
  return { check, library, reader }
})

describe("NIP-01: filters over what is stored", () => {
  for (const name of fieldNames)
    it.live(`${name} alone`, () =>
      Effect.gen(function* () {
        const { check, library } = yield* stocked
        const fields = library.fields.filter((field) => field.name === name)
        const wanted = Library.wantedOf(library, fields).length
        assert.isTrue(wanted > 0 && wanted < library.events.length)
        yield* check(fields)
      })
    )

  it.live("every combination of fields: all of its conditions hold", () =>
    Effect.gen(function* () {
      const { check, library } = yield* stocked
      const combinations = Library.combinations(library.fields)
      assert.lengthOf(combinations, 256)
      assert.isNotEmpty(Library.wantedOf(library, library.fields))
      yield* Effect.forEach(combinations, check)
    })
  )

  it.live("several filters: what any of them wants, each event once", () =>
    Effect.gen(function* () {
      const { library, reader } = yield* stocked
      const [ids, authors, kinds, e] = library.fields
      if (!ids || !authors || !kinds || !e) return assert.fail()
      const groups = [[authors, kinds], [e, kinds], [ids]]
      const found = yield* reader.query(...groups.map(Library.filterOf))
      const wanted = library.events.filter((event) =>
        groups.some((fields) => fields.every(({ wants }) => wants(event)))
      )
      assert.sameMembers(
        found.map(({ id }) => id),
        wanted.map(({ id }) => id)
      )
      assert.lengthOf(found, wanted.length)
    })
  )
})

/** A filter made of one field of one event, and whether it selects that event. */
const exactness: ReadonlyArray<
  readonly [title: string, filter: (event: NostrEvent.NostrEvent) => object, isFound: boolean]
> = [
  ["its id", ({ id }) => ({ ids: [id] }), true],
  ["the beginning of its id", ({ id }) => ({ ids: [id.slice(0, 16)] }), false],
  ["its id in capitals", ({ id }) => ({ ids: [id.replace(/^.{8}/, "ABCDEF12")] }), false],
  ["its author", ({ pubkey }) => ({ authors: [pubkey] }), true],
  ["the beginning of its author", ({ pubkey }) => ({ authors: [pubkey.slice(0, 32)] }), false],
  ["its author in capitals", ({ pubkey }) => ({ authors: [pubkey.toUpperCase()] }), false],
  ["an author among others", ({ pubkey }) => ({ authors: [salt(), pubkey, salt()] }), true],
  ["a tag's value", ({ tags }) => ({ "#t": [tags[0]?.[1]] }), true],
  ["the beginning of a tag's value", ({ tags }) => ({ "#t": [tags[0]?.[1]?.slice(0, 8)] }), false],
  ["a tag's value in capitals", ({ tags }) => ({ "#t": [tags[0]?.[1]?.toUpperCase()] }), false],
  ["a tag's third item", ({ tags }) => ({ "#t": [tags[0]?.[2]] }), false],
  ["a letter of the other case", ({ tags }) => ({ "#T": [tags[0]?.[1]] }), false],
  ["an empty value of a tag", ({ pubkey }) => ({ "#x": [""], authors: [pubkey] }), true],
  ["a tag without a value", ({ pubkey }) => ({ "#y": [""], authors: [pubkey] }), false],
  ["its second as since", (event) => ({ since: event.created_at, authors: [event.pubkey] }), true],
  ["the next as since", (one) => ({ since: one.created_at + 1, authors: [one.pubkey] }), false],
  ["its second as until", (event) => ({ until: event.created_at, authors: [event.pubkey] }), true],
  ["the one before as until", (a) => ({ until: a.created_at - 1, authors: [a.pubkey] }), false],
  [
    "a window of its second alone",
    ({ created_at, pubkey }) => ({ since: created_at, until: created_at, authors: [pubkey] }),
    true
  ],
  [
    "a window that ends before it begins",
    ({ created_at, pubkey }) => ({ since: created_at, until: created_at - 1, authors: [pubkey] }),
    false
  ],
  ["no kinds at all", ({ pubkey }) => ({ kinds: [], authors: [pubkey] }), false],
  ["no ids at all", ({ pubkey }) => ({ ids: [], authors: [pubkey] }), false],
  ["no values of a tag at all", ({ pubkey }) => ({ "#t": [], authors: [pubkey] }), false],
  [
    "a field that nobody knows",
    ({ pubkey }) => ({ authors: [pubkey], "https://example/extension": 1 }),
    true
  ]
]

describe("NIP-01: a filter by", () => {
  for (const [title, filter, isFound] of exactness)
    it.live(`${title} finds ${isFound ? "the event" : "nothing"}`, () =>
      Effect.gen(function* () {
        const author = person()
        const url = yield* relay()
        const [reader, listener] = [yield* connect(url), yield* connect(url)]
        const value = `value${salt()}`
        const tags = [["t", value, `third${value}`], ["x", "", "z"], ["y"]]
        const one = yield* author.event({ tags })
        const end = yield* person().event()
        listener.send("REQ", "live", { ...filter(one), limit: 0 })
        listener.send("REQ", "end", { ids: [end.id], limit: 0 })
        assert.deepEqual(yield* listener.next, ["EOSE", "live"])
        assert.deepEqual(yield* listener.next, ["EOSE", "end"])
        yield* accepts(reader, one, end)
        yield* finds(reader, filter(one), isFound ? [one] : [])
        if (isFound) assert.deepEqual(yield* listener.next, ["EVENT", "live", one])
        assert.deepEqual(yield* listener.next, ["EVENT", "end", end])
      })
    )
})

const limits: ReadonlyArray<readonly [limit: number, found: number]> = [
  [0, 0],
  [1, 1],
  [2, 2],
  [9, 9],
  [10, 10],
  [11, 10],
  [10_000, 10]
]

describe("NIP-01: limit", () => {
  const ten = Effect.gen(function* () {
    const reader = yield* client()
    const author = person()
    const events: Array<NostrEvent.NostrEvent> = []
    // Two a second, so that the limit cuts through seconds too.
    for (let n = 0; n < 10; n++)
      events.push(
        yield* author.event({
          created_at: 1_300_000_000 + Math.floor(n / 2),
          kind: 7_000 + (n % 2)
        })
      )
    yield* accepts(reader, ...events)
    return { author, events: inOrder(events), reader }
  })

  for (const [limit, found] of limits)
    it.live(`${limit} of ten gives the newest ${found}`, () =>
      Effect.gen(function* () {
        const { author, events, reader } = yield* ten
        const newest = events.slice(0, found)
        yield* finds(reader, { authors: [author.pubkey], limit }, newest)
        yield* finds(reader, { authors: [author.pubkey], kinds: [7_000, 7_001], limit }, newest)
        yield* finds(reader, { ids: events.map(({ id }) => id), limit }, newest)
      })
    )

  it.live("counts for each filter by itself", () =>
    Effect.gen(function* () {
      const { author, events, reader } = yield* ten
      const found = yield* reader.query(
        { authors: [author.pubkey], kinds: [7_000], limit: 2 },
        { authors: [author.pubkey], kinds: [7_001], limit: 1 }
      )
      const newest = (kind: number, limit: number) =>
        events.filter((event) => event.kind === kind).slice(0, limit)
      assert.sameDeepMembers([...found], [...newest(7_000, 2), ...newest(7_001, 1)])
    })
  )

  it.live("does not hold for what comes later", () =>
    Effect.gen(function* () {
      const { author, reader } = yield* ten
      reader.send("REQ", "one", { authors: [author.pubkey], limit: 1 })
      const first = yield* reader.next
      assert.deepEqual([first[0], first[1]], ["EVENT", "one"])
      assert.deepEqual(yield* reader.next, ["EOSE", "one"])
      for (let n = 0; n < 3; n++) {
        const later = yield* author.event()
        reader.send("EVENT", later)
        const heard = [yield* reader.next, yield* reader.next]
        assert.sameDeepMembers(heard, [
          ["OK", later.id, true, ""],
          ["EVENT", "one", later]
        ])
      }
    })
  )
})
