/** The messages that carry a text to its customer, in as few events as relays take. */
import { AgentMessage, Chunking } from "@farthing/protocol"
import { hash } from "node:crypto"
import type { Inferred } from "./Inference.ts"
import { InferenceError, type InferenceFault } from "./InferenceBackend.ts"
import { isModern, type Job } from "./Job.ts"
import { isLocked } from "./Mode.ts"
import type { Offer } from "./Refund.ts"

/** A part of a text, or the whole of it. */
export type Part = AgentMessage.JobResult | AgentMessage.StreamChunk

/** A piece of a text that is still being inferred. */
export const pieces = (
  job: Job,
  text: string,
  from: number,
  limit: number
): ReadonlyArray<AgentMessage.StreamChunk> =>
  Chunking.split(text, limit).map((chunk, index) => piece(job, chunk, from + index))

/**
 * All that is left to say: the whole text at once, or the rest of it in pieces. What is sealed
 * always comes in pieces, be it one.
 */
export const ending = (
  job: Job,
  inferred: Inferred,
  from: number,
  limit: number
): ReadonlyArray<Part> => {
  const texts = Chunking.split(inferred.rest, limit)
  const isWhole = from === 0 && texts.length === 1
  const isStream = job.message.stream === true || job.settlement === "sealed"
  if (isWhole && !isStream) return [whole(job, inferred)]
  return texts.map((chunk, index) => ({
    ...piece(job, chunk, from + index),
    ...(index === texts.length - 1 ? { is_final: true, ...summary(job, inferred) } : {})
  }))
}

/**
 * A text that began anew ends with the whole of it, which stands for itself whatever pieces came
 * before; where that is too large, with what is left of it in pieces.
 */
export const replacement = (
  job: Job,
  inferred: Inferred,
  from: number,
  limit: number
): ReadonlyArray<Part> =>
  Chunking.split(inferred.text, limit).length === 1
    ? [whole(job, inferred)]
    : ending(job, inferred, from, limit)

const whole = (job: Job, inferred: Inferred): AgentMessage.JobResult => ({
  type: "JobResult",
  job_id: AgentMessage.jobIdOf(job.id),
  result: inferred.text,
  ...(isModern(job.message) ? { request_id: job.id, model: job.model } : {}),
  ...summary(job, inferred)
})

const piece = (job: Job, chunk: string, seq: number): AgentMessage.StreamChunk => ({
  type: "StreamChunk",
  job_id: AgentMessage.jobIdOf(job.id),
  chunk,
  is_final: false,
  ...(isModern(job.message) ? { request_id: job.id, seq } : {})
})

/** What only a peer that speaks our additions reads. */
const summary = (job: Job, { reason, text, tokensIn, tokensOut }: Inferred) =>
  isModern(job.message)
    ? {
        sha256: hash("sha256", text),
        finish_reason: reason.slice(0, 64),
        ...(tokensIn === undefined ? {} : { tokens_in: tokensIn }),
        ...(tokensOut === undefined ? {} : { tokens_out: tokensOut })
      }
    : {}

/** What the customer is told: the backend's own words may name addresses of our network. */
export const failure = (job: Job, error: InferenceError): AgentMessage.JobError =>
  undelivered(job, words[error.reason])

/** The text is there, and no relay carries it. */
export const tooLarge = (job: Job): AgentMessage.JobError =>
  undelivered(job, "the relays take no message of this size")

/** The text is there, and no relay took it while the customer could still pay. */
export const tooLate = (job: Job): AgentMessage.JobError =>
  undelivered(job, "no relay took it in time")

/** The money of an escrow is not what was asked for, or not for long enough. */
export const badLock = ({ id }: Pick<Job, "id">, why: string): AgentMessage.JobError => ({
  type: "JobError",
  request_id: id,
  job_id: AgentMessage.jobIdOf(id),
  code: "payment_expired",
  message: `not begun, and the money goes back: ${why}`
})

/** What was paid is offered back, to a peer that knows the word. */
export const refundOffer = (
  job: Job,
  { amount, expiresAt }: Offer
): ReadonlyArray<AgentMessage.RefundOffer> =>
  isModern(job.message)
    ? [{ type: "RefundOffer", request_id: job.id, amount_msats: amount, expires_at: expiresAt }]
    : []

const undelivered = (job: Job, why: string): AgentMessage.JobError => ({
  type: "JobError",
  request_id: job.id,
  job_id: AgentMessage.jobIdOf(job.id),
  code: "inference_failed",
  message: `${isLocked(job.settlement) ? "not delivered, and no money is taken" : "paid, and not delivered"}: ${why}`
})

const words: Readonly<Record<InferenceFault, string>> = {
  unreachable: "the model server cannot be reached",
  overloaded: "the model server is overloaded",
  timeout: "the model server took too long",
  failed: "the model server failed",
  model_unavailable: "the model is gone",
  prompt_too_long: "the prompt is too long for the model",
  refused: "the model server refused the request",
  truncated: "the answer broke off",
  invalid_answer: "the model server's answer cannot be understood"
}
