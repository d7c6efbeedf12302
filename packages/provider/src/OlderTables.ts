/** The tables of a provider's book before money could be locked: what a migration goes through. */
import { Sqlite } from "@farthing/sqlite"

/**
 * Rows of a kilobyte and more: in a table without rowid each of them would spill into pages of its own.
 */
export const tables = [
  `CREATE TABLE provider_job (
     request_id TEXT NOT NULL PRIMARY KEY,
     provider TEXT NOT NULL,
     customer TEXT NOT NULL,
     state TEXT NOT NULL CHECK (state IN ('refused', 'quoted', 'paid', 'running', 'answered',
       'delivered', 'owed', 'refunded', 'lost')),
     received_at INTEGER NOT NULL,
     request TEXT,
     model TEXT,
     amount INTEGER CHECK (amount >= 0),
     bolt11 TEXT,
     payment_hash TEXT UNIQUE,
     invoice_expires_at INTEGER,
     quote TEXT,
     begun INTEGER NOT NULL DEFAULT 0,
     said_until INTEGER NOT NULL DEFAULT 0,
     refund_amount INTEGER CHECK (refund_amount <= amount),
     refund_expires_at INTEGER,
     refund_bolt11 TEXT,
     refund_hash TEXT UNIQUE,
     reason TEXT NOT NULL DEFAULT '',
     note TEXT NOT NULL DEFAULT '',
     busy INTEGER NOT NULL DEFAULT 0 CHECK (busy IN (0, 1)),
     lease_owner TEXT NOT NULL DEFAULT '',
     lease_until INTEGER NOT NULL DEFAULT 0,
     CHECK (state = 'refused' OR (request IS NOT NULL AND model IS NOT NULL AND amount IS NOT NULL
       AND bolt11 IS NOT NULL AND payment_hash IS NOT NULL AND invoice_expires_at IS NOT NULL)),
     CHECK (state NOT IN ('owed', 'refunded')
       OR (refund_amount IS NOT NULL AND refund_expires_at IS NOT NULL)),
     CHECK (state <> 'refunded' OR refund_bolt11 IS NOT NULL),
     CHECK (refund_bolt11 IS NULL OR refund_hash <> payment_hash)
   ) STRICT`,

  `CREATE INDEX provider_job_unsold ON provider_job (received_at)
     WHERE state IN ('refused', 'quoted')`,

  `CREATE INDEX provider_job_busy ON provider_job (lease_until) WHERE busy = 1`,

  `CREATE INDEX provider_job_owed ON provider_job (refund_expires_at) WHERE state = 'owed'`,

  `CREATE TRIGGER provider_job_ends_once BEFORE UPDATE OF state ON provider_job
     WHEN OLD.state IN ('delivered', 'refunded') AND NEW.state <> OLD.state BEGIN
       SELECT RAISE(ABORT, 'a job is delivered or refunded once, and never both');
     END`,

  `CREATE TRIGGER provider_job_refund_stays
     BEFORE UPDATE OF refund_amount, refund_bolt11, refund_hash ON provider_job
     WHEN OLD.refund_bolt11 IS NOT NULL AND (NEW.refund_bolt11 IS NOT OLD.refund_bolt11
       OR NEW.refund_hash IS NOT OLD.refund_hash OR NEW.refund_amount IS NOT OLD.refund_amount)
     BEGIN
       SELECT RAISE(ABORT, 'a refund invoice is never replaced');
     END`,

  `CREATE TABLE provider_answer (
     request_id TEXT NOT NULL REFERENCES provider_job (request_id),
     position INTEGER NOT NULL,
     event TEXT NOT NULL,
     PRIMARY KEY (request_id, position)
   ) STRICT`,

  `CREATE TABLE provider_step (
     request_id TEXT NOT NULL REFERENCES provider_job (request_id),
     seq INTEGER NOT NULL,
     at INTEGER NOT NULL,
     state TEXT NOT NULL,
     note TEXT NOT NULL,
     PRIMARY KEY (request_id, seq)
   ) STRICT, WITHOUT ROWID`,

  ...Sqlite.appendOnly("provider_step", "steps")
]

/**
 * A quote that is never paid leaves no steps: they begin with the payment, from which on nothing is
 * forgotten. What was signed for a job goes with it when the job is done.
 */
export const history = [
  `ALTER TABLE provider_job ADD COLUMN stepped_at INTEGER NOT NULL DEFAULT 0`,
  `ALTER TABLE provider_job ADD COLUMN step_note TEXT NOT NULL DEFAULT ''`,

  `CREATE TRIGGER provider_job_is_paid AFTER UPDATE OF state ON provider_job
     WHEN OLD.state = 'quoted' AND NEW.state IN ('paid', 'running') BEGIN
       INSERT INTO provider_step (request_id, seq, at, state, note) VALUES
         (NEW.request_id, 1, NEW.received_at * 1000, 'quoted', OLD.note),
         (NEW.request_id, 2, NEW.stepped_at, 'paid',
           NEW.amount || ' msats for ' || NEW.payment_hash);
       INSERT INTO provider_step (request_id, seq, at, state, note)
         SELECT NEW.request_id, 3, NEW.stepped_at, 'running', '' WHERE NEW.state = 'running';
     END`,

  `CREATE TRIGGER provider_job_goes_on AFTER UPDATE OF step_note ON provider_job
     WHEN OLD.state NOT IN ('refused', 'quoted') BEGIN
       INSERT INTO provider_step (request_id, seq, at, state, note)
         SELECT NEW.request_id, COALESCE(MAX(seq), 0) + 1, NEW.stepped_at, NEW.state, NEW.step_note
         FROM provider_step WHERE request_id = NEW.request_id;
     END`,

  `CREATE TRIGGER provider_job_is_done AFTER UPDATE OF state ON provider_job
     WHEN NEW.state IN ('delivered', 'refunded', 'lost') BEGIN
       DELETE FROM provider_answer WHERE request_id = NEW.request_id;
     END`
]

/** Makes room for the tables of now. */
export const setAside = [
  `DROP TRIGGER provider_job_ends_once`,
  `DROP TRIGGER provider_job_refund_stays`,
  `DROP TRIGGER provider_job_is_paid`,
  `DROP TRIGGER provider_job_goes_on`,
  `DROP TRIGGER provider_job_is_done`,
  `DROP TRIGGER provider_step_stays`,
  `DROP TRIGGER provider_step_remains`,
  `DROP INDEX provider_job_unsold`,
  `DROP INDEX provider_job_busy`,
  `DROP INDEX provider_job_owed`,
  `ALTER TABLE provider_job RENAME TO provider_job_before`,
  `ALTER TABLE provider_answer RENAME TO provider_answer_before`,
  `ALTER TABLE provider_step RENAME TO provider_step_before`
]

const columns = [
  "request_id",
  "provider",
  "customer",
  "state",
  "received_at",
  "request",
  "model",
  "amount",
  "bolt11",
  "payment_hash",
  "invoice_expires_at",
  "quote",
  "begun",
  "said_until",
  "refund_amount",
  "refund_expires_at",
  "refund_bolt11",
  "refund_hash",
  "reason",
  "note",
  "busy",
  "lease_owner",
  "lease_until",
  "stepped_at",
  "step_note"
].join(", ")

/** Everything, as it is: whatever was sold then was paid upfront. */
export const copy = [
  `INSERT INTO provider_job (${columns}) SELECT ${columns} FROM provider_job_before`,
  `INSERT INTO provider_answer SELECT * FROM provider_answer_before`,
  `INSERT INTO provider_step SELECT * FROM provider_step_before`,
  `DROP TABLE provider_answer_before`,
  `DROP TABLE provider_step_before`,
  `DROP TABLE provider_job_before`
]
