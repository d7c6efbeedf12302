/** The tables of the journal, and their rows as values. */
import { Treasury } from "@farthing/budget"
import { Bolt11, Key, Msat, NostrEvent, Settlement } from "@farthing/protocol"
import { Sqlite } from "@farthing/sqlite"
import { Effect, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { type Job, JobState } from "./Job.ts"
import { Request } from "./JobTransport.ts"
import type { Entry } from "./Journal.ts"
import type { Record } from "./Provider.ts"
import type { Receipt } from "./Receipt.ts"

/** Payment hashes are unique: an invoice belongs to one job. */
const tables = [
  `CREATE TABLE compute_job (
     request_id TEXT PRIMARY KEY,
     purchase TEXT NOT NULL,
     provider TEXT NOT NULL,
     provider_name TEXT NOT NULL,
     settlement TEXT NOT NULL,
     model TEXT,
     state TEXT NOT NULL,
     request TEXT NOT NULL,
     requested_at BIGINT NOT NULL,
     job_name TEXT,
     bolt11 TEXT,
     amount BIGINT,
     payment_hash TEXT UNIQUE,
     preimage TEXT,
     fee BIGINT,
     left_today BIGINT,
     paid_at BIGINT,
     text TEXT,
     sha256 TEXT,
     finish_reason TEXT,
     tokens_in BIGINT,
     tokens_out BIGINT,
     stages TEXT,
     finished_at BIGINT,
     note TEXT NOT NULL DEFAULT ''
   )`,
  `CREATE INDEX compute_job_by_purchase ON compute_job (purchase)`,
  `CREATE INDEX compute_job_by_state ON compute_job (state, requested_at)`,
  `CREATE INDEX compute_job_by_time ON compute_job (requested_at)`,
  `CREATE TABLE compute_provider (
     pubkey TEXT PRIMARY KEY,
     jobs BIGINT NOT NULL DEFAULT 0,
     delivered BIGINT NOT NULL DEFAULT 0,
     lost BIGINT NOT NULL DEFAULT 0,
     refused BIGINT NOT NULL DEFAULT 0,
     rejected BIGINT NOT NULL DEFAULT 0,
     lost_in_a_row BIGINT NOT NULL DEFAULT 0,
     last_lost_at BIGINT NOT NULL DEFAULT 0,
     recent_millis TEXT NOT NULL DEFAULT '[]'
   )`
]

/** Whether the spend ledger is known to have the delivery. */
const reconciled = [
  `ALTER TABLE compute_job ADD COLUMN reconciled BIGINT NOT NULL DEFAULT 0`,
  `CREATE INDEX compute_job_unreconciled ON compute_job (request_id)
     WHERE state = 'delivered' AND reconciled = 0`
]

export const migrate = Sqlite.migrate("compute_migrations", {
  "1_journal": Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    for (const table of tables) yield* sql.unsafe(table)
  }),
  "2_reconciled": Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    for (const change of reconciled) yield* sql.unsafe(change)
  })
})

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
  preimage: Schema.NullOr(Bolt11.Preimage),
  fee: Schema.NullOr(Msat.Msat),
  left_today: Schema.NullOr(Msat.Msat),
  paid_at: Schema.NullOr(Schema.Int),
  text: Schema.NullOr(Schema.String),
  sha256: Schema.NullOr(Schema.String),
  finish_reason: Schema.NullOr(Schema.String),
  tokens_in: Schema.NullOr(Schema.Int),
  tokens_out: Schema.NullOr(Schema.Int),
  stages: Schema.NullOr(Schema.fromJsonString(Stages)),
  finished_at: Schema.NullOr(Schema.Int),
  note: Schema.String
})
type JobRow = typeof JobRow.Type

export const DeliveryRow = Schema.Struct({
  request: NostrEvent.EventId,
  purchase: Treasury.PurchaseId,
  paymentHash: Bolt11.PaymentHash
})

export const encodeRequest: (request: Request) => string = Schema.encodeSync(
  Schema.fromJsonString(Request)
)

export const encodeStages: (stages: typeof Stages.Type) => string = Schema.encodeSync(
  Schema.fromJsonString(Stages)
)

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

export const toEntry = (row: JobRow): Entry => ({
  job: toJob(row),
  request: row.request,
  model: row.model ?? undefined,
  offer: toOffer(row),
  payment: toPayment(row),
  receipt: Option.getOrUndefined(toReceipt(row))
})

const toOffer = ({ amount, bolt11, job_name, payment_hash }: JobRow): Entry["offer"] =>
  amount === null || bolt11 === null || job_name === null || payment_hash === null
    ? undefined
    : { jobName: job_name, bolt11, amount, paymentHash: payment_hash }

const toPayment = ({ fee, left_today, paid_at, preimage }: JobRow): Entry["payment"] =>
  fee === null || paid_at === null || preimage === null
    ? undefined
    : { preimage, fee, leftToday: left_today ?? undefined, paidAt: paid_at }

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
    cost: Msat.add(offer.amount, payment.fee),
    leftToday: payment.leftToday,
    finishedAt: row.finished_at,
    stages: row.stages ?? []
  })
}

export const ProviderRow = Schema.Struct({
  pubkey: Key.PublicKey,
  jobs: Schema.Int,
  delivered: Schema.Int,
  lost: Schema.Int,
  refused: Schema.Int,
  rejected: Schema.Int,
  lost_in_a_row: Schema.Int,
  last_lost_at: Schema.Int,
  recent_millis: Schema.fromJsonString(Schema.Array(Schema.Finite))
})
type ProviderRow = typeof ProviderRow.Type

/** Seconds; doubled with each loss in a row. */
const firstCoolDown = 3600
const longestCoolDown = 30 * 24 * 3600

export const toRecord = (row: ProviderRow): Record => ({
  jobs: row.jobs,
  delivered: row.delivered,
  lost: row.lost,
  refused: row.refused,
  rejected: row.rejected,
  medianMillis: median(row.recent_millis),
  avoidUntil: row.lost_in_a_row === 0 ? undefined : row.last_lost_at + coolDown(row.lost_in_a_row)
})

const coolDown = (lostInARow: number): number =>
  Math.min(firstCoolDown * 2 ** (lostInARow - 1), longestCoolDown)

const median = (values: ReadonlyArray<number>): number | undefined =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]
