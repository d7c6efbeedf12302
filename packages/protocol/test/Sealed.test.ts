import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Option, Redacted, Schema } from "effect"
import { createDecipheriv, createHmac, hash, hkdfSync } from "node:crypto"
import { v2 } from "nostr-tools/nip44"
import {
  AgentMessage,
  Bolt11,
  Channel,
  Chunking,
  Hex,
  Key,
  NostrEvent,
  Sealed
} from "../src/index.ts"

const hex = (byte: string) => byte.repeat(32)
const eventId = Schema.decodeSync(NostrEvent.EventId)
const preimageOf = (text: string) => Redacted.make(Schema.decodeSync(Bolt11.Preimage)(text))
const conversation = (text: string) => Redacted.make(Hex.toBytes(text))

const lock: Sealed.Lock = {
  preimage: preimageOf(hex("11")),
  conversationKey: conversation(hex("22")),
  requestId: eventId(hex("33")),
  paymentHash: Bolt11.hashOf(Redacted.value(preimageOf(hex("11"))))
}

const some = (text: string) => Option.some(text)
const none = Option.none()

const text = Arbitrary.map(Arbitrary.schema(Schema.String), (any) => any.toWellFormed())
const seq = Arbitrary.schema(
  Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))
)
const random = Arbitrary.schema(
  Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 ** 31 }))
)

const bytesOf = (ciphertext: string) => Buffer.from(ciphertext, "base64")

describe("What is sealed opens with the same secrets at the same place", () => {
  it.prop("any text anywhere", [text, seq], ([plaintext, place]) => {
    const sealed = Sealed.seal(lock, place, plaintext)
    assert.deepStrictEqual(Sealed.open(lock, place, sealed), some(plaintext))
    assert.strictEqual(Sealed.seal(lock, place, plaintext), sealed)
  })

  it.each([0, 1, 1_023, 1_024, 1_025, 32_768, 40_000, 200_000])("%i bytes", (length) => {
    const plaintext = "x".repeat(length)
    const sealed = Sealed.seal(lock, 0, plaintext)
    assert.deepStrictEqual(Sealed.open(lock, 0, sealed), some(plaintext))
  })

  it("the key of a part opens that part alone", () => {
    const [first, second] = [Sealed.seal(lock, 0, "first"), Sealed.seal(lock, 1, "second")]
    const key = Sealed.partKey(lock, 1)
    assert.deepStrictEqual(Sealed.openPart(key, second), some("second"))
    assert.deepStrictEqual(Sealed.openPart(key, first), none)
  })

  it("is what its name says, by hand", () => {
    const info = Buffer.concat([
      Buffer.from("farthing/sealed/1"),
      Buffer.from(lock.paymentHash, "hex"),
      Buffer.from("0000000000000007", "hex")
    ])
    const secrets = Buffer.from(hex("11") + hex("22"), "hex")
    const salt = Buffer.from(hex("33"), "hex")
    const material = Buffer.from(hkdfSync("sha256", secrets, salt, info, 64))
    const sealed = bytesOf(Sealed.seal(lock, 7, "a thought"))
    const nonce = sealed.subarray(0, 12)
    const opening = createDecipheriv("chacha20-poly1305", material.subarray(0, 32), nonce, {
      authTagLength: 16
    })
    opening.setAuthTag(sealed.subarray(-16))
    const padded = Buffer.concat([opening.update(sealed.subarray(12, -16)), opening.final()])
    const mac = createHmac("sha256", material.subarray(32)).update(padded).digest()
    assert.deepStrictEqual(nonce, mac.subarray(0, 12))
    assert.strictEqual(padded.readUInt32BE(), 9)
    assert.strictEqual(padded.toString("utf8", 4, 13), "a thought")
    assert.isTrue(padded.subarray(13).every((byte) => byte === 0))
    assert.strictEqual(Sealed.alg, "hkdf-sha256+chacha20-poly1305/1")
  })
})

describe("Nothing opens", () => {
  const elsewhere: ReadonlyArray<readonly [string, Partial<Sealed.Lock>]> = [
    ["with another preimage", { preimage: preimageOf(hex("12")) }],
    [
      "between other parties, who know the preimage alone",
      { conversationKey: conversation(hex("21")) }
    ],
    [
      "with the preimage in the place of the conversation key",
      { conversationKey: conversation(hex("11")) }
    ],
    ["for another request", { requestId: eventId(hex("34")) }],
    ["for another payment", { paymentHash: Bolt11.hashOf(Redacted.value(preimageOf(hex("12")))) }]
  ]

  it.each(elsewhere)("%s", (_, other) => {
    const sealed = Sealed.seal(lock, 0, "a thought")
    assert.deepStrictEqual(Sealed.open({ ...lock, ...other }, 0, sealed), none)
  })

  it.prop("at another place", [text, seq, seq], ([plaintext, place, other]) => {
    if (place === other) return
    assert.deepStrictEqual(Sealed.open(lock, other, Sealed.seal(lock, place, plaintext)), none)
  })

  it.prop("with a bit changed", [text, random], ([plaintext, at]) => {
    const sealed = bytesOf(Sealed.seal(lock, 0, plaintext))
    const bit = at % (sealed.length * 8)
    sealed[bit >> 3]! ^= 1 << (bit & 7)
    assert.deepStrictEqual(Sealed.open(lock, 0, sealed.toString("base64")), none)
  })

  it.prop("cut short or made longer", [text, random], ([plaintext, at]) => {
    const sealed = bytesOf(Sealed.seal(lock, 0, plaintext))
    const cut = sealed.subarray(0, at % sealed.length)
    for (const wrong of [cut, Buffer.concat([sealed, cut])])
      if (wrong.length !== sealed.length)
        assert.deepStrictEqual(Sealed.open(lock, 0, wrong.toString("base64")), none)
  })

  it.prop("whatever it is", [text], ([anything]) => {
    assert.deepStrictEqual(Sealed.open(lock, 0, anything), none)
  })

  it("in base64 that is written in another way", () => {
    const sealed = Sealed.seal(lock, 0, "a thought".repeat(120))
    const [, bare, last] = /^(.*)(.)==$/.exec(sealed)!
    // Four bits of the last letter stand for nothing.
    const slack = String.fromCharCode(last!.charCodeAt(0) + 1)
    const urlSafe = sealed.replaceAll("/", "_").replaceAll("+", "-")
    for (const other of [
      `${sealed}\n`,
      ` ${sealed}`,
      `${bare}${last}`,
      `${bare}${slack}==`,
      urlSafe
    ])
      assert.deepStrictEqual(Sealed.open(lock, 0, other), none)
  })
})

describe("A ciphertext does not tell of its text", () => {
  const lengthOf = (plaintext: string) => bytesOf(Sealed.seal(lock, 0, plaintext)).length

  const answer = (chunk: string) =>
    AgentMessage.stringify({
      type: "StreamChunk",
      job_id: AgentMessage.jobIdOf(lock.requestId),
      chunk,
      is_final: true,
      request_id: lock.requestId,
      seq: 0,
      sha256: hash("sha256", chunk),
      tokens_in: 1 + chunk.length,
      tokens_out: chunk.length,
      finish_reason: "stop"
    })

  it("short ones are all equally long", () => {
    const lengths = ["", "yes", "no", "n", "42", "a".repeat(600)].map((it) => lengthOf(answer(it)))
    assert.deepStrictEqual(new Set(lengths).size, 1)
    assert.strictEqual(lengthOf(""), lengthOf("x".repeat(1_024)))
  })

  it("two for one place, as after a crash, have nothing in common", () => {
    const [one, other] = ["yes", "no"].map((it) => bytesOf(Sealed.seal(lock, 0, it)))
    assert.notDeepEqual(one!.subarray(0, 12), other!.subarray(0, 12))
    // Both end in the same zeros, which one keystream would show.
    const differing = one!.subarray(600, 1_000).filter((byte, at) => byte !== other![600 + at])
    assert.isAbove(differing.length, 350)
  })

  it("longer ones have the lengths of NIP-44", () => {
    for (let length = 1_025; length < 70_000; length += 131)
      assert.strictEqual(Sealed.paddedLength(length), v2.utils.calcPaddedLen(length))
    for (const length of [2_048, 4_096, 32_768, 65_535, 65_536])
      assert.strictEqual(Sealed.paddedLength(length), v2.utils.calcPaddedLen(length))
  })
})

describe("The digest commits to all ciphertexts in their order", () => {
  const parts = ["one", "two", "three"].map((plaintext, place) =>
    Sealed.seal(lock, place, plaintext)
  )

  it("over the bytes that base64 stands for", () => {
    assert.strictEqual(Sealed.digestOf(parts), hash("sha256", Buffer.concat(parts.map(bytesOf))))
    assert.strictEqual(Sealed.digestOf([]), hash("sha256", ""))
  })

  it("another order, one less, one more: another digest", () => {
    const others = [parts.toReversed(), parts.slice(1), parts.slice(0, 2), [...parts, parts[0]!]]
    for (const other of others)
      assert.notStrictEqual(Sealed.digestOf(other), Sealed.digestOf(parts))
  })
})

describe("What fits into an event", () => {
  const sizeOf = (ciphertext: string) =>
    Chunking.sizeOf(
      Channel.message({
        channel: lock.requestId,
        relay: `wss://${"relay.".repeat(20)}example`,
        reply: { to: lock.requestId, author: Schema.decodeSync(Key.PublicKey)(hex("44")) },
        salt: Schema.decodeSync(Channel.Salt)("0123456789abcdef"),
        createdAt: 1_800_000_000,
        message: {
          type: "SealedChunk",
          request_id: lock.requestId,
          seq: Number.MAX_SAFE_INTEGER,
          ciphertext
        }
      })
    )

  it.each([4_000, 8_000, 16_384, 48_000, 65_536, 131_072])("of %i bytes", (limit) => {
    const room = Sealed.roomFor(limit)
    assert.isAtMost(sizeOf(Sealed.seal(lock, 0, "x".repeat(room))), limit)
    assert.strictEqual(Sealed.paddedLength(room), room)
    assert.isAbove(
      sizeOf(Sealed.seal(lock, 0, "x".repeat(room + 1))),
      limit - Chunking.envelopeBytes
    )
  })

  it("never less than the shortest sealed message holds", () => {
    assert.strictEqual(Sealed.roomFor(100), 1_024)
  })
})
