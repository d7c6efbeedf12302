/** What a provider says of a result under seal: all of it true, until a test changes it. */
import { AgentMessage, type Bolt11, type Key, type NostrEvent, Sealed } from "@farthing/protocol"
import type { Signer } from "@farthing/relay"
import { Effect, Redacted } from "effect"
import { hash } from "node:crypto"

/** What locks the result of a request: the preimage, and the secret that both parties share. */
export const lockFor = (
  provider: Pick<Signer.Shape, "conversationKey">,
  job: {
    readonly event: { readonly id: NostrEvent.EventId; readonly pubkey: Key.PublicKey }
  },
  invoice: Bolt11.Invoice,
  preimage: Bolt11.Preimage
): Effect.Effect<Sealed.Lock> =>
  provider.conversationKey(job.event.pubkey).pipe(
    Effect.map((conversationKey) => ({
      preimage: Redacted.make(preimage),
      conversationKey,
      requestId: job.event.id,
      paymentHash: invoice.paymentHash
    })),
    Effect.orDie
  )

/** The messages that a text is made of when it comes openly, the last one with what it comes to. */
export const piecesOf = (
  requestId: NostrEvent.EventId,
  texts: ReadonlyArray<string>
): ReadonlyArray<AgentMessage.StreamChunk> =>
  texts.map((chunk, seq) => ({
    type: "StreamChunk",
    job_id: AgentMessage.jobIdOf(requestId),
    request_id: requestId,
    chunk,
    seq,
    ...(seq === texts.length - 1
      ? { is_final: true, sha256: hash("sha256", texts.join("")), finish_reason: "stop" }
      : { is_final: false })
  }))

/** Messages under seal, each at its place. */
export const sealedOf = (
  lock: Sealed.Lock,
  pieces: ReadonlyArray<AgentMessage.AgentMessage>
): ReadonlyArray<AgentMessage.SealedChunk> =>
  pieces.map((piece, seq) => ({
    type: "SealedChunk",
    request_id: lock.requestId,
    seq,
    ciphertext: Sealed.seal(lock, seq, AgentMessage.stringify(piece))
  }))

/** What the provider commits itself to. */
export const commitmentOf = (
  requestId: NostrEvent.EventId,
  invoice: Bolt11.Invoice,
  chunks: ReadonlyArray<AgentMessage.SealedChunk>
): AgentMessage.SealedResult => ({
  type: "SealedResult",
  request_id: requestId,
  job_id: AgentMessage.jobIdOf(requestId),
  payment_hash: invoice.paymentHash,
  bolt11_sha256: hash("sha256", invoice.bolt11),
  chunks: chunks.length,
  ciphertext_sha256: Sealed.digestOf(chunks.map(({ ciphertext }) => ciphertext)),
  alg: Sealed.alg
})
