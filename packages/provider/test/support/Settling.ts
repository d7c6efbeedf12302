/** How a customer's hand settles with a provider: step by step, so that a test can stop anywhere. */
import { assert } from "@effect/vitest"
import { AgentMessage, Bolt11, type NostrEvent, Sealed } from "@farthing/protocol"
import { Effect, Option, Redacted } from "effect"
import { hash, randomBytes } from "node:crypto"
import type * as Market from "./Market.ts"

export const newPreimage = () => Bolt11.Preimage.make(randomBytes(32).toString("hex"))

/** Asks for an escrow, and is quoted. */
export const quoteEscrow = Effect.fnUntraced(function* (
  buyer: Market.Customer,
  wish?: Market.Wish
) {
  const preimage = newPreimage()
  const paymentHash = Bolt11.hashOf(preimage)
  const { id } = yield* buyer.ask({
    model: "small",
    settlement: ["escrow"],
    payment_hash: paymentHash,
    ...wish
  })
  const { message } = yield* buyer.hear("Invoice")
  return { id, preimage, paymentHash, bolt11: message.bolt11, quote: message }
})

/** The same over Spark; its money is locked like that of a hold invoice. */
export const quoteHtlc = Effect.fnUntraced(function* (buyer: Market.Customer, wish?: Market.Wish) {
  const preimage = newPreimage()
  const paymentHash = Bolt11.hashOf(preimage)
  const { id } = yield* buyer.ask({
    model: "small",
    settlement: ["escrow"],
    rails: ["spark"],
    payment_hash: paymentHash,
    ...wish
  })
  const { message: quote } = yield* buyer.hear("EscrowQuote")
  return { id, preimage, paymentHash, bolt11: yield* buyer.awaitedFor(paymentHash), quote }
})

export const release = (
  buyer: Market.Customer,
  id: NostrEvent.EventId,
  preimage: Bolt11.Preimage
) =>
  buyer.whisper(id, {
    type: "PreimageRelease",
    job_id: AgentMessage.jobIdOf(id),
    preimage
  })

/** The seed's five steps, from the customer's side; its text, once the money is taken. */
export const buyInEscrow = (buyer: Market.Customer) =>
  Effect.flatMap(quoteEscrow(buyer), (quoted) => buyQuoted(buyer, quoted))

export const buyOverSpark = (buyer: Market.Customer) =>
  Effect.flatMap(quoteHtlc(buyer), (quoted) => buyQuoted(buyer, quoted))

const buyQuoted = Effect.fnUntraced(function* (
  buyer: Market.Customer,
  {
    bolt11,
    id,
    preimage
  }: Pick<Effect.Success<ReturnType<typeof quoteHtlc>>, "bolt11" | "id" | "preimage">
) {
  const { end } = yield* buyer.lock(bolt11)
  const { message } = yield* buyer.hear("JobResult")
  yield* release(buyer, id, preimage)
  const paid = yield* end
  assert.strictEqual(paid.preimage, preimage)
  return { id, text: message.result }
})

/** What a customer has of a sealed result before it pays. */
export interface Parcel {
  readonly id: NostrEvent.EventId
  readonly bolt11: string
  readonly paymentHash: Bolt11.PaymentHash
  readonly ciphertexts: ReadonlyArray<string>
  readonly commitment: AgentMessage.SealedResult
}

/** Waits for all that is sealed of a request whose invoice is there, and checks it. */
export const receive = Effect.fnUntraced(function* (
  buyer: Market.Customer,
  id: NostrEvent.EventId,
  { bolt11 }: AgentMessage.Invoice
) {
  const { paymentHash } = yield* Effect.fromResult(Bolt11.decode(bolt11))
  const chunks: Array<AgentMessage.SealedChunk> = []
  let commitment: AgentMessage.SealedResult | undefined
  while (commitment === undefined || chunks.length < commitment.chunks) {
    const { message } = yield* buyer.next
    if (message.type === "SealedChunk" && message.request_id === id) chunks.push(message)
    if (message.type === "SealedResult" && message.request_id === id) commitment = message
  }
  const ciphertexts = chunks.toSorted((a, b) => a.seq - b.seq).map(({ ciphertext }) => ciphertext)
  assert.deepInclude(commitment, {
    job_id: AgentMessage.jobIdOf(id),
    payment_hash: paymentHash,
    bolt11_sha256: hash("sha256", bolt11),
    chunks: chunks.length,
    ciphertext_sha256: Sealed.digestOf(ciphertexts),
    alg: Sealed.alg
  })
  return { id, bolt11, paymentHash, ciphertexts, commitment } satisfies Parcel
})

/** Asks for a sealed result, and waits for it. */
export const askSealed = Effect.fnUntraced(function* (buyer: Market.Customer, wish?: Market.Wish) {
  const { id } = yield* buyer.ask({ model: "small", settlement: ["sealed"], ...wish })
  const { message } = yield* buyer.hear("Invoice")
  return yield* receive(buyer, id, message)
})

/** The pieces of the text, in the words in which they would have been said openly. */
export const open = Effect.fnUntraced(function* (
  buyer: Market.Customer,
  { ciphertexts, id, paymentHash }: Parcel,
  preimage: Bolt11.Preimage
) {
  const conversationKey = yield* buyer.conversationKey
  const lock = { preimage: Redacted.make(preimage), conversationKey, requestId: id, paymentHash }
  return ciphertexts.flatMap((ciphertext, seq) =>
    Option.toArray(Sealed.open(lock, seq, ciphertext).pipe(Option.flatMap(AgentMessage.parse)))
  )
})

/** Pays for a sealed result, and reads it. */
export const payAndRead = Effect.fnUntraced(function* (buyer: Market.Customer, parcel: Parcel) {
  const { end } = yield* buyer.lock(parcel.bolt11)
  const { preimage } = yield* end
  const pieces = yield* open(buyer, parcel, preimage)
  assert.strictEqual(pieces.length, parcel.ciphertexts.length)
  return pieces.map((piece) => (piece.type === "StreamChunk" ? piece.chunk : "")).join("")
})

export const buySealed = Effect.fnUntraced(function* (buyer: Market.Customer) {
  const parcel = yield* askSealed(buyer)
  return { id: parcel.id, text: yield* payAndRead(buyer, parcel) }
})

/** The hash of a preimage that nobody shows. */
export const newHash = () => Bolt11.hashOf(newPreimage())
