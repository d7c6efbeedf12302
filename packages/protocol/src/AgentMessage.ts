/**
 * The messages by which customer and provider speak of a job: one JSON object with a `type`,
 * the content of a kind-42 event in the provider's channel (NIP-28).
 *
 * The first eight are what programs in the wild send; fields named `?` there, and every type
 * after them, are additions that such a peer may ignore.
 */
import { Option, Schema } from "effect"
import * as Bolt11 from "./Bolt11.ts"
import * as Hex from "./Hex.ts"
import * as Key from "./Key.ts"
import * as Msat from "./Msat.ts"
import * as NostrEvent from "./NostrEvent.ts"
import * as Settlement from "./Settlement.ts"

/** NIP-90 text generation: the only kind of job so far. */
export const textGeneration = 5050

const count = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))
const hex32 = Hex.ofBytes(32)
const requestId = Schema.optionalKey(NostrEvent.EventId)

export const ServiceAnnouncement = Schema.Struct({
  type: Schema.Literal("ServiceAnnouncement"),
  kind: count,
  price_msats: Msat.Msat,
  spark_address: Schema.String,
  network: Schema.String,
  provider_pubkey: Schema.optionalKey(Key.PublicKey),
  models: Schema.optionalKey(Schema.Array(Schema.String)),
  capabilities: Schema.optionalKey(Schema.Array(Schema.String))
})

export const JobRequest = Schema.Struct({
  type: Schema.Literal("JobRequest"),
  kind: count,
  prompt: Schema.String,
  max_tokens: count,
  target_provider: Schema.optionalKey(Key.PublicKey),
  model: Schema.optionalKey(Schema.String),
  stream: Schema.optionalKey(Schema.Boolean),
  max_price_msats: Schema.optionalKey(Msat.Msat),
  settlement: Schema.optionalKey(Schema.Array(Schema.String)),
  payment_hash: Schema.optionalKey(Bolt11.PaymentHash),
  temperature: Schema.optionalKey(Schema.Finite),
  top_p: Schema.optionalKey(Schema.Finite),
  stop: Schema.optionalKey(Schema.Array(Schema.String)),
  seed: Schema.optionalKey(Schema.Int),
  expires_at: Schema.optionalKey(count)
})
export interface JobRequest extends Schema.Schema.Type<typeof JobRequest> {}

export const Invoice = Schema.Struct({
  type: Schema.Literal("Invoice"),
  job_id: Schema.String,
  bolt11: Schema.String,
  amount_msats: Msat.Msat,
  payment_hash: Schema.optionalKey(Bolt11.PaymentHash),
  request_id: requestId,
  settlement: Schema.optionalKey(Settlement.Settlement),
  expires_at: Schema.optionalKey(count),
  hold: Schema.optionalKey(Schema.Boolean)
})
export interface Invoice extends Schema.Schema.Type<typeof Invoice> {}

export const PaymentSent = Schema.Struct({
  type: Schema.Literal("PaymentSent"),
  job_id: Schema.String,
  payment_id: Schema.String
})

export const JobResult = Schema.Struct({
  type: Schema.Literal("JobResult"),
  job_id: Schema.String,
  result: Schema.String,
  request_id: requestId,
  model: Schema.optionalKey(Schema.String),
  tokens_in: Schema.optionalKey(count),
  tokens_out: Schema.optionalKey(count),
  finish_reason: Schema.optionalKey(Schema.String),
  sha256: Schema.optionalKey(hex32)
})
export interface JobResult extends Schema.Schema.Type<typeof JobResult> {}

export const StreamChunk = Schema.Struct({
  type: Schema.Literal("StreamChunk"),
  job_id: Schema.String,
  chunk: Schema.String,
  is_final: Schema.Boolean,
  request_id: requestId,
  seq: Schema.optionalKey(count),
  sha256: Schema.optionalKey(hex32),
  tokens_in: Schema.optionalKey(count),
  tokens_out: Schema.optionalKey(count),
  finish_reason: Schema.optionalKey(Schema.String)
})
export interface StreamChunk extends Schema.Schema.Type<typeof StreamChunk> {}

export const HtlcLocked = Schema.Struct({
  type: Schema.Literal("HtlcLocked"),
  job_id: Schema.String,
  payment_hash: Bolt11.PaymentHash,
  amount_msats: Msat.Msat,
  expiry_secs: count,
  request_id: requestId,
  rail: Schema.optionalKey(Schema.Literals(["lightning", "spark"])),
  transfer_id: Schema.optionalKey(Schema.String)
})

export const PreimageRelease = Schema.Struct({
  type: Schema.Literal("PreimageRelease"),
  job_id: Schema.String,
  preimage: Bolt11.Preimage
})

export const EscrowQuote = Schema.Struct({
  type: Schema.Literal("EscrowQuote"),
  request_id: NostrEvent.EventId,
  rail: Schema.String,
  spark_address: Schema.String,
  amount_msats: Msat.Msat,
  payment_hash: Bolt11.PaymentHash,
  lock_secs: count
})

export const SealedChunk = Schema.Struct({
  type: Schema.Literal("SealedChunk"),
  request_id: NostrEvent.EventId,
  seq: count,
  ciphertext: Schema.String
})

export const SealedResult = Schema.Struct({
  type: Schema.Literal("SealedResult"),
  request_id: NostrEvent.EventId,
  job_id: Schema.String,
  payment_hash: Bolt11.PaymentHash,
  bolt11_sha256: hex32,
  chunks: count,
  ciphertext_sha256: hex32,
  alg: Schema.String
})

export const JobStatus = Schema.Struct({
  type: Schema.Literal("JobStatus"),
  request_id: NostrEvent.EventId,
  job_id: Schema.optionalKey(Schema.String),
  status: Schema.Literals(["queued", "processing"]),
  position: Schema.optionalKey(count)
})
export interface JobStatus extends Schema.Schema.Type<typeof JobStatus> {}

/** Why a provider does not do a job. */
export const JobErrorCode = Schema.Literals([
  "over_capacity",
  "price_above_bid",
  "model_unavailable",
  "invalid_request",
  "prompt_too_long",
  "settlement_unsupported",
  "payment_expired",
  "inference_failed"
])
export type JobErrorCode = typeof JobErrorCode.Type

export const JobError = Schema.Struct({
  type: Schema.Literal("JobError"),
  request_id: NostrEvent.EventId,
  job_id: Schema.optionalKey(Schema.String),
  code: Schema.String,
  message: Schema.String
})
export interface JobError extends Schema.Schema.Type<typeof JobError> {}

/** A code that is not known is read as `inference_failed`. */
export const jobErrorCode = (code: string): JobErrorCode =>
  Schema.is(JobErrorCode)(code) ? code : "inference_failed"

export const JobCancel = Schema.Struct({
  type: Schema.Literal("JobCancel"),
  request_id: NostrEvent.EventId
})

export const RefundOffer = Schema.Struct({
  type: Schema.Literal("RefundOffer"),
  request_id: NostrEvent.EventId,
  amount_msats: Msat.Msat,
  expires_at: count
})

export const RefundInvoice = Schema.Struct({
  type: Schema.Literal("RefundInvoice"),
  request_id: NostrEvent.EventId,
  bolt11: Schema.String
})

/** A message for the peer's eyes only: NIP-44 over the JSON of another message. */
export const Private = Schema.Struct({
  type: Schema.Literal("Private"),
  request_id: NostrEvent.EventId,
  payload: Schema.String
})

export const AgentMessage = Schema.Union([
  ServiceAnnouncement,
  JobRequest,
  Invoice,
  PaymentSent,
  JobResult,
  StreamChunk,
  HtlcLocked,
  PreimageRelease,
  EscrowQuote,
  SealedChunk,
  SealedResult,
  JobStatus,
  JobError,
  JobCancel,
  RefundOffer,
  RefundInvoice,
  Private
])
export type AgentMessage = typeof AgentMessage.Type

/** The message in a content; none if it is no JSON, of no known type, or fails its schema. */
export const parse: (content: string) => Option.Option<AgentMessage> = Schema.decodeUnknownOption(
  Schema.fromJsonString(AgentMessage)
)

/** The content for a message. */
export const stringify: (message: AgentMessage) => string = Schema.encodeSync(
  Schema.fromJsonString(AgentMessage)
)

/** The name of a job on the wire: `job_` and the first 16 hex digits of the request's id. */
export const jobIdOf = (requestId: NostrEvent.EventId): string => `job_${requestId.slice(0, 16)}`
