import { assert, describe, it } from "@effect/vitest"
import { Option, Redacted, Schema } from "effect"
import { createHmac, hash } from "node:crypto"
import {
  AgentMessage,
  Bolt11,
  Channel,
  Hex,
  Key,
  Msat,
  NostrEvent,
  Sealed,
  SealedEvidence,
  Secp256k1
} from "../src/index.ts"

const [customer, provider, stranger] = ["1", "2", "3"].map((scalar) =>
  Redacted.make(scalar.padStart(64, "0"))
) as [Key.SecretKey, Key.SecretKey, Key.SecretKey]

const preimage = Bolt11.Preimage.make("11".repeat(32))
const channel = NostrEvent.EventId.make("44".repeat(32))

const say = (
  author: Key.SecretKey,
  message: AgentMessage.AgentMessage,
  reply?: NostrEvent.EventId
): NostrEvent.NostrEvent =>
  NostrEvent.sign(
    Channel.message({
      channel,
      relay: "",
      salt: Channel.Salt.make("0123456789abcdef"),
      createdAt: 1_800_000_000,
      message,
      ...(reply === undefined ? {} : { reply: { to: reply, author: Key.publicKeyOf(customer) } })
    }),
    author
  )

const request = say(customer, {
  type: "JobRequest",
  kind: AgentMessage.textGeneration,
  prompt: "a thought",
  max_tokens: 10,
  settlement: ["sealed"]
})

const bolt11 = Bolt11.encode(
  {
    network: "regtest",
    amount: Option.some(Msat.make(10_000)),
    paymentHash: Bolt11.hashOf(preimage),
    paymentSecret: "22".repeat(32),
    description: "one thought",
    createdAt: 1_800_000_000,
    expirySeconds: 600,
    minFinalCltvDelta: 144
  },
  Hex.toBytes("05".repeat(32))
)

const lock: Sealed.Lock = {
  preimage: Redacted.make(preimage),
  conversationKey: Redacted.make(
    createHmac("sha256", "nip44-v2")
      .update(Secp256k1.sharedX(Key.secretBytes(provider), Hex.toBytes(Key.publicKeyOf(customer))))
      .digest()
  ),
  requestId: request.id,
  paymentHash: Bolt11.hashOf(preimage)
}

/** What a provider says of a text in these pieces. */
const chunks = (pieces: ReadonlyArray<string>, sha256 = hash("sha256", pieces.join(""))) =>
  pieces.map((chunk, seq) =>
    AgentMessage.stringify({
      type: "StreamChunk",
      job_id: AgentMessage.jobIdOf(request.id),
      chunk,
      is_final: seq === pieces.length - 1,
      request_id: request.id,
      seq,
      ...(seq === pieces.length - 1 ? { sha256 } : {})
    })
  )

/** What it signs, sealed, and what its customer can show of it. */
const evidenceOf = (plaintexts: ReadonlyArray<string>, isPaid = true) => {
  const parts = plaintexts.map((plaintext, seq) => {
    const ciphertext = Sealed.seal(lock, seq, plaintext)
    return say(
      provider,
      { type: "SealedChunk", request_id: request.id, seq, ciphertext },
      request.id
    )
  })
  const commitment = say(
    provider,
    {
      type: "SealedResult",
      request_id: request.id,
      job_id: AgentMessage.jobIdOf(request.id),
      payment_hash: lock.paymentHash,
      bolt11_sha256: hash("sha256", bolt11),
      chunks: parts.length,
      ciphertext_sha256: Sealed.digestOf(
        plaintexts.map((plaintext, seq) => Sealed.seal(lock, seq, plaintext))
      ),
      alg: Sealed.alg
    },
    request.id
  )
  return SealedEvidence.make({
    request,
    bolt11,
    commitment,
    parts,
    paid: isPaid ? Option.some({ preimage, lock }) : Option.none()
  })
}

const honest = evidenceOf(chunks(["one ", "thought"]))

/** What does not hold. */
const failing = (evidence: SealedEvidence.SealedEvidence) =>
  SealedEvidence.examine(evidence).findings.flatMap(({ about, holds }) => (holds ? [] : [about]))

describe("What a provider sealed can be shown to anybody", () => {
  it("all holds, and the text is there, without any secret but those of this result", () => {
    const file = JSON.stringify(honest)
    assert.notInclude(file, Hex.fromBytes(Redacted.value(lock.conversationKey)))
    const read = Schema.decodeSync(Schema.fromJsonString(SealedEvidence.SealedEvidence))(file)
    const examination = SealedEvidence.examine(read)
    assert.deepStrictEqual(failing(read), [])
    assert.isTrue(SealedEvidence.isSound(examination))
    assert.strictEqual(examination.text, "one thought")
  })

  it("a whole text in one message too", () => {
    const whole = AgentMessage.stringify({
      type: "JobResult",
      job_id: AgentMessage.jobIdOf(request.id),
      result: "one thought",
      request_id: request.id,
      sha256: hash("sha256", "one thought")
    })
    const examination = SealedEvidence.examine(evidenceOf([whole]))
    assert.isTrue(examination.findings.every(({ holds }) => holds))
    assert.strictEqual(examination.text, "one thought")
  })

  it.each([
    ["bytes that are no message", ["\u0000garbage"]],
    ["another text than its digest says", chunks(["one ", "thought"], "0".repeat(64))],
    ["a text without its end", chunks(["one ", "thought"]).slice(0, 1)],
    ["another message", ['{"type":"JobCancel","request_id":"' + request.id + '"}']]
  ])("garbage is what the provider has to answer for: %s", (_, plaintexts) => {
    const evidence = evidenceOf(plaintexts)
    assert.deepStrictEqual(failing(evidence), ["contents"])
    assert.isTrue(SealedEvidence.isSound(SealedEvidence.examine(evidence)))
  })

  it("while nothing is paid nothing opens", () => {
    const unpaid = evidenceOf(chunks(["one thought"]), false)
    assert.deepStrictEqual(failing(unpaid), ["payment", "contents"])
    assert.isUndefined(SealedEvidence.examine(unpaid).text)
  })
})

describe("What was tampered with proves nothing", () => {
  const [first, second] = honest.parts as [
    SealedEvidence.SealedEvidence["parts"][number],
    SealedEvidence.SealedEvidence["parts"][number]
  ]
  const other = say(stranger, { type: "JobCancel", request_id: request.id })
  const forged = say(
    stranger,
    { type: "SealedChunk", request_id: request.id, seq: 1, ciphertext: "AAAA" },
    request.id
  )
  const tampered: ReadonlyArray<
    readonly [string, Partial<SealedEvidence.SealedEvidence>, ReadonlyArray<string>]
  > = [
    ["another request", { request: other }, ["provider"]],
    ["a request that was edited", { request: { ...request, content: "{}" } }, ["request"]],
    [
      "a part that was edited",
      { parts: [{ ...first, event: { ...first.event, content: second.event.content } }, second] },
      ["provider", "ciphertext", "contents"]
    ],
    [
      "a part that somebody else signed",
      { parts: [first, { ...second, event: forged }] },
      ["provider", "ciphertext", "contents"]
    ],
    ["a part less", { parts: [first] }, ["ciphertext", "contents"]],
    ["a part twice", { parts: [first, second, second] }, ["ciphertext", "contents"]],
    ["another order", { parts: [second, first] }, ["ciphertext", "contents"]],
    ["another commitment", { commitment: other }, ["provider", "invoice", "payment", "ciphertext"]],
    ["another invoice", { bolt11: bolt11.slice(0, -1) }, ["invoice"]],
    ["another preimage", { preimage: Bolt11.Preimage.make("12".repeat(32)) }, ["payment"]],
    ["another key", { parts: [{ ...first, key: second.key }, second] }, ["contents"]]
  ]

  it.each(tampered)("%s", (_, change, expected) => {
    assert.deepStrictEqual(failing({ ...honest, ...change }), expected)
  })
})
