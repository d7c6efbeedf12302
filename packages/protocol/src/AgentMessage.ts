/**
 * The messages by which customer and provider speak of a job: one JSON object with a `type`,
 * the content of a kind-42 event in the provider's channel (NIP-28).
 *
 * The first eight are what programs in the wild send; fields named `?` there, and every type
 * after them, are additions that such a peer may ignore.
 */
import { Option, Schema } from "effect"
import * as Field from "./Field.ts"
import * as Bolt11 from "./Bolt11.ts"
import * as Hex from "./Hex.ts"
import * as Key from "./Key.ts"
import * as Msat from "./Msat.ts"
import * as NostrEvent from "./NostrEvent.ts"
import * as Settlement from "./Settlement.ts"

/** NIP-90 text generation: the only kind of job so far. */
export const textGeneration = 5050

const hex32 = Hex.ofBytes(32)

/** `job_…`, or whatever else a legacy peer calls its job. */
const JobId = Field.Name

export const ServiceAnnouncement = Schema.Struct({
  type: Schema.Literal("ServiceAnnouncement"),
  kind: Field.Count,
  price_msats: Msat.Msat,
  spark_address: Schema.String,
  network: Field.Name,
  provider_pubkey: Field.optional(Key.PublicKey),
  models: Field.optional(Schema.Array(Schema.String)),
  capabilities: Field.optional(Schema.Array(Schema.String))
})
export interface ServiceAnnouncement extends Schema.Schema.Type<typeof ServiceAnnouncement> {}

export const JobRequest = Schema.Struct({
  type: Schema.Literal("JobRequest"),
  kind: Field.Count,
  prompt: Schema.String,
  max_tokens: Field.Count,
  target_provider: Field.optional(Key.PublicKey),
  model: Field.optional(Field.Name),
  stream: Field.optional(Schema.Boolean),
  max_price_msats: Field.optional(Msat.Msat),
  settlement: Field.optional(Schema.Array(Schema.String)),
  rails: Field.optional(Schema.Array(Schema.String)),
  payment_hash: Field.optional(Bolt11.PaymentHash),
  temperature: Field.optional(Schema.Finite),
  top_p: Field.optional(Schema.Finite),
  stop: Field.optional(Schema.Array(Schema.String)),
  seed: Field.optional(Schema.Int),
  expires_at: Field.optional(Field.Count)
})
export interface JobRequest extends Schema.Schema.Type<typeof JobRequest> {}

export const Invoice = Schema.Struct({
  type: Schema.Literal("Invoice"),
  job_id: JobId,
  bolt11: Schema.String,
  amount_msats: Msat.Msat,
  payment_hash: Field.optional(Bolt11.PaymentHash),
  request_id: Field.optional(NostrEvent.EventId),
  settlement: Field.optional(Settlement.Settlement),
  expires_at: Field.optional(Field.Count),
  hold: Field.optional(Schema.Boolean)
})
export interface Invoice extends Schema.Schema.Type<typeof Invoice> {}

export const PaymentSent = Schema.Struct({
  type: Schema.Literal("PaymentSent"),
  job_id: JobId,
  payment_id: Field.Name
})
export interface PaymentSent extends Schema.Schema.Type<typeof PaymentSent> {}

export const JobResult = Schema.Struct({
  type: Schema.Literal("JobResult"),
  job_id: JobId,
  result: Schema.String,
  request_id: Field.optional(NostrEvent.EventId),
  model: Field.optional(Field.Name),
  tokens_in: Field.optional(Field.Count),
  tokens_out: Field.optional(Field.Count),
  finish_reason: Field.optional(Field.Name),
  sha256: Field.optional(hex32)
})
export interface JobResult extends Schema.Schema.Type<typeof JobResult> {}

export const StreamChunk = Schema.Struct({
  type: Schema.Literal("StreamChunk"),
  job_id: JobId,
  chunk: Schema.String,
  is_final: Schema.Boolean,
  request_id: Field.optional(NostrEvent.EventId),
  seq: Field.optional(Field.Count),
  sha256: Field.optional(hex32),
  tokens_in: Field.optional(Field.Count),
  tokens_out: Field.optional(Field.Count),
  finish_reason: Field.optional(Field.Name)
})
export interface StreamChunk extends Schema.Schema.Type<typeof StreamChunk> {}

export const HtlcLocked = Schema.Struct({
  type: Schema.Literal("HtlcLocked"),
  job_id: JobId,
  payment_hash: Bolt11.PaymentHash,
  amount_msats: Msat.Msat,
  expiry_secs: Field.Count,
  request_id: Field.optional(NostrEvent.EventId),
  rail: Field.optional(Settlement.Rail),
  transfer_id: Field.optional(Field.Name)
})
export interface HtlcLocked extends Schema.Schema.Type<typeof HtlcLocked> {}

export const PreimageRelease = Schema.Struct({
  type: Schema.Literal("PreimageRelease"),
  job_id: JobId,
  preimage: Bolt11.Preimage
})
export interface PreimageRelease extends Schema.Schema.Type<typeof PreimageRelease> {}

export const EscrowQuote = Schema.Struct({
  type: Schema.Literal("EscrowQuote"),
  request_id: NostrEvent.EventId,
  job_id: Field.optional(JobId),
  rail: Settlement.Rail,
  spark_address: Schema.String,
  amount_msats: Msat.Msat,
  payment_hash: Bolt11.PaymentHash,
  lock_secs: Field.Count,
  expires_at: Field.optional(Field.Count)
})
export interface EscrowQuote extends Schema.Schema.Type<typeof EscrowQuote> {}

export const SealedChunk = Schema.Struct({
  type: Schema.Literal("SealedChunk"),
  request_id: NostrEvent.EventId,
  seq: Field.Count,
  ciphertext: Schema.String
})
export interface SealedChunk extends Schema.Schema.Type<typeof SealedChunk> {}

export const SealedResult = Schema.Struct({
  type: Schema.Literal("SealedResult"),
  request_id: NostrEvent.EventId,
  job_id: JobId,
  payment_hash: Bolt11.PaymentHash,
  bolt11_sha256: hex32,
  chunks: Field.Count,
  ciphertext_sha256: hex32,
  alg: Field.Name
})
export interface SealedResult extends Schema.Schema.Type<typeof SealedResult> {}

export const JobStatus = Schema.Struct({
  type: Schema.Literal("JobStatus"),
  request_id: NostrEvent.EventId,
  job_id: Field.optional(JobId),
  status: Schema.Literals(["queued", "processing"]),
  position: Field.optional(Field.Count)
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
  job_id: Field.optional(JobId),
  code: Field.Name,
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
export interface JobCancel extends Schema.Schema.Type<typeof JobCancel> {}

export const RefundOffer = Schema.Struct({
  type: Schema.Literal("RefundOffer"),
  request_id: NostrEvent.EventId,
  amount_msats: Msat.Msat,
  expires_at: Field.Count
})
export interface RefundOffer extends Schema.Schema.Type<typeof RefundOffer> {}

export const RefundInvoice = Schema.Struct({
  type: Schema.Literal("RefundInvoice"),
  request_id: NostrEvent.EventId,
  bolt11: Schema.String
})
export interface RefundInvoice extends Schema.Schema.Type<typeof RefundInvoice> {}

/** A message for the peer's eyes only: NIP-44 over the JSON of another message. */
export const Private = Schema.Struct({
  type: Schema.Literal("Private"),
  request_id: Field.optional(NostrEvent.EventId),
  payload: Schema.String
})
export interface Private extends Schema.Schema.Type<typeof Private> {}

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

/** What a provider says about a job. */
export const Answer = Schema.Union([
  Invoice,
  EscrowQuote,
  JobStatus,
  JobError,
  StreamChunk,
  JobResult,
  SealedChunk,
  SealedResult,
  RefundOffer,
  Private
])
export type Answer = typeof Answer.Type

/** What a customer says about a job after having asked for it. */
export const FollowUp = Schema.Union([
  PaymentSent,
  HtlcLocked,
  PreimageRelease,
  JobCancel,
  RefundInvoice,
  Private
])
export type FollowUp = typeof FollowUp.Type

const typesOf = (members: ReadonlyArray<{ fields: { type: { literal: string } } }>) =>
  new Set(members.map((member) => member.fields.type.literal))

const answers = typesOf(Answer.members)

const followUps = typesOf(FollowUp.members)

export const isAnswer = (message: AgentMessage): message is Answer => answers.has(message.type)

export const isFollowUp = (message: AgentMessage): message is FollowUp =>
  followUps.has(message.type)

/**
 * How a customer wants to settle, in order of preference. A request that says nothing means
 * `upfront`; modes that are not known are left out.
 */
export const settlementsOf = (request: JobRequest): ReadonlyArray<Settlement.Settlement> =>
  (request.settlement ?? ["upfront"]).filter(Schema.is(Settlement.Settlement))

/**
 * The same with the rails on which an escrow's money can be locked, in order of preference; Lightning
 * where nothing is said.
 */
export const waysOf = (request: JobRequest): ReadonlyArray<Settlement.Way> =>
  Settlement.waysOf(
    settlementsOf(request),
    (request.rails ?? Settlement.usualRails).filter(Schema.is(Settlement.Rail))
  )

/** How an invoice wants to be settled; `upfront` where it does not say. */
export const settlementOf = (invoice: Invoice): Settlement.Settlement =>
  invoice.settlement ?? "upfront"

const decode = Schema.decodeUnknownOption(Schema.fromJsonString(AgentMessage))

/** The message in a content; none if it is no JSON, of no known type, or fails its schema. */
export const parse = (content: string): Option.Option<AgentMessage> =>
  // People chat in channels too; looking at the first character is far cheaper than parsing.
  /^\s*\{/.test(content) ? decode(content) : Option.none()

/** The content for a message. */
export const stringify: (message: AgentMessage) => string = Schema.encodeSync(
  Schema.fromJsonString(AgentMessage)
)

/** The name of a job on the wire: `job_` and the first 16 hex digits of the request's id. */
export const jobIdOf = (requestId: NostrEvent.EventId): string => `job_${requestId.slice(0, 16)}`
