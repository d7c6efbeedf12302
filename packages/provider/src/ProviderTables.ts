/**
 * The tables of a provider's book. The database itself keeps what must never be broken: a job
 * ends once, its preimage and its refund invoice are never replaced, and each step that it takes is
 * written down in the same stroke, once.
 */
import { Sqlite } from "@farthing/sqlite"
import { Clock, Effect } from "effect"
import * as OlderBook from "./OlderBook.ts"
import * as OlderTables from "./OlderTables.ts"

/**
 * Rows of a kilobyte and more: in a table without rowid each of them would spill into pages of its own.
 */
const tables = [
  `CREATE TABLE provider_job (
     request_id TEXT NOT NULL PRIMARY KEY,
     provider TEXT NOT NULL,
     customer TEXT NOT NULL,
     state TEXT NOT NULL CHECK (state IN ('refused', 'quoted', 'paid', 'running', 'answered',
       'awaiting', 'claiming', 'delivered', 'unpaid', 'returning', 'returned',
       'owed', 'refunded', 'lost')),
     received_at INTEGER NOT NULL,
     request TEXT,
     model TEXT,
     settlement TEXT NOT NULL DEFAULT 'upfront'
       CHECK (settlement IN ('upfront', 'escrow', 'sealed')),
     amount INTEGER CHECK (amount >= 0),
     bolt11 TEXT,
     payment_hash TEXT UNIQUE,
     invoice_expires_at INTEGER,
     preimage TEXT,
     held_until INTEGER,
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
     stepped_at INTEGER NOT NULL DEFAULT 0,
     step_note TEXT NOT NULL DEFAULT '',
     CHECK (state = 'refused' OR (request IS NOT NULL AND model IS NOT NULL AND amount IS NOT NULL
       AND bolt11 IS NOT NULL AND payment_hash IS NOT NULL AND invoice_expires_at IS NOT NULL)),
     CHECK (state NOT IN ('owed', 'refunded')
       OR (refund_amount IS NOT NULL AND refund_expires_at IS NOT NULL)),
     CHECK (state <> 'refunded' OR refund_bolt11 IS NOT NULL),
     CHECK (refund_bolt11 IS NULL OR refund_hash <> payment_hash),
     CHECK (state NOT IN ('owed', 'refunded', 'lost') OR settlement = 'upfront'),
     CHECK (state NOT IN ('awaiting', 'claiming', 'unpaid', 'returning', 'returned')
       OR settlement <> 'upfront'),
     CHECK (state NOT IN ('claiming', 'delivered') OR settlement = 'upfront'
       OR preimage IS NOT NULL),
     CHECK (settlement <> 'sealed' OR preimage IS NOT NULL),
     CHECK (settlement <> 'upfront' OR preimage IS NULL)
   ) STRICT`,

  `CREATE INDEX provider_job_unsold ON provider_job (received_at)
     WHERE state IN ('refused', 'quoted')`,

  `CREATE INDEX provider_job_busy ON provider_job (lease_until) WHERE busy = 1`,

  `CREATE INDEX provider_job_owed ON provider_job (refund_expires_at) WHERE state = 'owed'`,

  `CREATE INDEX provider_job_sealed ON provider_job (customer)
     WHERE settlement = 'sealed' AND state IN ('quoted', 'running', 'answered', 'awaiting')`,

  `CREATE INDEX provider_job_unreleased ON provider_job (customer)
     WHERE settlement = 'escrow' AND preimage IS NULL AND state IN ('awaiting', 'unpaid')`,

  `CREATE INDEX provider_job_locked ON provider_job (state)
     WHERE state IN ('awaiting', 'claiming')`,

  `CREATE TRIGGER provider_job_ends_once BEFORE UPDATE OF state ON provider_job
     WHEN OLD.state IN ('delivered', 'unpaid', 'returned', 'refunded') AND NEW.state <> OLD.state
     BEGIN
       SELECT RAISE(ABORT, 'a job ends once: delivered, or its money is back, and never both');
     END`,

  `CREATE TRIGGER provider_job_terms_stay
     BEFORE UPDATE OF settlement, preimage ON provider_job
     WHEN NEW.settlement <> OLD.settlement
       OR (OLD.preimage IS NOT NULL AND NEW.preimage IS NOT OLD.preimage) BEGIN
       SELECT RAISE(ABORT, 'a settlement and its preimage are never replaced');
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

  ...Sqlite.appendOnly("provider_step", "steps"),

  // A quote that nobody takes up leaves no steps: they begin with the payment, the lock, or the work
  // for a sealed result. From then on nothing is forgotten.
  `CREATE TRIGGER provider_job_begins AFTER UPDATE OF state ON provider_job
     WHEN OLD.state = 'quoted' AND NEW.state <> 'quoted' BEGIN
       INSERT INTO provider_step (request_id, seq, at, state, note) VALUES
         (NEW.request_id, 1, NEW.received_at * 1000, 'quoted', OLD.note),
         (NEW.request_id, 2, NEW.stepped_at,
           CASE WHEN NEW.state = 'running' AND NEW.settlement <> 'sealed' THEN 'paid'
             ELSE NEW.state END,
           CASE WHEN NEW.state = 'returning' OR NEW.settlement = 'sealed' THEN NEW.step_note
             ELSE NEW.amount || iif(NEW.settlement = 'escrow', ' msats locked to ', ' msats for ')
               || NEW.payment_hash END);
       INSERT INTO provider_step (request_id, seq, at, state, note)
         SELECT NEW.request_id, 3, NEW.stepped_at, 'running', ''
         WHERE NEW.state = 'running' AND NEW.settlement <> 'sealed';
     END`,

  `CREATE TRIGGER provider_job_goes_on AFTER UPDATE OF step_note ON provider_job
     WHEN OLD.state NOT IN ('refused', 'quoted') BEGIN
       INSERT INTO provider_step (request_id, seq, at, state, note)
         SELECT NEW.request_id, COALESCE(MAX(seq), 0) + 1, NEW.stepped_at, NEW.state, NEW.step_note
         FROM provider_step WHERE request_id = NEW.request_id;
     END`,

  // What was signed for a job goes with it when the job is done.
  `CREATE TRIGGER provider_job_is_done AFTER UPDATE OF state ON provider_job
     WHEN NEW.state IN ('delivered', 'unpaid', 'returned', 'refunded', 'lost') BEGIN
       DELETE FROM provider_answer WHERE request_id = NEW.request_id;
     END`
]

export const migrate = Sqlite.migrate("provider_migrations", {
  "1_provider": Sqlite.run(OlderBook.tables),
  "2_refunds": OlderBook.setAside.pipe(
    Effect.andThen(Sqlite.run(OlderTables.tables)),
    Effect.andThen(Clock.currentTimeMillis),
    Effect.flatMap(OlderBook.copy)
  ),
  "3_history": Sqlite.run(OlderTables.history),
  "4_settlement": Sqlite.run([...OlderTables.setAside, ...tables, ...OlderTables.copy])
})
