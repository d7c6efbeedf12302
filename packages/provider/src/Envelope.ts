/** How a text travels to its customer: as it is, or sealed until it is paid for. */
import { AgentMessage, Sealed } from "@farthing/protocol"
import type { Signer } from "@farthing/relay"
import { Effect } from "effect"
import { hash } from "node:crypto"
import { InferenceError } from "./InferenceBackend.ts"
import type { Job } from "./Job.ts"
import type * as Result from "./Result.ts"

export interface Envelope {
  /** Whether what was handed out stays what it is: its place cannot be taken by another text. */
  readonly isSealed: boolean
  /** The bytes that a message may have, of those that an event may have. */
  readonly roomFor: (limit: number) => number
  /** What is said in place of a message that stands at a place (0, 1, 2, …). */
  readonly put: (message: Result.Part, seq: number) => AgentMessage.Answer
  /** What is said after so many messages. */
  readonly close: (count: number) => ReadonlyArray<AgentMessage.Answer>
}

const open: Envelope = {
  isSealed: false,
  roomFor: (limit) => limit,
  put: (message) => message,
  close: () => []
}

export const make = (job: Job, signer: Signer.Shape): Effect.Effect<Envelope, InferenceError> =>
  job.settlement === "sealed" ? sealed(job, signer) : Effect.succeed(open)

const sealed = Effect.fnUntraced(function* (job: Job, signer: Signer.Shape) {
  const { bolt11, customer, id: requestId, paymentHash, preimage } = job
  if (preimage === undefined) return yield* unsealable("its preimage is not known")
  const conversationKey = yield* signer
    .conversationKey(customer)
    .pipe(Effect.catch(({ message }) => unsealable(message)))
  const lock: Sealed.Lock = { preimage, conversationKey, requestId, paymentHash }
  const ciphertexts: Array<string> = []
  return {
    isSealed: true,
    roomFor: Sealed.roomFor,
    put: (message, seq) => {
      const ciphertext = Sealed.seal(lock, seq, AgentMessage.stringify(message))
      ciphertexts[seq] = ciphertext
      return { type: "SealedChunk", request_id: requestId, seq, ciphertext }
    },
    close: (count) => [
      {
        type: "SealedResult",
        request_id: requestId,
        job_id: AgentMessage.jobIdOf(requestId),
        payment_hash: paymentHash,
        bolt11_sha256: hash("sha256", bolt11),
        chunks: count,
        ciphertext_sha256: Sealed.digestOf(ciphertexts.slice(0, count)),
        alg: Sealed.alg
      }
    ]
  } satisfies Envelope
})

const unsealable = (why: string) =>
  Effect.fail(new InferenceError({ reason: "failed", message: `it cannot be sealed: ${why}` }))
