import { assert, describe, it } from "@effect/vitest"
import type { NostrEvent } from "@farthing/protocol"
import { Effect } from "effect"
import type { RawClient } from "../RawClient.ts"
import { connect } from "../RawClient.ts"
import * as Library from "./Library.ts"
import { accepts, person, rareKind, relay } from "./UnderTest.ts"

/** Many fewer than a relay allows. */
const subscriptionsAtOnce = 16

const chunks = <A>(all: ReadonlyArray<A>): ReadonlyArray<ReadonlyArray<A>> =>
  Array.from({ length: Math.ceil(all.length / subscriptionsAtOnce) }, (_, n) =>
    all.slice(n * subscriptionsAtOnce, (n + 1) * subscriptionsAtOnce)
  )

const pair = Effect.gen(function* () {
  const url = yield* relay()
  return { author: person(), reader: yield* connect(url), writer: yield* connect(url) }
})

/** Opens a subscription to what will come. */
const open = (reader: RawClient, id: string, filter: object) =>
  Effect.gen(function* () {
    reader.send("REQ", id, { ...filter, limit: 0 })
    for (;;) {
      const [type, subscription] = yield* reader.next
      if (type === "EOSE" && subscription === id) return
    }
  })

/** Publishes, and hears what each subscription is sent, up to an event that ends the scene. */
const scene = (
  { reader, writer }: { readonly reader: RawClient; readonly writer: RawClient },
  events: ReadonlyArray<NostrEvent.NostrEvent>
) =>
  Effect.gen(function* () {
    const end = yield* person().event()
    yield* open(reader, "end", { ids: [end.id] })
    yield* accepts(writer, ...events, end)
    const heard: Array<readonly [unknown, NostrEvent.NostrEvent]> = []
    for (;;) {
      const [type, id, event] = yield* reader.next
      assert.strictEqual(type, "EVENT")
      if (id === "end") return heard
      if (events.some((one) => one.id === (event as NostrEvent.NostrEvent).id))
        heard.push([id, event as NostrEvent.NostrEvent])
    }
  })

describe("NIP-01: what comes after EOSE", () => {
  it.live("reaches a subscription by every combination of fields, once, and no other", () =>
    Effect.gen(function* () {
      const stage = yield* pair
      const { fields } = yield* Library.make
      const numbers = Library.combinations(fields).map((_, index) => index)
      for (const indexes of chunks(numbers)) {
        // New events for each round: what a relay has it does not send again.
        const library = yield* Library.make
        const asked = Library.combinations(library.fields)
        for (const index of indexes)
          stage.reader.send("REQ", `${index}`, {
            ...Library.filterOf(asked[index] ?? []),
            limit: 0
          })
        const heard = yield* scene(stage, library.events)
        for (const index of indexes) {
          const filter = asked[index] ?? []
          assert.deepEqual(
            heard.filter(([id]) => id === `${index}`).map(([, { id }]) => id),
            Library.wantedOf(library, filter).map(({ id }) => id),
            JSON.stringify(Library.filterOf(filter))
          )
          stage.reader.send("CLOSE", `${index}`)
        }
      }
    })
  )

  const scenes: ReadonlyArray<
    readonly [
      title: string,
      prepare: (reader: RawClient, filter: object) => Effect.Effect<void>,
      heard: ReadonlyArray<string>
    ]
  > = [
    [
      "comes to each subscription that wants it",
      (reader, filter) => Effect.andThen(open(reader, "a", filter), open(reader, "b", filter)),
      ["a", "b"]
    ],
    [
      "comes once to a subscription that wants it twice",
      (reader, filter) =>
        Effect.gen(function* () {
          reader.send(
            "REQ",
            "a",
            { ...filter, limit: 0 },
            { ...filter, kinds: [rareKind], limit: 0 }
          )
          assert.deepEqual(yield* reader.next, ["EOSE", "a"])
        }),
      ["a"]
    ],
    [
      "does not come after CLOSE",
      (reader, filter) =>
        Effect.andThen(
          open(reader, "a", filter),
          Effect.sync(() => reader.send("CLOSE", "a"))
        ),
      []
    ],
    [
      "does not come to a subscription whose id asks for something else by now",
      (reader, filter) =>
        Effect.andThen(open(reader, "a", filter), open(reader, "a", { kinds: [1] })),
      []
    ],
    [
      "comes to a subscription whose id asked for something else before",
      (reader, filter) =>
        Effect.andThen(open(reader, "a", { kinds: [1] }), open(reader, "a", filter)),
      ["a"]
    ],
    [
      "still comes where another subscription was closed, or one that never was",
      (reader, filter) =>
        Effect.gen(function* () {
          yield* open(reader, "a", filter)
          yield* open(reader, "b", filter)
          reader.send("CLOSE", "b")
          reader.send("CLOSE", "never")
        }),
      ["a"]
    ]
  ]

  for (const [title, prepare, expected] of scenes)
    it.live(title, () =>
      Effect.gen(function* () {
        const stage = yield* pair
        const one = yield* stage.author.event()
        yield* prepare(stage.reader, { authors: [stage.author.pubkey], kinds: [rareKind] })
        const heard = yield* scene(stage, [one])
        assert.sameMembers(
          heard.map(([id]) => String(id)),
          [...expected]
        )
      })
    )

  it.live("the same id on another connection is another subscription", () =>
    Effect.gen(function* () {
      const stage = yield* pair
      yield* open(stage.reader, "same", { authors: [stage.author.pubkey], kinds: [rareKind] })
      yield* open(stage.writer, "same", { kinds: [rareKind + 1], authors: [stage.author.pubkey] })
      stage.writer.send("CLOSE", "same")
      assert.lengthOf(yield* scene(stage, [yield* stage.author.event()]), 1)
    })
  )

  it.live("stored and live together are everything, once, whenever one asks", () =>
    Effect.gen(function* () {
      const { author, reader, writer } = yield* pair
      const events = yield* Effect.forEach(Array.from({ length: 60 }), () => author.event())
      for (const [n, event] of events.entries()) {
        if (n === 20) reader.send("REQ", "all", { authors: [author.pubkey] })
        writer.send("EVENT", event)
      }
      const heard: Array<string> = []
      while (heard.length < events.length) {
        const [type, , event] = yield* reader.next
        if (type === "EVENT") heard.push((event as NostrEvent.NostrEvent).id)
      }
      assert.sameMembers(
        heard,
        events.map(({ id }) => id)
      )
    })
  )
})
