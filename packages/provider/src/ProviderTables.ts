/** The tables of a provider's book, and how their rows are read. */
import { AgentMessage, Bolt11, Key, Msat, NostrEvent } from "@farthing/protocol"
import { Sqlite } from "@farthing/sqlite"
import { Effect, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { type Job, JobState } from "./Job.ts"

const tables = [
  `CREATE TABLE provider_channel (
     provider TEXT PRIMARY KEY,
     event TEXT NOT NULL,
     announced_at INTEGER NOT NULL DEFAULT 0
   ) STRICT, WITHOUT ROWID`,

  `CREATE TABLE provider_job (
     request_id TEXT PRIMARY KEY,
     provider TEXT NOT NULL,
     customer TEXT NOT NULL,
     state TEXT NOT NULL CHECK (state IN
       ('refused', 'quoted', 'paid', 'running', 'answered', 'delivered', 'failed')),
     received_at INTEGER NOT NULL,
     request TEXT,
     model TEXT,
     amount INTEGER CHECK (amount >= 0),
     bolt11 TEXT,
     payment_hash TEXT UNIQUE,
     invoice_expires_at INTEGER,
     begun INTEGER NOT NULL DEFAULT 0,
     outcome TEXT CHECK (outcome IN ('delivered', 'failed')),
     note TEXT NOT NULL DEFAULT '',
     lease_owner TEXT NOT NULL DEFAULT '',
     lease_until INTEGER NOT NULL DEFAULT 0,
     CHECK (state = 'refused' OR (request IS NOT NULL AND model IS NOT NULL AND amount IS NOT NULL
       AND bolt11 IS NOT NULL AND payment_hash IS NOT NULL AND invoice_expires_at IS NOT NULL))
   ) STRICT, WITHOUT ROWID`,

  `CREATE INDEX provider_job_unsold ON provider_job (received_at)
     WHERE state IN ('refused', 'quoted')`,

  `CREATE INDEX provider_job_owed ON provider_job (lease_until)
     WHERE state IN ('paid', 'running', 'answered')`,

  `CREATE TABLE provider_answer (
     request_id TEXT NOT NULL REFERENCES provider_job (request_id),
     position INTEGER NOT NULL,
     event TEXT NOT NULL,
     PRIMARY KEY (request_id, position)
   ) STRICT, WITHOUT ROWID`
]

export const migrate = Sqlite.migrate("provider_migrations", {
  "1_provider": Effect.flatMap(SqlClient.SqlClient, (sql) =>
    Effect.forEach(tables, (table) => sql.unsafe(table), { discard: true })
  )
})

const Event = Schema.fromJsonString(NostrEvent.NostrEvent)

export const encodeEvent = Schema.encodeSync(Event)

export const EventRow = Schema.Struct({ event: Event })

export const encodeRequest = Schema.encodeSync(Schema.fromJsonString(AgentMessage.JobRequest))

export const JobRow = Schema.Struct({
  request_id: NostrEvent.EventId,
  customer: Key.PublicKey,
  received_at: Schema.Int,
  request: Schema.fromJsonString(AgentMessage.JobRequest),
  model: Schema.String,
  amount: Msat.Msat,
  bolt11: Schema.String,
  payment_hash: Bolt11.PaymentHash,
  invoice_expires_at: Schema.Int,
  begun: Schema.Int,
  outcome: Schema.NullOr(Schema.Literals(["delivered", "failed"])),
  note: Schema.String
})
type JobRow = typeof JobRow.Type

export const CountRow = Schema.Struct({ state: JobState, jobs: Schema.Int, amount: Msat.Msat })

export const toJob = (row: JobRow): Job => ({
  id: row.request_id,
  customer: row.customer,
  message: row.request,
  model: row.model,
  receivedAt: row.received_at,
  amount: row.amount,
  bolt11: row.bolt11,
  paymentHash: row.payment_hash,
  invoiceExpiresAt: row.invoice_expires_at
})
