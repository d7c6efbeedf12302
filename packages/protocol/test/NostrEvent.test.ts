import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Redacted, Result, Schema } from "effect"
import * as NostrTools from "nostr-tools/pure"
import { Hex, Key, NostrEvent, Secp256k1 } from "../src/index.ts"

const secretKey: Key.SecretKey = Redacted.make("67dea2ed018072d675f5415ecfaed7d2".repeat(2))

const template = Schema.Struct({
  kind: NostrEvent.Kind,
  created_at: NostrEvent.Timestamp,
  tags: Schema.Array(Schema.Array(Schema.String)),
  content: Schema.String
})

const signed = (changes: Partial<NostrEvent.Template> = {}): NostrEvent.NostrEvent =>
  NostrEvent.sign(
    { kind: 1, created_at: 1_700_000_000, tags: [], content: "", ...changes },
    secretKey
  )

/** What nostr-tools, which changes its input, says of an event. */
const theirs = (event: NostrEvent.Template) => ({
  kind: event.kind,
  created_at: event.created_at,
  tags: event.tags.map((tag) => [...tag]),
  content: event.content
})

describe("The id", () => {
  const pubkey = Key.publicKeyOf(secretKey)

  const ours = (template: NostrEvent.Template) => NostrEvent.idOf(pubkey, template)
  const reference = (template: NostrEvent.Template) =>
    NostrTools.getEventHash({ ...theirs(template), pubkey })

  it.prop("is the one of nostr-tools", [template], ([template]) => {
    assert.strictEqual(ours(template), reference(template))
  })

  it("is so for everything that JSON escapes, and for what it does not", () => {
    const everyAscii = String.fromCharCode(...Array.from({ length: 160 }, (_, code) => code))
    for (const text of [
      everyAscii,
      "\u2028\u2029\ufeff",
      "😀é中\u0000",
      "\ud800 \udc00",
      '\\"/\b\f\n\r\t'
    ]) {
      const template = { kind: 1, created_at: 0, tags: [[text], [], [text, text]], content: text }
      assert.strictEqual(ours(template), reference(template))
    }
  })

  it("is that of an event in the wild", () => {
    const event = {
      kind: 1,
      created_at: 1673347337,
      tags: [
        ["e", "3da979448d9ba263864c4d6f14984c423a3838364ec255f03c7904b1ae77f206"],
        ["p", "bf2376e17ba4ec269d10fcc996a4746b451152be9031fa48e74553dde5526bce"]
      ],
      content:
        "Walled gardens became prisons, and nostr is the first step towards tearing down the prison walls."
    }
    const author = "6e468422dfb74a5738702a8823b9b28168abab8655faacb6853cd0ee15deee93"
    assert.strictEqual(
      NostrEvent.idOf(author as Key.PublicKey, event),
      "4376c65d2f232afbe9b882a35baa4f6fe8667c4e684749af565f981833ed6a65"
    )
  })
})

const flip = (hex: string) => (hex.startsWith("0") ? "1" : "0") + hex.slice(1)

describe("A signed event", () => {
  it.prop(
    "is verified by us and by nostr-tools",
    [template],
    ([template]) => {
      const event = NostrEvent.sign(template, secretKey)
      assert.isTrue(NostrEvent.verify(event))
      const { id, pubkey, sig } = event
      assert.isTrue(NostrTools.verifyEvent({ ...theirs(event), id, pubkey, sig }))
      assert.deepStrictEqual(NostrEvent.sign(template, secretKey), event)
    },
    { arbitrary: { runs: 30 } }
  )

  it.prop(
    "of nostr-tools is verified by us",
    [template],
    ([template]) => {
      const event = NostrTools.finalizeEvent(theirs(template), Key.secretBytes(secretKey))
      assert.isTrue(NostrEvent.verify(Result.getOrThrow(NostrEvent.decode({ ...event }))))
    },
    { arbitrary: { runs: 30 } }
  )

  it("is forged if anything in it was changed", () => {
    const event = signed({ tags: [["p", "a"]], content: "pay me" })
    const other = NostrEvent.sign(event, Key.generate())
    for (const change of [
      { content: "pay me more" },
      { kind: 2 },
      { created_at: event.created_at + 1 },
      { tags: [["p", "b"]] },
      { tags: [["p", "a", ""]] },
      { tags: [["p"], ["a"]] },
      { id: flip(event.id) },
      { sig: flip(event.sig) },
      { sig: other.sig },
      { sig: "0".repeat(128) },
      { sig: event.sig.slice(0, -2) },
      { sig: "" },
      { pubkey: other.pubkey },
      { pubkey: "f".repeat(64) },
      { id: other.id, pubkey: other.pubkey }
    ])
      assert.isFalse(
        NostrEvent.verify({ ...event, ...change } as NostrEvent.NostrEvent),
        JSON.stringify(change)
      )
    assert.isTrue(NostrEvent.verify(event))
  })

  it("is forged if its signature is good and its id is not its hash", () => {
    const event = signed({ content: "one" })
    const id = signed({ content: "two" }).id
    const sig = Hex.fromBytes(
      Secp256k1.schnorrSign(Hex.toBytes(id), Key.secretBytes(secretKey))
    ) as NostrEvent.Signature
    assert.isFalse(NostrEvent.verify({ ...event, id, sig }))
  })
})

describe("Decoding", () => {
  const event = signed({ tags: [["e", "a", "b"], [], ["x"]], content: "hello" })

  const bySchema = Schema.decodeUnknownResult(NostrEvent.NostrEvent)

  it.prop("takes what the schema takes", [NostrEvent.NostrEvent], ([event]) => {
    assert.deepStrictEqual(Result.getOrThrow(NostrEvent.decode(event)), event)
  })

  it("leaves out what is no field of an event", () => {
    const decoded = Result.getOrThrow(NostrEvent.decode({ ...event, seen: ["wss://relay"] }))
    assert.deepStrictEqual(decoded, event)
  })

  const wrong: ReadonlyArray<Record<string, unknown>> = [
    ...Object.keys(event).flatMap((key) =>
      [undefined, null, 1.5, -1, {}, [[1]], ["a"], true, "", "zz"].map((value) => ({
        [key]: value
      }))
    ),
    { id: event.id.toUpperCase() },
    { id: `${event.id}\n` },
    { sig: event.sig.slice(1) },
    { pubkey: `${event.pubkey}0` },
    { kind: 65_535 },
    { kind: 65_536 },
    { kind: "1" },
    { created_at: Number.MAX_SAFE_INTEGER },
    { created_at: 2 ** 53 },
    { created_at: Number.NaN },
    { created_at: Number.POSITIVE_INFINITY },
    { tags: [["a", null]] },
    { tags: [["a", ["b"]]] },
    { tags: { length: 0 } }
  ]

  it.each(wrong)("refuses with %j what the schema refuses", (change) => {
    const input = { ...event, ...change }
    const expected = bySchema(input)
    const decoded = NostrEvent.decode(input)
    assert.strictEqual(Result.isSuccess(decoded), Result.isSuccess(expected))
    if (Result.isFailure(decoded) && Result.isFailure(expected))
      assert.strictEqual(decoded.failure.message, expected.failure.message)
  })

  it("refuses what is no object, and events without a field", () => {
    for (const input of [null, undefined, 1, "{}", [], () => event])
      assert.isTrue(Result.isFailure(NostrEvent.decode(input)))
    for (const key of Object.keys(event)) {
      const { [key as keyof typeof event]: _, ...rest } = event
      assert.isTrue(Result.isFailure(NostrEvent.decode(rest)), key)
    }
  })
})

const keeping = (kind: number) => [
  NostrEvent.isReplaceable(kind),
  NostrEvent.isEphemeral(kind),
  NostrEvent.isAddressable(kind)
]

describe("Tags and kinds", () => {
  it("a value is that of the first tag with the name", () => {
    const event = signed({ tags: [["e"], ["p", "1"], ["p", "2", "x"], ["p"], ["q", "3"]] })
    assert.strictEqual(NostrEvent.tagValue(event, "p"), "1")
    assert.strictEqual(NostrEvent.tagValue(event, "e"), undefined)
    assert.strictEqual(NostrEvent.tagValue(event, "z"), undefined)
    assert.deepStrictEqual(NostrEvent.tagValues(event, "p"), ["1", "2"])
  })

  it("each kind is kept as NIP-01 says", () => {
    for (const kind of [1, 2, 4, 42, 9_999, 40_000, 65_535])
      assert.deepStrictEqual(keeping(kind), [false, false, false])
    for (const kind of [0, 3, 10_000, 19_999])
      assert.deepStrictEqual(keeping(kind), [true, false, false])
    for (const kind of [20_000, 29_999]) assert.deepStrictEqual(keeping(kind), [false, true, false])
    for (const kind of [30_000, 31_990, 39_999])
      assert.deepStrictEqual(keeping(kind), [false, false, true])
  })

  it("an expiration is a number of seconds, or there is none", () => {
    const expiration = (value: string) =>
      NostrEvent.expirationOf(signed({ tags: [["expiration", value]] }))
    assert.strictEqual(expiration("1700000000"), 1_700_000_000)
    for (const value of ["", "-1", "1.5", "soon", "1e9", " 1", "9".repeat(16)])
      assert.strictEqual(expiration(value), undefined)
    assert.strictEqual(NostrEvent.expirationOf(signed()), undefined)
  })
})

const sample = Arbitrary.schema(Hex.ofBytes(4))

describe("Hex", () => {
  it.prop("gives bytes back", [sample], ([hex]) => {
    assert.strictEqual(Hex.fromBytes(Hex.toBytes(hex)), hex)
    assert.isTrue(Hex.isOfBytes(4)(hex))
  })

  it("is lower case and of its length", () => {
    for (const wrong of ["", "abcdef0", "abcdef012", "ABCDEF01", "abcdefg1", "abcdef01\n", 1, null])
      assert.isFalse(Hex.isOfBytes(4)(wrong))
  })

  it("reads a part of a larger buffer", () => {
    assert.strictEqual(Hex.fromBytes(Uint8Array.of(1, 2, 3, 4).subarray(1, 3)), "0203")
  })
})
