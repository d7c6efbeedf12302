import { assert, describe, it } from "@effect/vitest"
import type { NostrEvent } from "@farthing/protocol"
import { Effect } from "effect"
import { connect } from "../RawClient.ts"
import type { Person } from "./UnderTest.ts"
import { accepts, client, finds, person, rareKind, refuses, relay } from "./UnderTest.ts"

const at = 1_450_000_000

const deletion = (author: Person, tags: NostrEvent.Tags, created_at = at + 100) =>
  author.event({ kind: 5, created_at, tags })

const stage = Effect.map(client(), (client) => ({ author: person(), client, other: person() }))

const article = (author: Person, created_at: number, d = "x") =>
  author.event({ kind: 30_023, created_at, tags: [["d", d]] })

const addressOf = (author: Person, d = "x") => `30023:${author.pubkey}:${d}`

describe("NIP-09: deletion by id", () => {
  it.live("takes the event away, and keeps the request", () =>
    Effect.gen(function* () {
      const { author, client } = yield* stage
      const [one, two] = [
        yield* author.event({ created_at: at }),
        yield* author.event({ created_at: at })
      ]
      yield* accepts(client, one, two)
      const request = yield* deletion(author, [["e", one.id]])
      yield* accepts(client, request)
      yield* finds(client, { ids: [one.id] }, [])
      yield* finds(client, { authors: [author.pubkey] }, [request, two])
      yield* finds(client, { kinds: [5], "#e": [one.id] }, [request])
    })
  )

  it.live("takes several at once, and what it does not know later", () =>
    Effect.gen(function* () {
      const { author, client } = yield* stage
      const [one, two, three] = [
        yield* author.event(),
        yield* author.event(),
        yield* author.event()
      ]
      yield* accepts(client, one, two)
      const tags = [one, two, three].map(({ id }) => ["e", id])
      const request = yield* deletion(author, tags)
      yield* accepts(client, request)
      yield* refuses(client, three)
      yield* finds(client, { authors: [author.pubkey] }, [request])
    })
  )

  it.live("what was deleted is refused from then on, and from whoever sends it", () =>
    Effect.gen(function* () {
      const url = yield* relay()
      const [client, stranger] = [yield* connect(url), yield* connect(url)]
      const author = person()
      const one = yield* author.event()
      yield* accepts(client, one, yield* deletion(author, [["e", one.id]]))
      yield* refuses(client, one, "blocked")
      yield* refuses(stranger, one, "blocked")
      yield* finds(client, { ids: [one.id] }, [])
    })
  )

  it.live("takes an event even if it is dated later than the request", () =>
    Effect.gen(function* () {
      const { author, client } = yield* stage
      const one = yield* author.event({ created_at: at + 200 })
      yield* accepts(client, one, yield* deletion(author, [["e", one.id]], at))
      yield* finds(client, { ids: [one.id] }, [])
    })
  )

  it.live("nobody takes what is another's, neither before it comes nor after", () =>
    Effect.gen(function* () {
      const { author, client, other } = yield* stage
      const [one, two] = [yield* author.event(), yield* author.event()]
      yield* accepts(client, one)
      const tags = [one, two].map(({ id }) => ["e", id])
      yield* accepts(client, yield* deletion(other, tags))
      yield* accepts(client, two)
      assert.lengthOf(yield* client.query({ ids: [one.id, two.id] }), 2)
    })
  )

  it.live("a deletion is not deleted, neither before it comes nor after", () =>
    Effect.gen(function* () {
      const { author, client } = yield* stage
      const one = yield* author.event()
      const first = yield* deletion(author, [["e", one.id]])
      const late = yield* deletion(author, [["e", one.id]], at + 101)
      const second = yield* deletion(
        author,
        [
          ["e", first.id],
          ["e", late.id]
        ],
        at + 102
      )
      yield* accepts(client, one, first, second, late)
      yield* finds(client, { kinds: [5], authors: [author.pubkey] }, [second, late, first])
      yield* refuses(client, one)
    })
  )

  it.live("what it names that is no id does no harm", () =>
    Effect.gen(function* () {
      const { author, client } = yield* stage
      const one = yield* author.event()
      yield* accepts(client, one)
      yield* accepts(
        client,
        yield* deletion(author, [
          ["e", ""],
          ["e"],
          ["e", one.id.slice(0, 32)],
          ["a", ""],
          ["a", "x:y:z"]
        ])
      )
      yield* finds(client, { ids: [one.id] }, [one])
    })
  )

  it.live("who listens hears the request", () =>
    Effect.gen(function* () {
      const { author, client } = yield* stage
      const one = yield* author.event()
      yield* accepts(client, one)
      client.send("REQ", "w", { kinds: [5], "#e": [one.id] })
      yield* client.next
      const request = yield* deletion(author, [["e", one.id]])
      client.send("EVENT", request)
      const heard = [yield* client.next, yield* client.next]
      assert.sameDeepMembers(heard, [
        ["OK", request.id, true, ""],
        ["EVENT", "w", request]
      ])
    })
  )
})

describe("NIP-09: deletion by address", () => {
  it.live("takes the version there is, and refuses all up to its date", () =>
    Effect.gen(function* () {
      const { author, client } = yield* stage
      const one = yield* article(author, at)
      yield* accepts(client, one)
      yield* accepts(client, yield* deletion(author, [["a", addressOf(author)]], at + 100))
      yield* finds(client, { kinds: [30_023], authors: [author.pubkey] }, [])
      yield* refuses(client, one)
      yield* refuses(client, yield* article(author, at + 99))
      yield* refuses(client, yield* article(author, at + 100))
    })
  )

  it.live("leaves a version of later, and lets one come", () =>
    Effect.gen(function* () {
      const { author, client } = yield* stage
      const late = yield* article(author, at + 101)
      yield* accepts(client, late)
      yield* accepts(client, yield* deletion(author, [["a", addressOf(author)]], at + 100))
      yield* finds(client, { kinds: [30_023], authors: [author.pubkey] }, [late])
      const later = yield* article(author, at + 102)
      yield* accepts(client, later)
      yield* finds(client, { kinds: [30_023], authors: [author.pubkey] }, [later])
    })
  )

  it.live("of two requests the later date counts, in whichever order they come", () =>
    Effect.gen(function* () {
      const { author, client } = yield* stage
      const tags = [["a", addressOf(author)]]
      yield* accepts(
        client,
        yield* deletion(author, tags, at + 100),
        yield* deletion(author, tags, at)
      )
      yield* refuses(client, yield* article(author, at + 50))
      yield* accepts(client, yield* article(author, at + 150))
    })
  )

  it.live("leaves other addresses, and those of others", () =>
    Effect.gen(function* () {
      const { author, client, other } = yield* stage
      const beside = yield* article(author, at, "y")
      const theirs = yield* article(other, at)
      yield* accepts(client, beside, theirs)
      const tags = [
        ["a", addressOf(author)],
        ["a", addressOf(other)]
      ]
      yield* accepts(client, yield* deletion(author, tags))
      assert.lengthOf(yield* client.query({ ids: [beside.id, theirs.id] }), 2)
    })
  )

  it.live("takes replaceable events too", () =>
    Effect.gen(function* () {
      const { author, client } = yield* stage
      const one = yield* author.event({ kind: 10_002, created_at: at })
      yield* accepts(client, one)
      yield* accepts(client, yield* deletion(author, [["a", `10002:${author.pubkey}:`]]))
      yield* finds(client, { ids: [one.id] }, [])
    })
  )

  it.live("deleted by id, an addressable event gives its place to the next", () =>
    Effect.gen(function* () {
      const { author, client } = yield* stage
      const [one, two] = [yield* article(author, at + 1), yield* article(author, at)]
      yield* accepts(client, one, yield* deletion(author, [["e", one.id]]), two)
      yield* finds(client, { kinds: [30_023], authors: [author.pubkey] }, [two])
    })
  )

  it.live("regular events have no address", () =>
    Effect.gen(function* () {
      const { author, client } = yield* stage
      const one = yield* author.event({ tags: [["d", "x"]] })
      yield* accepts(client, one)
      yield* accepts(client, yield* deletion(author, [["a", `${rareKind}:${author.pubkey}:x`]]))
      yield* finds(client, { ids: [one.id] }, [one])
    })
  )
})
