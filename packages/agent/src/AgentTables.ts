/** The tables of the agents' book. */
import { Sqlite } from "@farthing/sqlite"

const tables = [
  `CREATE TABLE agent (
     id TEXT PRIMARY KEY,
     account BIGINT,
     charter TEXT NOT NULL,
     paused BIGINT NOT NULL DEFAULT 0,
     life TEXT,
     next_heartbeat BIGINT,
     state TEXT,
     lease_owner TEXT NOT NULL DEFAULT '',
     lease_until BIGINT NOT NULL DEFAULT 0
   )`,
  `CREATE TABLE agent_tick (
     agent TEXT NOT NULL REFERENCES agent (id),
     number BIGINT NOT NULL,
     "trigger" TEXT NOT NULL,
     stage TEXT NOT NULL CHECK (stage IN ('thinking', 'acting', 'finished', 'failed')),
     prompt TEXT NOT NULL,
     mail TEXT NOT NULL,
     reply TEXT NOT NULL DEFAULT '',
     cost BIGINT NOT NULL DEFAULT 0,
     provider TEXT,
     note TEXT NOT NULL DEFAULT '',
     started_at BIGINT NOT NULL,
     finished_at BIGINT,
     PRIMARY KEY (agent, number)
   )`,
  // An agent has one thought at a time.
  `CREATE UNIQUE INDEX agent_tick_unfinished ON agent_tick (agent)
     WHERE stage IN ('thinking', 'acting')`,
  `CREATE TABLE agent_action (
     agent TEXT NOT NULL,
     tick BIGINT NOT NULL,
     position BIGINT NOT NULL,
     action TEXT NOT NULL,
     state TEXT NOT NULL,
     note TEXT NOT NULL DEFAULT '',
     approved BIGINT NOT NULL DEFAULT 0,
     bolt11 TEXT,
     cost BIGINT NOT NULL DEFAULT 0,
     event TEXT,
     PRIMARY KEY (agent, tick, position)
   )`,
  `CREATE INDEX agent_action_open ON agent_action (agent, state)
     WHERE state IN ('intended', 'waiting', 'approved', 'begun', 'unknown')`,
  `CREATE TRIGGER agent_action_ends_once BEFORE UPDATE OF state ON agent_action
     WHEN OLD.state IN ('done', 'refused', 'rejected', 'failed') AND NEW.state <> OLD.state BEGIN
     SELECT RAISE(ABORT, 'an action is done once');
   END`,
  `CREATE TABLE agent_letter (
     agent TEXT NOT NULL REFERENCES agent (id),
     id TEXT NOT NULL,
     kind TEXT NOT NULL,
     author TEXT NOT NULL,
     received_at BIGINT NOT NULL,
     event TEXT NOT NULL,
     tick BIGINT,
     PRIMARY KEY (agent, id)
   )`,
  `CREATE INDEX agent_letter_unread ON agent_letter (agent, received_at) WHERE tick IS NULL`,
  `CREATE TABLE agent_outbox (
     id TEXT PRIMARY KEY,
     agent TEXT NOT NULL REFERENCES agent (id),
     address TEXT,
     event TEXT NOT NULL,
     published_at BIGINT
   )`,
  `CREATE INDEX agent_outbox_unpublished ON agent_outbox (agent) WHERE published_at IS NULL`,
  `CREATE INDEX agent_outbox_address ON agent_outbox (address) WHERE address IS NOT NULL`
]

export const migrate = Sqlite.migrate("agent_migrations", { "1_agents": Sqlite.run(tables) })
