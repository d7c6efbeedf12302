/** NIP-42 and NIP-70, which need a relay that is set up for them: always one of our own. */
import { assert, describe, it } from "@effect/vitest"
import { RelayServer } from "@farthing/devnet"
import type { NostrEvent } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Effect } from "effect"
import { connect } from "../RawClient.ts"
import type { Person } from "./UnderTest.ts"
import { accepts, finds, person } from "./UnderTest.ts"

const stage = (auth: "none" | "offered" | "required") =>
  Effect.gen(function* () {
    const server = yield* RelayServer.make({ auth })
    const client = yield* connect(server.url)
    const [type, challenge] = auth === "none" ? [] : yield* client.next
    if (auth !== "none") assert.strictEqual(type, "AUTH")
    return {
      author: person(),
      challenge: String(challenge),
      client,
      port: server.port,
      url: server.url
    }
  })

interface Circumstances {
  readonly challenge: string
  readonly url: string
  readonly port: number
  readonly now: number
}

const proof = (author: Person, { challenge, now, url }: Circumstances) => ({
  by: author,
  template: {
    kind: 22_242,
    created_at: now,
    content: "",
    tags: [
      ["relay", url],
      ["challenge", challenge]
    ] as NostrEvent.Tags
  }
})

const proofs: ReadonlyArray<
  readonly [
    title: string,
    change: (
      template: NostrEvent.Template,
      circumstances: Circumstances
    ) => Partial<NostrEvent.Template>,
    isTaken: boolean
  ]
> = [
  ["of now, for this relay and its challenge", () => ({}), true],
  [
    "with the relay's address and a path",
    (_, { challenge, url }) => ({ tags: named(`${url}/x`, challenge) }),
    true
  ],
  [
    "with the relay's other name",
    (_, { challenge, port }) => ({ tags: named(`ws://localhost:${port}`, challenge) }),
    true
  ],
  ["with more tags", ({ tags }) => ({ tags: [["client", "x"], ...tags] }), true],
  ["of nine minutes ago", ({ created_at }) => ({ created_at: created_at - 540 }), true],
  ["of eleven minutes ago", ({ created_at }) => ({ created_at: created_at - 660 }), false],
  ["of eleven minutes ahead", ({ created_at }) => ({ created_at: created_at + 660 }), false],
  ["with another challenge", (_, { url }) => ({ tags: named(url, "x") }), false],
  [
    "with a part of the challenge",
    (_, { challenge, url }) => ({ tags: named(url, challenge.slice(1)) }),
    false
  ],
  ["without a challenge", ({ tags }) => ({ tags: tags.slice(0, 1) }), false],
  [
    "for another relay",
    (_, { challenge }) => ({ tags: named("wss://relay.example", challenge) }),
    false
  ],
  ["for no address", (_, { challenge }) => ({ tags: named("relay", challenge) }), false],
  ["without a relay", ({ tags }) => ({ tags: tags.slice(1) }), false],
  ["of another kind", () => ({ kind: 22_241 }), false]
]

const named = (relay: string, challenge: string): NostrEvent.Tags => [
  ["relay", relay],
  ["challenge", challenge]
]

describe("NIP-42: an AUTH event", () => {
  for (const [title, change, isTaken] of proofs)
    it.live(`${title} ${isTaken ? "proves who is there" : "proves nothing"}`, () =>
      Effect.gen(function* () {
        const { author, challenge, client, port, url } = yield* stage("required")
        const circumstances = { challenge, port, url, now: yield* UnixTime.now }
        const { template } = proof(author, circumstances)
        const auth = yield* author.event({ ...template, ...change(template, circumstances) })
        client.send("AUTH", auth)
        const [type, id, accepted, reason] = yield* client.next
        assert.deepEqual([type, id, accepted], ["OK", auth.id, isTaken])
        if (!isTaken) assert.match(String(reason), /^invalid: ./)
        const one = yield* author.event()
        assert.strictEqual((yield* client.publish(one))[2], isTaken)
      })
    )

  it.live("proves nothing with a signature of another", () =>
    Effect.gen(function* () {
      const { author, challenge, client, port, url } = yield* stage("required")
      const { template } = proof(author, { challenge, port, url, now: yield* UnixTime.now })
      client.send("AUTH", { ...(yield* author.event(template)), pubkey: person().pubkey })
      assert.strictEqual((yield* client.next)[2], false)
    })
  )

  it.live("proves nothing on another connection", () =>
    Effect.gen(function* () {
      const { author, challenge, port, url } = yield* stage("required")
      const other = yield* connect(url)
      yield* other.next
      const { template } = proof(author, { challenge, port, url, now: yield* UnixTime.now })
      other.send("AUTH", yield* author.event(template))
      assert.strictEqual((yield* other.next)[2], false)
    })
  )

  it.live("is neither stored nor sent to anybody", () =>
    Effect.gen(function* () {
      const { author, challenge, client, port, url } = yield* stage("offered")
      const watcher = yield* connect(url)
      yield* watcher.next
      watcher.send("REQ", "w", { authors: [author.pubkey] })
      yield* watcher.next
      const { template } = proof(author, { challenge, port, url, now: yield* UnixTime.now })
      const auth = yield* author.event(template)
      client.send("AUTH", auth)
      yield* client.next
      assert.strictEqual((yield* client.publish(auth))[2], false)
      const one = yield* author.event()
      yield* accepts(client, one)
      assert.deepEqual(yield* watcher.next, ["EVENT", "w", one])
      yield* finds(client, { kinds: [22_242] }, [])
    })
  )
})

describe("NIP-42: who has not said who it is", () => {
  const said = [
    ["EVENT", "OK"],
    ["REQ", "CLOSED"],
    ["COUNT", "CLOSED"]
  ] as const
  for (const [word, answer] of said)
    it.live(`is answered with ${answer} to ${word}, and asked again`, () =>
      Effect.gen(function* () {
        const { author, challenge, client } = yield* stage("required")
        if (word === "EVENT") client.send(word, yield* author.event())
        else client.send(word, "s", {})
        assert.deepEqual(yield* client.next, ["AUTH", challenge])
        const heard = yield* client.next
        assert.strictEqual(heard[0], answer)
        assert.match(String(heard.at(-1)), /^auth-required: ./)
      })
    )
})

describe("NIP-70: a protected event", () => {
  const authenticate = (
    as: Person,
    { challenge, client, port, url }: Effect.Success<ReturnType<typeof stage>>
  ) =>
    Effect.gen(function* () {
      const { template } = proof(as, { challenge, port, url, now: yield* UnixTime.now })
      client.send("AUTH", yield* as.event(template))
      assert.strictEqual((yield* client.next)[2], true)
    })

  for (const auth of ["none", "offered"] as const)
    it.live(`is refused from who has not said who it is, where that is ${auth}`, () =>
      Effect.gen(function* () {
        const { author, client } = yield* stage(auth)
        const one = yield* author.event({ tags: [["-"]] })
        client.send("EVENT", one)
        assert.strictEqual((yield* client.next)[0], "AUTH")
        const [type, , accepted, reason] = yield* client.next
        assert.deepEqual([type, accepted], ["OK", false])
        assert.match(String(reason), /^auth-required: ./)
        yield* finds(client, { ids: [one.id] }, [])
      })
    )

  it.live("is taken from its author", () =>
    Effect.gen(function* () {
      const here = yield* stage("offered")
      yield* authenticate(here.author, here)
      const one = yield* here.author.event({ tags: [["-"]] })
      yield* accepts(here.client, one)
      yield* finds(here.client, { ids: [one.id] }, [one])
    })
  )

  it.live("is refused from anybody else", () =>
    Effect.gen(function* () {
      const here = yield* stage("offered")
      yield* authenticate(person(), here)
      const [, , accepted, reason] = yield* here.client.publish(
        yield* here.author.event({ tags: [["-"]] })
      )
      assert.isFalse(accepted)
      assert.match(String(reason), /^restricted: ./)
    })
  )

  it.live("is not one whose tag says more", () =>
    Effect.gen(function* () {
      const { author, client } = yield* stage("none")
      yield* accepts(client, yield* author.event({ tags: [["-", "x"]] }))
    })
  )
})
