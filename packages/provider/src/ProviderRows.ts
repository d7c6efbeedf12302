/** How the rows of a provider's book are read. */
import { AgentMessage, Bolt11, Key, Msat, NostrEvent, Settlement } from "@farthing/protocol"
import { Option, Redacted, Schema } from "effect"
import { type Job, JobState } from "./Job.ts"
import type { Owed, Unfinished } from "./ProviderBook.ts"

const Event = Schema.fromJsonString(NostrEvent.NostrEvent)

export const encodeEvent = Schema.encodeSync(Event)

export const encodeRequest = Schema.encodeSync(Schema.fromJsonString(AgentMessage.JobRequest))

/** The columns of whatever comes in. */
export const arrivalColumns = ["request_id", "provider", "customer", "received_at"] as const

/** The columns of what is offered. */
export const quoteColumns = [
  ...arrivalColumns,
  "request",
  "model",
  "settlement",
  "amount",
  "bolt11",
  "payment_hash",
  "invoice_expires_at",
  "quote"
] as const

export type QuoteCells = { readonly [Name in (typeof quoteColumns)[number]]: string | number }

export const quoteCells = (
  provider: Key.PublicKey,
  job: Job,
  quote: NostrEvent.NostrEvent
): QuoteCells => ({
  request_id: job.id,
  provider,
  customer: job.customer,
  received_at: job.receivedAt,
  request: encodeRequest(job.message),
  model: job.model,
  settlement: job.settlement,
  amount: job.amount,
  bolt11: job.bolt11,
  payment_hash: job.paymentHash,
  invoice_expires_at: job.invoiceExpiresAt,
  quote: encodeEvent(quote)
})

const JobRow = Schema.Struct({
  request_id: NostrEvent.EventId,
  state: JobState,
  customer: Key.PublicKey,
  received_at: Schema.Int,
  request: Schema.fromJsonString(AgentMessage.JobRequest),
  model: Schema.String,
  settlement: Settlement.Settlement,
  amount: Msat.Msat,
  bolt11: Schema.String,
  payment_hash: Bolt11.PaymentHash,
  invoice_expires_at: Schema.Int,
  preimage: Schema.NullOr(Bolt11.Preimage),
  held_until: Schema.NullOr(Schema.Int),
  begun: Schema.Int,
  said_until: Schema.Int,
  refund_amount: Schema.NullOr(Msat.Msat),
  refund_expires_at: Schema.NullOr(Schema.Int),
  refund_bolt11: Schema.NullOr(Schema.String),
  reason: Schema.String
})
type JobRow = typeof JobRow.Type

export const decodeJobs = Schema.decodeUnknownEffect(Schema.Array(JobRow))

export const decodeEvents = Schema.decodeUnknownEffect(
  Schema.Array(Schema.Struct({ event: Event }))
)

export const decodeCounts = Schema.decodeUnknownEffect(
  Schema.Array(
    Schema.Struct({ state: JobState, jobs: Schema.Int, amount: Msat.Msat, earned: Msat.Msat })
  )
)

export const decodeAmounts = Schema.decodeUnknownEffect(
  Schema.Array(Schema.Struct({ amount: Msat.Msat }))
)

export const decodeSteps = Schema.decodeUnknownEffect(
  Schema.Array(Schema.Struct({ at: Schema.Int, state: JobState, note: Schema.String }))
)

export const toJob = (row: JobRow): Job => ({
  id: row.request_id,
  customer: row.customer,
  message: row.request,
  model: row.model,
  settlement: row.settlement,
  receivedAt: row.received_at,
  amount: row.amount,
  bolt11: row.bolt11,
  paymentHash: row.payment_hash,
  invoiceExpiresAt: row.invoice_expires_at,
  ...(row.preimage === null ? {} : { preimage: Redacted.make(row.preimage) }),
  ...(row.held_until === null ? {} : { heldUntil: row.held_until })
})

type Answers = ReadonlyArray<NostrEvent.NostrEvent>

export const toOwed = (row: JobRow, answers: Answers): Owed => ({
  job: toJob(row),
  offer: {
    amount: row.refund_amount ?? Msat.zero,
    expiresAt: row.refund_expires_at ?? 0,
    reason: row.reason
  },
  answers,
  invoice: Option.fromNullOr(row.refund_bolt11)
})

export const toUnfinished = (row: JobRow, answers: Answers): Unfinished => {
  switch (row.state) {
    case "answered":
      return { _tag: "Answered", job: toJob(row), answers }
    case "owed":
      return { _tag: "Owed", ...toOwed(row, answers) }
    case "returning":
      return { _tag: "Returning", job: toJob(row), reason: row.reason, answers }
    default:
      return {
        _tag: "Unanswered",
        job: toJob(row),
        begun: row.begun,
        saidUntil: row.said_until
      }
  }
}
