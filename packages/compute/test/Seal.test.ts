import { assert, describe, it } from "@effect/vitest"
import { Bolt11, Hex, Key, Msat, NostrEvent, Sealed } from "@farthing/protocol"
import { Arbitrary, Option, Redacted, Result, Schema } from "effect"
import { hash } from "node:crypto"
import type { SealedEnd, SealedPiece } from "../src/JobTransport.ts"
import * as Seal from "../src/Seal.ts"

const provider = Key.generate()
const preimage = Bolt11.Preimage.make("11".repeat(32))
const requestId = NostrEvent.EventId.make("33".repeat(32))

const invoiceWith = (paymentHash: Bolt11.PaymentHash): Bolt11.Invoice =>
  Result.getOrThrow(
    Bolt11.decode(
      Bolt11.encode(
        {
          network: "regtest",
          amount: Option.some(Msat.make(10_000)),
          createdAt: 1_800_000_000,
          expirySeconds: 600,
          paymentHash,
          paymentSecret: "cd".repeat(32),
          description: "one thought",
          minFinalCltvDelta: 36
        },
        Key.secretBytes(provider)
      )
    )
  )

const invoice = invoiceWith(Bolt11.hashOf(preimage))

const lock: Sealed.Lock = {
  preimage: Redacted.make(preimage),
  conversationKey: Redacted.make(Hex.toBytes("22".repeat(32))),
  requestId,
  paymentHash: invoice.paymentHash
}

const eventAt = (created_at: number) =>
  NostrEvent.sign({ kind: 42, created_at, tags: [], content: "{}" }, provider)

const pieceOf = (seq: number, text: string, at = 1): SealedPiece => ({
  _tag: "SealedPiece",
  seq,
  ciphertext: Sealed.seal(lock, seq, text),
  event: eventAt(at)
})

const endOf = (
  pieces: ReadonlyArray<SealedPiece>,
  change: Partial<SealedEnd["commitment"]> = {},
  at = 1
): SealedEnd => ({
  _tag: "SealedEnd",
  commitment: {
    type: "SealedResult",
    request_id: requestId,
    job_id: "job",
    payment_hash: invoice.paymentHash,
    bolt11_sha256: hash("sha256", invoice.bolt11),
    chunks: pieces.length,
    ciphertext_sha256: Sealed.digestOf(pieces.map(({ ciphertext }) => ciphertext)),
    alg: Sealed.alg,
    ...change
  },
  event: eventAt(at)
})

const collect = (answers: ReadonlyArray<SealedPiece | SealedEnd>) =>
  answers.reduce<Seal.Collected>(
    (collected, answer) =>
      collected._tag === "Underway" ? Seal.step(collected, answer, invoice) : collected,
    Seal.empty
  )

const pieces = ["one", "two", "three"].map((text, seq) => pieceOf(seq, text))
const end = endOf(pieces)
const order = Arbitrary.schema(Schema.Array(Schema.Int))

describe("A result under seal", () => {
  it.prop("is whole in whatever order it comes", [order], ([keys]) => {
    const answers = [...pieces, end]
      .map((answer, at) => ({ answer, key: keys[at] ?? 0 }))
      .toSorted((a, b) => a.key - b.key)
      .map(({ answer }) => answer)
    const collected = collect(answers)
    assert.strictEqual(collected._tag, "Whole")
    if (collected._tag === "Whole") assert.deepStrictEqual(collected.pieces, pieces)
  })

  it("is not whole without its end, or with a gap", () => {
    assert.strictEqual(collect(pieces)._tag, "Underway")
    assert.strictEqual(collect([pieces[0]!, pieces[2]!, end])._tag, "Underway")
  })

  it("adds nothing by saying it twice", () => {
    const once = Seal.step(Seal.empty, pieces[0]!, invoice)
    assert.isTrue(once._tag === "Underway" && Seal.step(once, pieces[0]!, invoice) === once)
  })

  it("that began anew is the later one", () => {
    const later = ["uno", "due", "tre"].map((text, seq) => pieceOf(seq, text, 2))
    const collected = collect([pieces[0]!, pieces[1]!, ...later, endOf(later, {}, 2)])
    assert.strictEqual(collected._tag, "Whole")
    if (collected._tag === "Whole") assert.deepStrictEqual(collected.pieces, later)
  })

  const wrong: ReadonlyArray<readonly [string, Partial<SealedEnd["commitment"]>]> = [
    ["another payment hash", { payment_hash: Bolt11.PaymentHash.make("ab".repeat(32)) }],
    ["another invoice", { bolt11_sha256: hash("sha256", "lnbcrt1") }],
    ["another way of sealing", { alg: "rot13" }],
    ["no pieces at all", { chunks: 0 }],
    ["other pieces", { ciphertext_sha256: hash("sha256", "other") }],
    ["more pieces than anybody sends", { chunks: 1_000_001 }]
  ]

  it.each(wrong)("is not one to pay for that is committed to %s", (_, change) => {
    const collected = collect([...pieces, endOf(pieces, change)])
    assert.strictEqual(collected._tag, "Underway")
    if (collected._tag === "Underway") assert.isDefined(collected.complaint)
  })

  it("whose pieces changed places is not one to pay for", () => {
    const [first, second, third] = pieces
    const swapped = [{ ...second!, seq: 0 }, { ...first!, seq: 1 }, third!]
    assert.strictEqual(collect([...swapped, end])._tag, "Underway")
  })

  it("of any size is not collected", () => {
    const huge = { ...pieces[0]!, seq: 1_000_000 }
    assert.strictEqual(collect([huge])._tag, "Broken")
    const long = pieces.map((piece) => ({ ...piece, ciphertext: "A".repeat(8_000_000) }))
    assert.strictEqual(collect(long)._tag, "Broken")
  })
})
