import { assert, describe, it } from "@effect/vitest"
import { RelayServer } from "@farthing/devnet"
import { Effect, Schema } from "effect"
import type { RawClient } from "../RawClient.ts"
import { connect } from "../RawClient.ts"
import { accepts, client, finds, person, relay } from "./UnderTest.ts"

const strange: ReadonlyArray<readonly [title: string, text: string]> = [
  ["nothing", ""],
  ["no JSON", "{"],
  ["half a message", '["REQ","x"'],
  ["an object", "{}"],
  ["a text", '"REQ"'],
  ["null", "null"],
  ["an empty list", "[]"],
  ["a list that begins with no word", "[1]"],
  ["a word that nobody knows", '["WHAT","x"]'],
  ["a word of an object's own", '["constructor","x"]'],
  ["a word in small letters", '["req","x",{}]'],
  ["an event that is none", '["EVENT",1]'],
  ["no event at all", '["EVENT"]'],
  ["a subscription without id", '["REQ"]'],
  ["a subscription whose id is a number", '["REQ",1,{}]'],
  ["a subscription with an empty id", '["REQ","",{}]'],
  ["a subscription with an id of 65 characters", `["REQ","${"x".repeat(65)}",{}]`],
  ["a subscription without a filter", '["REQ","x"]'],
  ["a filter that is a text", '["REQ","x","y"]'],
  ["a filter that is a list", '["REQ","x",[]]'],
  ["a filter that is null", '["REQ","x",null]'],
  ["kinds as text", '["REQ","x",{"kinds":["1"]}]'],
  ["kinds that are no list", '["REQ","x",{"kinds":1}]'],
  ["half a kind", '["REQ","x",{"kinds":[1.5]}]'],
  ["ids as numbers", '["REQ","x",{"ids":[1]}]'],
  ["authors that are no list", '["REQ","x",{"authors":"a"}]'],
  ["tags as numbers", '["REQ","x",{"#t":[1]}]'],
  ["a limit as text", '["REQ","x",{"limit":"1"}]'],
  ["a limit below nothing", '["REQ","x",{"limit":-1}]'],
  ["half a second", '["REQ","x",{"since":1.5}]'],
  ["a time as text", '["REQ","x",{"until":"now"}]'],
  ["nesting without end", `["REQ","x",${"[".repeat(5_000)}`],
  ["an AUTH that is no event", '["AUTH","x"]'],
  ["a CLOSE without id", '["CLOSE"]'],
  ["a CLOSE whose id is a number", '["CLOSE",1]']
]

/** NOTICE, CLOSED or OK false: a client is told. */
const isToldOff = (answer: ReadonlyArray<unknown>) =>
  answer[0] === "NOTICE" || answer[0] === "CLOSED" || (answer[0] === "OK" && answer[2] === false)

const stillWorks = (client: RawClient) =>
  Effect.gen(function* () {
    const one = yield* person().event()
    yield* accepts(client, one)
    yield* finds(client, { ids: [one.id] }, [one])
  })

describe("NIP-01: a client that says", () => {
  for (const [title, text] of strange)
    it.live(`${title} is told so, and its connection goes on`, () =>
      Effect.gen(function* () {
        const vandal = yield* client()
        vandal.socket.send(text)
        const answer = yield* vandal.next
        assert.isTrue(isToldOff(answer), JSON.stringify(answer))
        yield* stillWorks(vandal)
      })
    )

  it.live("a refused REQ under an id that is in use loses that subscription", () =>
    Effect.gen(function* () {
      const url = yield* relay()
      const [reader, writer] = [yield* connect(url), yield* connect(url)]
      const author = person()
      reader.send("REQ", "s", { authors: [author.pubkey] })
      yield* reader.next
      reader.send("REQ", "s", { kinds: "1" })
      assert.deepEqual((yield* reader.next).slice(0, 2), ["CLOSED", "s"])
      yield* accepts(writer, yield* author.event())
      assert.deepEqual(yield* reader.query({ limit: 0 }), [])
    })
  )

  for (const id of ["x", "x".repeat(64), 'a"b\\c', "ä€😀", " ", "constructor"])
    it.live(`a subscription's id ${JSON.stringify(id.slice(0, 12))} hears it again`, () =>
      Effect.gen(function* () {
        const reader = yield* client()
        reader.send("REQ", id, { authors: [person().pubkey] })
        assert.deepEqual(yield* reader.next, ["EOSE", id])
      })
    )
})

const Information = Schema.Struct({
  supported_nips: Schema.Array(Schema.Int),
  limitation: Schema.Struct({
    max_message_length: Schema.Int,
    max_subscriptions: Schema.Int,
    max_filters: Schema.Int,
    max_limit: Schema.Int,
    max_event_tags: Schema.Int,
    max_content_length: Schema.Int
  })
})

/** A relay with limits that are quickly reached, and what it says about them (NIP-11). */
const narrow = Effect.gen(function* () {
  const { url } = yield* RelayServer.make({
    limits: {
      maxMessageLength: 4_096,
      maxSubscriptions: 3,
      maxFilters: 2,
      maxLimit: 5,
      maxEventTags: 4,
      maxContentLength: 1_000
    }
  })
  const document = yield* Effect.promise(async () => {
    const headers = { accept: "application/nostr+json" }
    const response = await fetch(url.replace("ws:", "http:"), { headers })
    assert.strictEqual(response.headers.get("access-control-allow-origin"), "*")
    return response.json()
  })
  const information = yield* Schema.decodeUnknownEffect(Information)(document)
  return { client: yield* connect(url), information, limitation: information.limitation }
})

describe("NIP-11: what the relay says about itself holds:", () => {
  it.live("the NIPs", () =>
    Effect.gen(function* () {
      const { information } = yield* narrow
      assert.includeMembers([...information.supported_nips], [1, 9, 11, 40, 42, 45, 70])
    })
  )

  it.live("max_subscriptions", () =>
    Effect.gen(function* () {
      const { client, limitation } = yield* narrow
      const filter = { authors: [person().pubkey] }
      for (let n = 0; n < limitation.max_subscriptions; n++) {
        client.send("REQ", `${n}`, filter)
        assert.deepEqual(yield* client.next, ["EOSE", `${n}`])
      }
      client.send("REQ", "more", filter)
      const refused = yield* client.next
      assert.deepEqual(refused.slice(0, 2), ["CLOSED", "more"])
      client.send("CLOSE", "0")
      client.send("REQ", "more", filter)
      assert.deepEqual(yield* client.next, ["EOSE", "more"])
    })
  )

  it.live("max_filters", () =>
    Effect.gen(function* () {
      const { client, limitation } = yield* narrow
      const filters = (count: number) => Array.from({ length: count }, () => ({ kinds: [1] }))
      client.send("REQ", "s", ...filters(limitation.max_filters))
      assert.deepEqual(yield* client.next, ["EOSE", "s"])
      client.send("REQ", "s", ...filters(limitation.max_filters + 1))
      assert.deepEqual((yield* client.next).slice(0, 2), ["CLOSED", "s"])
    })
  )

  it.live("max_limit", () =>
    Effect.gen(function* () {
      const { client, limitation } = yield* narrow
      const author = person()
      for (let n = 0; n <= limitation.max_limit; n++) yield* accepts(client, yield* author.event())
      const found = yield* client.query({ authors: [author.pubkey], limit: 1_000 })
      assert.lengthOf(found, limitation.max_limit)
    })
  )

  it.live("max_message_length", () =>
    Effect.gen(function* () {
      const { client, limitation } = yield* narrow
      const request = (length: number) => `["REQ","s",{"kinds":[1]}${" ".repeat(length - 25)}]`
      assert.lengthOf(request(limitation.max_message_length), limitation.max_message_length)
      client.socket.send(request(limitation.max_message_length))
      assert.deepEqual(yield* client.next, ["EOSE", "s"])
      client.socket.send(request(limitation.max_message_length + 1))
      assert.isTrue(isToldOff(yield* client.next))
    })
  )

  it.live("max_event_tags and max_content_length", () =>
    Effect.gen(function* () {
      const { client, limitation } = yield* narrow
      const author = person()
      const tags = (count: number) => Array.from({ length: count }, (_, n) => ["t", `${n}`])
      const text = (length: number) => "x".repeat(length)
      yield* accepts(client, yield* author.event({ tags: tags(limitation.max_event_tags) }))
      yield* accepts(client, yield* author.event({ content: text(limitation.max_content_length) }))
      for (const over of [
        { tags: tags(limitation.max_event_tags + 1) },
        { content: text(limitation.max_content_length + 1) }
      ]) {
        const [, , accepted, reason] = yield* client.publish(yield* author.event(over))
        assert.isFalse(accepted)
        assert.match(String(reason), /^invalid: ./)
      }
    })
  )
})
