import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { AgentMessage, Channel, Chunking, Key, NostrEvent } from "../src/index.ts"

const id = Schema.decodeSync(NostrEvent.EventId)("f".repeat(64))
const key = Schema.decodeSync(Key.PublicKey)("e".repeat(64))
const salt = Schema.decodeSync(Channel.Salt)("0123456789abcdef")

/** The largest chunk event that carries this piece. */
const event = (chunk: string): NostrEvent.NostrEvent => ({
  id,
  pubkey: key,
  sig: Schema.decodeSync(NostrEvent.Signature)("d".repeat(128)),
  ...Channel.message({
    channel: id,
    relay: `wss://${"relay.".repeat(20)}example`,
    reply: { to: id, author: key },
    salt,
    createdAt: 1_800_000_000,
    message: {
      type: "StreamChunk",
      job_id: AgentMessage.jobIdOf(id),
      chunk,
      is_final: true,
      request_id: id,
      seq: 1_000_000,
      sha256: "c".repeat(64),
      tokens_in: Number.MAX_SAFE_INTEGER,
      tokens_out: Number.MAX_SAFE_INTEGER,
      finish_reason: "length"
    }
  })
})

const bytes = (value: unknown) => Buffer.byteLength(JSON.stringify(["EVENT", value]))

describe("Text is cut into pieces that fit into events", () => {
  it("a short text stays whole", () => {
    assert.deepStrictEqual(Chunking.split("one thought"), ["one thought"])
  })

  it("an empty text is one empty piece", () => {
    assert.deepStrictEqual(Chunking.split(""), [""])
  })

  it.each([
    ["letters", "a"],
    ["quotation marks, which are escaped twice", '"'],
    ["backslashes", "\\"],
    ["line feeds", "\n"],
    ["control characters", "\u0001"],
    ["two-byte letters", "é"],
    ["emoji", "😀"],
    ["halves of surrogate pairs", "\ud83d"]
  ])("150,000 %s", (_, character) => {
    const text = character.repeat(150_000)
    const pieces = Chunking.split(text)
    assert.strictEqual(pieces.join(""), text)
    assert.isAbove(pieces.length, 1)
    for (const piece of pieces) assert.isAtMost(bytes(event(piece)), Chunking.maxEventBytes)
    for (const piece of pieces.slice(0, -1))
      assert.isAbove(bytes(event(piece)), Chunking.maxEventBytes * 0.95)
  })

  it("a surrogate pair is never cut", () => {
    for (const piece of Chunking.split("x😀".repeat(2_000), 3_000))
      assert.isTrue(piece.isWellFormed())
  })

  it.prop(
    "no piece exceeds the limit, and together they are the text",
    [Schema.Array(Schema.String), Schema.Literals([2_500, 4_096, 48_000])],
    ([texts, limit]) => {
      const text = texts.join('\\"\n').repeat(40)
      const pieces = Chunking.split(text, limit)
      assert.strictEqual(pieces.join(""), text)
      for (const piece of pieces) assert.isAtMost(bytes(event(piece)), limit)
    },
    { arbitrary: { runs: 100 } }
  )
})

describe("The size of an event", () => {
  it("is never underestimated, and by little overestimated", () => {
    const { id: _id, pubkey: _pubkey, sig: _sig, ...template } = event("hello")
    const real = bytes(event("hello"))
    assert.isAtLeast(Chunking.sizeOf(template), real)
    assert.isAtMost(Chunking.sizeOf(template), real + 64)
  })
})
