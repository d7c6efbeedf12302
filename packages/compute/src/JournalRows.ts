/** The rows of the journal as values. */
import { Treasury } from "@farthing/budget"
import { Bolt11, Key, Msat, NostrEvent, Settlement } from "@farthing/protocol"
import { Option, Redacted, Schema } from "effect"
import { type AcceptedRefund, type Job, JobState, type Payment } from "./Job.ts"
import { Request } from "./JobTransport.ts"
import type { Entry } from "./Journal.ts"
import type { Receipt } from "./Receipt.ts"

const Stages = Schema.Array(Schema.Struct({ stage: Schema.String, millis: Schema.Finite }))

export const JobRow = Schema.Struct({
  request_id: NostrEvent.EventId,
  purchase: Treasury.PurchaseId,
  provider: Key.PublicKey,
  provider_name: Schema.String,
  settlement: Settlement.Settlement,
  model: Schema.NullOr(Schema.String),
  state: JobState,
  request: Schema.fromJsonString(Request),
  requested_at: Schema.Int,
  job_name: Schema.NullOr(Schema.String),
  bolt11: Schema.NullOr(Schema.String),
  amount: Schema.NullOr(Msat.Msat),
  payment_hash: Schema.NullOr(Bolt11.PaymentHash),
  own_preimage: Schema.NullOr(Bolt11.Preimage),
  locked_until: Schema.NullOr(Schema.Int),
  release_event: Schema.NullOr(Schema.fromJsonString(NostrEvent.NostrEvent)),
  preimage: Schema.NullOr(Bolt11.Preimage),
  fee: Schema.NullOr(Msat.Msat),
  fee_known: Schema.BooleanFromBit,
  left_today: Schema.NullOr(Msat.Msat),
  paid_at: Schema.NullOr(Schema.Int),
  text: Schema.NullOr(Schema.String),
  sha256: Schema.NullOr(Schema.String),
  finish_reason: Schema.NullOr(Schema.String),
  tokens_in: Schema.NullOr(Schema.Int),
  tokens_out: Schema.NullOr(Schema.Int),
  stages: Schema.NullOr(Schema.fromJsonString(Stages)),
  finished_at: Schema.NullOr(Schema.Int),
  note: Schema.String,
  refund_amount: Schema.NullOr(Msat.Msat),
  refund_bolt11: Schema.NullOr(Schema.String),
  refund_hash: Schema.NullOr(Bolt11.PaymentHash),
  refund_event: Schema.NullOr(Schema.fromJsonString(NostrEvent.NostrEvent)),
  refund_expires_at: Schema.NullOr(Schema.Int),
  refund_accepted_at: Schema.NullOr(Schema.Int),
  refund_received_at: Schema.NullOr(Schema.Int),
  lease_owner: Schema.String,
  lease_until: Schema.Int
})
type JobRow = typeof JobRow.Type

export const ConclusionRow = Schema.Struct({
  request: NostrEvent.EventId,
  purchase: Treasury.PurchaseId,
  paymentHash: Bolt11.PaymentHash,
  outcome: Schema.Literals(["delivered", "refunded"])
})

export const EventRow = Schema.Struct({ event: Schema.fromJsonString(NostrEvent.NostrEvent) })

export const StepRow = Schema.Struct({
  at: Schema.Int,
  state: JobState,
  note: Schema.String
})

export const encodeRequest: (request: Request) => string = Schema.encodeSync(
  Schema.fromJsonString(Request)
)

export const encodeStages: (stages: typeof Stages.Type) => string = Schema.encodeSync(
  Schema.fromJsonString(Stages)
)

export const encodeEvent: (event: NostrEvent.NostrEvent) => string = Schema.encodeSync(
  Schema.fromJsonString(NostrEvent.NostrEvent)
)

/** The columns of a payment that is done, or as good as done. */
export const paymentColumns = (payment: Payment) => ({
  preimage: payment.preimage,
  fee: payment.fee,
  fee_known: payment.feeKnown ? 1 : 0,
  left_today: payment.leftToday ?? null,
  paid_at: payment.paidAt
})

/** The columns of a result. */
export const resultColumns = (receipt: Receipt) => ({
  model: receipt.model ?? null,
  text: receipt.text,
  sha256: receipt.resultSha256,
  finish_reason: receipt.finishReason ?? null,
  tokens_in: receipt.tokensIn ?? null,
  tokens_out: receipt.tokensOut ?? null,
  stages: encodeStages(receipt.stages),
  finished_at: receipt.finishedAt,
  note: ""
})

/** The columns of an accepted refund. */
export const refundColumns = (refund: AcceptedRefund) => ({
  refund_amount: refund.amount,
  refund_bolt11: refund.bolt11,
  refund_hash: refund.paymentHash,
  refund_event: encodeEvent(refund.event),
  refund_expires_at: refund.expiresAt,
  refund_accepted_at: refund.acceptedAt
})

export const toJob = (row: JobRow): Job => ({
  request: row.request_id,
  purchase: row.purchase,
  provider: row.provider,
  providerName: row.provider_name,
  settlement: row.settlement,
  state: row.state,
  amount: row.amount ?? undefined,
  paymentHash: row.payment_hash ?? undefined,
  requestedAt: row.requested_at,
  note: row.note
})

/** `now` in unix milliseconds. */
export const toEntry = (row: JobRow, now: number): Entry => ({
  job: toJob(row),
  request: row.request,
  model: row.model ?? undefined,
  preimage: Option.map(Option.fromNullOr(row.own_preimage), (preimage) => Redacted.make(preimage)),
  offer: toOffer(row),
  lock: row.locked_until === null ? undefined : { until: row.locked_until },
  release: row.release_event ?? undefined,
  payment: toPayment(row),
  refund: toRefund(row),
  isLeased: row.lease_until > now,
  receipt: Option.getOrUndefined(toReceipt(row))
})

const toOffer = ({ amount, bolt11, job_name, payment_hash }: JobRow): Entry["offer"] =>
  amount === null || bolt11 === null || job_name === null || payment_hash === null
    ? undefined
    : { jobName: job_name, bolt11, amount, paymentHash: payment_hash }

const toPayment = (row: JobRow): Entry["payment"] =>
  row.fee === null || row.paid_at === null || row.preimage === null
    ? undefined
    : {
        preimage: row.preimage,
        fee: row.fee,
        feeKnown: row.fee_known,
        leftToday: row.left_today ?? undefined,
        paidAt: row.paid_at
      }

const toRefund = (row: JobRow): Entry["refund"] =>
  row.refund_amount === null ||
  row.refund_bolt11 === null ||
  row.refund_hash === null ||
  row.refund_event === null ||
  row.refund_expires_at === null ||
  row.refund_accepted_at === null
    ? undefined
    : {
        amount: row.refund_amount,
        bolt11: row.refund_bolt11,
        paymentHash: row.refund_hash,
        event: row.refund_event,
        expiresAt: row.refund_expires_at,
        acceptedAt: row.refund_accepted_at,
        receivedAt: row.refund_received_at ?? undefined
      }

export const toReceipt = (row: JobRow): Option.Option<Receipt> => {
  const offer = toOffer(row)
  const payment = toPayment(row)
  if (offer === undefined || payment === undefined) return Option.none()
  if (row.text === null || row.sha256 === null || row.finished_at === null) return Option.none()
  return Option.some({
    purchase: row.purchase,
    request: row.request_id,
    provider: row.provider,
    providerName: row.provider_name,
    model: row.model ?? undefined,
    settlement: row.settlement,
    text: row.text,
    resultSha256: row.sha256,
    finishReason: row.finish_reason ?? undefined,
    tokensIn: row.tokens_in ?? undefined,
    tokensOut: row.tokens_out ?? undefined,
    bolt11: offer.bolt11,
    paymentHash: offer.paymentHash,
    preimage: payment.preimage,
    amount: offer.amount,
    fee: payment.fee,
    feeKnown: payment.feeKnown,
    cost: row.state === "unclaimed" ? Msat.zero : Msat.add(offer.amount, payment.fee),
    leftToday: payment.leftToday,
    finishedAt: row.finished_at,
    stages: row.stages ?? []
  })
}
