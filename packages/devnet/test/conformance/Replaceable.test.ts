import { describe, it } from "@effect/vitest"
import type { NostrEvent } from "@farthing/protocol"
import { Effect } from "effect"
import type { RawClient } from "../RawClient.ts"
import { connect } from "../RawClient.ts"
import type { Person } from "./UnderTest.ts"
import { accepts, client, finds, inOrder, person, relay, twins } from "./UnderTest.ts"

const [older, newer] = [1_400_000_000, 1_400_000_001]

/** What is replaced: by author and kind, or by author, kind and `d` tag. */
const places: ReadonlyArray<readonly [title: string, template: Partial<NostrEvent.Template>]> = [
  ["kind 0", { kind: 0 }],
  ["kind 3", { kind: 3 }],
  ["kind 10000", { kind: 10_000 }],
  ["kind 19999", { kind: 19_999 }],
  ["kind 30000 with a d tag", { kind: 30_000, tags: [["d", "x"]] }],
  ["kind 39999 with a d tag", { kind: 39_999, tags: [["d", "x"]] }],
  ["kind 31990 with an empty d tag", { kind: 31_990, tags: [["d", ""]] }],
  ["kind 31990 without a d tag", { kind: 31_990, tags: [] }]
]

/** What an author published is found to be this, by each way to ask. */
const holds = (
  client: RawClient,
  author: Person,
  kind: number,
  kept: ReadonlyArray<NostrEvent.NostrEvent>,
  gone: ReadonlyArray<NostrEvent.NostrEvent>
) =>
  Effect.gen(function* () {
    const all = [...kept, ...gone].map(({ id }) => id)
    yield* finds(client, { authors: [author.pubkey] }, inOrder(kept))
    yield* finds(client, { authors: [author.pubkey], kinds: [kind] }, inOrder(kept))
    yield* finds(client, { ids: all }, inOrder(kept))
    yield* finds(client, { authors: [author.pubkey], since: older, until: newer }, inOrder(kept))
  })

for (const [title, template] of places) {
  const kind = template.kind ?? 0
  describe(`NIP-01: ${title}`, () => {
    const stage = Effect.map(client(), (client) => ({ author: person(), client }))

    it.live("a newer one takes the place of an older one", () =>
      Effect.gen(function* () {
        const { author, client } = yield* stage
        const one = yield* author.event({ ...template, created_at: older })
        const two = yield* author.event({ ...template, created_at: newer })
        yield* accepts(client, one, two)
        yield* holds(client, author, kind, [two], [one])
      })
    )

    it.live("an older one that comes later is not kept", () =>
      Effect.gen(function* () {
        const { author, client } = yield* stage
        const one = yield* author.event({ ...template, created_at: older })
        const two = yield* author.event({ ...template, created_at: newer })
        yield* accepts(client, two)
        yield* client.publish(one)
        yield* holds(client, author, kind, [two], [one])
      })
    )

    for (const first of ["lower", "higher"] as const)
      it.live(`of two of one second the lower id stays, the ${first} first`, () =>
        Effect.gen(function* () {
          const { author, client } = yield* stage
          const [low, high] = yield* twins(author, { ...template, created_at: older })
          for (const one of first === "lower" ? [low, high] : [high, low])
            yield* client.publish(one)
          yield* holds(client, author, kind, [low], [high])
        })
      )

    it.live("others of its kind, and of its author, stay", () =>
      Effect.gen(function* () {
        const { author, client } = yield* stage
        const other = person()
        const mine = yield* author.event({ ...template, created_at: older })
        const theirs = yield* other.event({ ...template, created_at: newer })
        const apart = yield* author.event({ ...template, kind: 7_001, created_at: newer })
        yield* accepts(client, mine, theirs, apart)
        yield* finds(
          client,
          { authors: [author.pubkey, other.pubkey] },
          inOrder([mine, theirs, apart])
        )
      })
    )

    it.live("who listens hears each that takes the place", () =>
      Effect.gen(function* () {
        const url = yield* relay()
        const [watcher, client] = [yield* connect(url), yield* connect(url)]
        const author = person()
        watcher.send("REQ", "w", { authors: [author.pubkey] })
        yield* watcher.next
        const one = yield* author.event({ ...template, created_at: older })
        const two = yield* author.event({ ...template, created_at: newer })
        yield* accepts(client, one, two)
        for (const event of [one, two]) {
          const heard = yield* watcher.next
          if (heard[0] !== "EVENT" || (heard[2] as NostrEvent.NostrEvent).id !== event.id)
            return yield* Effect.die(new Error(JSON.stringify(heard)))
        }
        return undefined
      })
    )
  })
}

describe("NIP-01: addressable events", () => {
  it.live("of different d tags live side by side, of different case too", () =>
    Effect.gen(function* () {
      const reader = yield* client()
      const author = person()
      const names = ["a", "b", "A", "", "a b", "ä", "a:b"]
      const events = yield* Effect.forEach(names, (d) =>
        author.event({ kind: 30_023, created_at: older, tags: [["d", d]] })
      )
      yield* accepts(reader, ...events)
      yield* finds(reader, { authors: [author.pubkey], kinds: [30_023] }, inOrder(events))
      for (const [n, event] of events.entries())
        yield* finds(reader, { authors: [author.pubkey], "#d": [names[n]] }, [event])
    })
  )

  it.live("the first d tag counts", () =>
    Effect.gen(function* () {
      const reader = yield* client()
      const author = person()
      const tags = (first: string, second: string) => [
        ["d", first],
        ["d", second]
      ]
      const one = yield* author.event({ kind: 30_023, created_at: older, tags: tags("a", "b") })
      const two = yield* author.event({ kind: 30_023, created_at: newer, tags: tags("b", "a") })
      const three = yield* author.event({ kind: 30_023, created_at: newer, tags: tags("a", "c") })
      yield* accepts(reader, one, two, three)
      yield* finds(reader, { authors: [author.pubkey] }, inOrder([two, three]))
    })
  )

  it.live("no d tag and an empty one are the same", () =>
    Effect.gen(function* () {
      const reader = yield* client()
      const author = person()
      const one = yield* author.event({ kind: 30_023, created_at: older, tags: [] })
      const two = yield* author.event({ kind: 30_023, created_at: newer, tags: [["d", ""]] })
      const three = yield* author.event({ kind: 30_023, created_at: newer + 1, tags: [["d"]] })
      yield* accepts(reader, one, two, three)
      yield* finds(reader, { authors: [author.pubkey] }, [three])
    })
  )

  it.live("regular events of one kind never replace each other", () =>
    Effect.gen(function* () {
      const reader = yield* client()
      const author = person()
      const events = [
        yield* author.event({ kind: 9_999, created_at: older, tags: [["d", "x"]] }),
        yield* author.event({ kind: 9_999, created_at: newer, tags: [["d", "x"]] })
      ]
      yield* accepts(reader, ...events)
      yield* finds(reader, { authors: [author.pubkey] }, inOrder(events))
    })
  )
})
