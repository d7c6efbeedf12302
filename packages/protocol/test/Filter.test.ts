import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Result, Schema } from "effect"
import * as NostrTools from "nostr-tools/filter"
import { Filter, NostrEvent } from "../src/index.ts"

// Few values, so that filters and events meet.
const ids = ["a", "b", "c"].map((digit) => digit.repeat(64))
const hex = Schema.Literals(ids)
const short = Schema.Literals(["x", "y", ""])
const small = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 4 }))

/** Above zero, which nostr-tools takes for missing. */
const time = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 4 }))

const events = Schema.Struct({
  id: hex,
  pubkey: hex,
  created_at: time,
  kind: small,
  tags: Schema.Array(
    Schema.Array(Schema.Literals(["p", "e", "x", "y", ""])).check(Schema.isMaxLength(3))
  ).check(Schema.isMaxLength(3)),
  content: Schema.String,
  sig: Schema.Literal("0".repeat(128))
})

const event = Arbitrary.map(Arbitrary.schema(events), (event) => event as NostrEvent.NostrEvent)

const filter = Schema.Struct({
  ids: Schema.optionalKey(Schema.Array(hex)),
  authors: Schema.optionalKey(Schema.Array(hex)),
  kinds: Schema.optionalKey(Schema.Array(small)),
  since: Schema.optionalKey(time),
  until: Schema.optionalKey(time),
  limit: Schema.optionalKey(small),
  "#p": Schema.optionalKey(Schema.Array(short)),
  "#e": Schema.optionalKey(Schema.Array(short))
})

type Theirs = Parameters<typeof NostrTools.matchFilter>[0]
const theirs = (filter: Filter.Filter): Theirs => JSON.parse(JSON.stringify(filter))
const theirEvent = (event: NostrEvent.NostrEvent) => ({
  ...event,
  tags: event.tags.map((tag) => [...tag])
})

describe("A filter", () => {
  it.prop(
    "matches what nostr-tools says it matches",
    [filter, event],
    ([filter, event]) => {
      assert.strictEqual(
        Filter.matches(filter, event),
        NostrTools.matchFilter(theirs(filter), theirEvent(event))
      )
    },
    { arbitrary: { runs: 1000 } }
  )

  it.prop(
    "of several, one is enough",
    [Schema.Array(filter), event],
    ([filters, event]) => {
      assert.strictEqual(
        Filter.anyMatches(filters, event),
        NostrTools.matchFilters(filters.map(theirs), theirEvent(event))
      )
    },
    { arbitrary: { runs: 200 } }
  )

  const sample = {
    id: ids[0],
    pubkey: ids[1],
    created_at: 100,
    kind: 42,
    tags: [["e", "channel", "wss://relay", "root"], ["p", "me"], ["t"]],
    content: "",
    sig: ""
  } as unknown as NostrEvent.NostrEvent

  it("holds an event to every condition", () => {
    const conditions: ReadonlyArray<readonly [Filter.Filter, Filter.Filter]> = [
      [{ ids: [ids[0]!] }, { ids: [ids[1]!] }],
      [{ authors: [ids[1]!] }, { authors: [ids[0]!] }],
      [{ kinds: [1, 42] }, { kinds: [1] }],
      [{ since: 100 }, { since: 101 }],
      [{ until: 100 }, { until: 99 }],
      [{ "#e": ["channel"] }, { "#e": ["wss://relay"] }],
      [{ "#p": ["you", "me"] }, { "#p": ["you"] }],
      [{}, { ids: [] }],
      [{ limit: 0 }, { "#p": [] }],
      [{}, { "#t": [""] }]
    ]
    for (const [yes, no] of conditions) {
      assert.isTrue(Filter.matches(yes, sample), JSON.stringify(yes))
      assert.isFalse(Filter.matches(no, sample), JSON.stringify(no))
      assert.isFalse(Filter.matches({ ...yes, ...no }, sample))
    }
    assert.isFalse(Filter.matches({ until: 0 }, sample))
    assert.isTrue(Filter.matches(Object.assign({}, ...conditions.map(([yes]) => yes)), sample))
    assert.isFalse(Filter.anyMatches([], sample))
  })

  it("matches no prefixes", () => {
    assert.isFalse(Filter.matches({ ids: ["aaaa"] }, sample))
  })
})

describe("A filter from a client", () => {
  it.prop("is read as it is", [filter], ([filter]) => {
    assert.deepStrictEqual(Result.getOrThrow(Filter.decode(theirs(filter))), filter)
  })

  it("loses the fields of other NIPs and nothing else", () => {
    assert.deepStrictEqual(
      Result.getOrThrow(Filter.decode({ kinds: [1], search: "x", "#x": ["1"], "#long": ["2"] })),
      { kinds: [1], "#x": ["1"], "#long": ["2"] }
    )
  })

  it("is refused if a type is wrong", () => {
    for (const wrong of [
      null,
      undefined,
      1,
      "{}",
      { ids: "a" },
      { ids: [1] },
      { authors: {} },
      { authors: [null] },
      { kinds: 1 },
      { kinds: ["1"] },
      { kinds: [1.5] },
      { since: "1" },
      { since: -1 },
      { until: 1.5 },
      { until: null },
      { limit: -1 },
      { limit: Number.NaN },
      { limit: 2 ** 53 },
      { "#p": "a" },
      { "#p": [1] },
      { "#e": null }
    ])
      assert.isTrue(Result.isFailure(Filter.decode(wrong)), JSON.stringify(wrong))
  })
})
