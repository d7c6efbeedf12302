/** The tables of the journal. The database itself writes down the history, and keeps it. */
import { Sqlite } from "@farthing/sqlite"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

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

/** Each step that a job takes, written with it; what is written stays. */
const history = [
  `ALTER TABLE compute_job ADD COLUMN stepped_at BIGINT NOT NULL DEFAULT 0`,
  `ALTER TABLE compute_job ADD COLUMN step_note TEXT NOT NULL DEFAULT ''`,
  `CREATE TABLE compute_step (
     seq INTEGER PRIMARY KEY AUTOINCREMENT,
     request_id TEXT NOT NULL REFERENCES compute_job (request_id),
     at BIGINT NOT NULL,
     state TEXT NOT NULL,
     note TEXT NOT NULL
   )`,
  `CREATE INDEX compute_step_by_job ON compute_step (request_id, seq)`,
  `INSERT INTO compute_step (request_id, at, state, note)
     SELECT request_id, requested_at * 1000, state, note FROM compute_job`,
  `CREATE TRIGGER compute_job_begins AFTER INSERT ON compute_job BEGIN
     INSERT INTO compute_step (request_id, at, state, note)
     VALUES (NEW.request_id, NEW.stepped_at, NEW.state, NEW.step_note);
   END`,
  `CREATE TRIGGER compute_job_goes_on AFTER UPDATE OF state, step_note ON compute_job BEGIN
     INSERT INTO compute_step (request_id, at, state, note)
     VALUES (NEW.request_id, NEW.stepped_at, NEW.state, NEW.step_note);
   END`,
  ...Sqlite.appendOnly("compute_step", "steps")
]

const refunds = [
  `ALTER TABLE compute_job ADD COLUMN refund_amount BIGINT`,
  `ALTER TABLE compute_job ADD COLUMN refund_bolt11 TEXT`,
  `ALTER TABLE compute_job ADD COLUMN refund_hash TEXT`,
  `ALTER TABLE compute_job ADD COLUMN refund_event TEXT`,
  `ALTER TABLE compute_job ADD COLUMN refund_expires_at BIGINT`,
  `ALTER TABLE compute_job ADD COLUMN refund_accepted_at BIGINT`,
  `ALTER TABLE compute_job ADD COLUMN refund_received_at BIGINT`,
  `CREATE TRIGGER compute_job_ends_once BEFORE UPDATE OF state ON compute_job
     WHEN OLD.state IN ('delivered', 'refunded') AND NEW.state <> OLD.state BEGIN
     SELECT RAISE(ABORT, 'a job is delivered or refunded once, and never both');
   END`,
  `CREATE TRIGGER compute_job_refund_stays BEFORE UPDATE OF refund_event ON compute_job
     WHEN OLD.refund_event IS NOT NULL AND NEW.refund_event IS NOT OLD.refund_event BEGIN
     SELECT RAISE(ABORT, 'the invoice of a refund is never replaced');
   END`,
  `DROP INDEX compute_job_unreconciled`,
  `CREATE INDEX compute_job_unreconciled ON compute_job (budget, request_id)
     WHERE state IN ('delivered', 'refunded') AND reconciled = 0`
]

/** The process that is at a job, and until when (unix milliseconds) without another word. */
const leases = [
  `ALTER TABLE compute_job ADD COLUMN lease_owner TEXT NOT NULL DEFAULT ''`,
  `ALTER TABLE compute_job ADD COLUMN lease_until BIGINT NOT NULL DEFAULT 0`
]

/** Budgets share a database, and nothing else; payment hashes stay unique among them all. */
const budgets = [
  `ALTER TABLE compute_job ADD COLUMN budget TEXT NOT NULL DEFAULT ''`,
  `DROP INDEX compute_job_by_purchase`,
  `DROP INDEX compute_job_by_state`,
  `DROP INDEX compute_job_by_time`,
  `CREATE INDEX compute_job_by_purchase ON compute_job (budget, purchase)`,
  `CREATE INDEX compute_job_by_state ON compute_job (budget, state, requested_at)`,
  `CREATE INDEX compute_job_by_time ON compute_job (budget, requested_at)`,
  `CREATE TABLE compute_record (
     budget TEXT NOT NULL,
     pubkey TEXT NOT NULL,
     jobs BIGINT NOT NULL DEFAULT 0,
     delivered BIGINT NOT NULL DEFAULT 0,
     lost BIGINT NOT NULL DEFAULT 0,
     refunded BIGINT NOT NULL DEFAULT 0,
     refused BIGINT NOT NULL DEFAULT 0,
     rejected BIGINT NOT NULL DEFAULT 0,
     lost_in_a_row BIGINT NOT NULL DEFAULT 0,
     last_lost_at BIGINT NOT NULL DEFAULT 0,
     refunded_in_a_row BIGINT NOT NULL DEFAULT 0,
     last_refunded_at BIGINT NOT NULL DEFAULT 0,
     recent_millis TEXT NOT NULL DEFAULT '[]',
     PRIMARY KEY (budget, pubkey)
   )`
]

/** The attempts of a purchase are found in the order of their requests. */
const attempts = [
  `DROP INDEX compute_job_by_purchase`,
  `CREATE INDEX compute_job_by_purchase ON compute_job (budget, purchase, requested_at)`
]

/** Money that is locked before it is taken, and results that come under seal. */
const settlements = [
  `ALTER TABLE compute_job ADD COLUMN own_preimage TEXT`,
  `ALTER TABLE compute_job ADD COLUMN locked_until BIGINT`,
  `ALTER TABLE compute_job ADD COLUMN release_event TEXT`,
  `ALTER TABLE compute_job ADD COLUMN fee_known BIGINT NOT NULL DEFAULT 1`,
  `CREATE TABLE compute_sealed (
     request_id TEXT NOT NULL REFERENCES compute_job (request_id),
     position BIGINT NOT NULL,
     event TEXT NOT NULL,
     PRIMARY KEY (request_id, position)
   )`,
  ...Sqlite.appendOnly("compute_sealed", "evidence"),
  `DROP TRIGGER compute_job_ends_once`,
  `CREATE TRIGGER compute_job_ends_once BEFORE UPDATE OF state ON compute_job
     WHEN OLD.state IN ('delivered', 'unclaimed', 'returned', 'refunded')
       AND NEW.state <> OLD.state BEGIN
     SELECT RAISE(ABORT, 'a job is delivered or its money comes back once, and never both');
   END`
]

/** What was written before there were several budgets belongs to the one that finds it. */
const inherit = (sql: SqlClient.SqlClient, budget: string) =>
  Effect.all(
    [
      sql`UPDATE compute_job SET budget = ${budget}`,
      sql`INSERT INTO compute_record (budget, pubkey, jobs, delivered, lost, refused, rejected,
            lost_in_a_row, last_lost_at, recent_millis)
          SELECT ${budget}, pubkey, jobs, delivered, lost, refused, rejected,
            lost_in_a_row, last_lost_at, recent_millis FROM compute_provider`,
      sql`DROP TABLE compute_provider`
    ],
    { discard: true }
  )

/** In the order of their numbers; what is there already goes to this budget. */
export const migrationsFor = (budget: string) =>
  ({
    "1_journal": Sqlite.run(tables),
    "2_reconciled": Sqlite.run(reconciled),
    "3_history": Sqlite.run(history),
    "4_budgets": Effect.andThen(
      Sqlite.run(budgets),
      Effect.flatMap(SqlClient.SqlClient, (sql) => inherit(sql, budget))
    ),
    "5_refunds": Sqlite.run(refunds),
    "6_leases": Sqlite.run(leases),
    "7_attempts": Sqlite.run(attempts),
    "8_settlements": Sqlite.run(settlements)
  }) as const

export const migrate = (budget: string) =>
  Sqlite.migrate("compute_migrations", migrationsFor(budget))
