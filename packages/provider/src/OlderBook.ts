/** Books from before refunds: their tables, and how what they know is taken over. */
import { Msat } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Sqlite } from "@farthing/sqlite"
import { Effect, Schema } from "effect"
import { SqlClient } from "effect/sql"
import * as Refund from "./Refund.ts"

export const tables = [
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

/** Makes room for the tables of now. */
export const setAside = Sqlite.run([
  `DROP INDEX provider_job_unsold`,
  `DROP INDEX provider_job_owed`,
  `ALTER TABLE provider_job RENAME TO provider_job_before`,
  `ALTER TABLE provider_answer RENAME TO provider_answer_before`
])

/**
 * Failed jobs of the last week are owed from now on: the offer is signed when the provider
 * starts. Nobody waits for older ones any more. A failure that was signed and not yet sent is
 * owed too, and signed anew with its offer.
 */
export const copy = Effect.fnUntraced(function* (now: number) {
  const sql = yield* SqlClient.SqlClient
  const second = UnixTime.fromMillis(now)
  yield* sql`
    INSERT INTO provider_job (request_id, provider, customer, state, received_at, request, model,
      amount, bolt11, payment_hash, invoice_expires_at, begun, said_until, reason, note, busy,
      lease_owner, lease_until)
    SELECT request_id, provider, customer,
      CASE WHEN state = 'failed' OR outcome = 'failed' THEN 'lost' ELSE state END,
      received_at, request, model, amount, bolt11, payment_hash, invoice_expires_at, begun,
      CASE WHEN state = 'running' THEN lease_until / 1000 ELSE 0 END,
      CASE WHEN state = 'failed' OR outcome = 'failed' THEN note ELSE '' END,
      CASE WHEN state = 'refused' THEN note ELSE '' END,
      state IN ('paid', 'running', 'answered') AND outcome IS NOT 'failed',
      lease_owner, lease_until
    FROM provider_job_before`
  yield* sql`
    INSERT INTO provider_answer SELECT answer.* FROM provider_answer_before AS answer
    JOIN provider_job USING (request_id) WHERE state = 'answered'`
  yield* oweRecent(second)
  yield* sql`
    INSERT INTO provider_step (request_id, seq, at, state, note)
    SELECT request_id, 1, ${now}, state, 'from a book that kept no steps'
    FROM provider_job WHERE state NOT IN ('refused', 'quoted')`
  yield* Sqlite.run([`DROP TABLE provider_answer_before`, `DROP TABLE provider_job_before`])
})

const oweRecent = Effect.fnUntraced(function* (now: number) {
  const sql = yield* SqlClient.SqlClient
  const recent = yield* sql`
    SELECT request_id, amount FROM provider_job
    WHERE state = 'lost' AND amount > 0 AND received_at >= ${now - Refund.offerLasts}`.pipe(
    Effect.flatMap(decodeLost)
  )
  yield* Effect.forEach(
    recent,
    (job) => {
      const { amount, expiresAt } = Refund.offerFor(job.amount, now, "")
      return sql`
        UPDATE provider_job
        SET state = 'owed', refund_amount = ${amount}, refund_expires_at = ${expiresAt}, busy = 1,
          lease_owner = '', lease_until = 0
        WHERE request_id = ${job.request_id}`
    },
    { discard: true }
  )
})

const decodeLost = Schema.decodeUnknownEffect(
  Schema.Array(Schema.Struct({ request_id: Schema.String, amount: Msat.Msat }))
)
