/**
 * What a Spark wallet has to remember: its invoices and quoted HTLCs, because the service provider
 * knows them by ids of its own alone, and what it was about to lock. What became of them is for the
 * operators to say.
 */
import type { Bolt11, Msat } from "@farthing/protocol"
import { Sqlite } from "@farthing/sqlite"
import { Effect, PubSub } from "effect"
import { SqlClient } from "effect/sql"
import type { SqlError } from "effect/sql"
import type { WalletId } from "../Wallet.ts"

/**
 * `invoice`: the operators know its preimage. `hold` and `htlc`: they do not. `recalled`: an invoice of
 * which nobody remembers that.
 */
export type Kind = "invoice" | "hold" | "htlc" | "recalled"

/** `shown`: its preimage may have been, so it is not cancelled any more. */
export type State = "open" | "held" | "shown" | "settled" | "cancelled"

export interface IncomingRow {
  readonly seq: number
  readonly payment_hash: Bolt11.PaymentHash
  readonly kind: Kind
  /** The service provider's id; none for an HTLC. */
  readonly request_id: string | null
  /** Empty for an HTLC. */
  readonly bolt11: string
  readonly amount: Msat.Msat
  readonly state: State
  /** Unix seconds. */
  readonly created_at: number
  readonly expires_at: number
  /** Until when what is or was held could be taken. */
  readonly held_until: number | null
  readonly settled_at: number | null
  /** The leaves that came for it. No other invoice is settled by them. */
  readonly transfer_id: string | null
}

export type NewIncoming = Omit<IncomingRow, "seq" | "state" | "held_until" | keyof Settlement>

export interface Settlement {
  readonly settled_at: number
  readonly transfer_id: string
}

export interface OutgoingRow {
  readonly payment_hash: Bolt11.PaymentHash
  readonly bolt11: string
  readonly amount: Msat.Msat
  /** In which leaves were, or were about to be, locked. */
  readonly transfer_id: string
  readonly created_at: number
}

export interface ChangeRow {
  readonly seq: number
  readonly payment_hash: Bolt11.PaymentHash
  readonly state: "held" | "settled"
}

export type SparkBook = Effect.Success<ReturnType<typeof make>>

export const make = Effect.fnUntraced(function* (wallet: WalletId) {
  yield* migrate
  const sql = yield* SqlClient.SqlClient
  const changes = yield* PubSub.sliding<true>(1)

  /** Changes the state if it is one of these; what is held or settled now is told. */
  const move = (
    paymentHash: Bolt11.PaymentHash,
    from: ReadonlyArray<State>,
    to: State,
    facts: Partial<Settlement & Pick<IncomingRow, "held_until">> = {}
  ) =>
    sql
      .withTransaction(
        Effect.gen(function* () {
          const moved = yield* sql`
          UPDATE spark_incoming SET ${sql.update({ state: to, ...facts })}
          WHERE wallet = ${wallet} AND payment_hash = ${paymentHash} AND ${sql.in("state", from)}
          RETURNING payment_hash`
          if (moved.length > 0 && (to === "held" || to === "settled")) {
            yield* sql`INSERT INTO spark_change ${sql.insert({ wallet, payment_hash: paymentHash, state: to })}`
          }
          return moved.length > 0
        })
      )
      .pipe(Effect.tap((hasMoved) => (hasMoved ? PubSub.publish(changes, true) : Effect.void)))

  return {
    /** That something is held or settled now, as far as this process has written it. */
    changes,

    incoming: (paymentHash: Bolt11.PaymentHash) =>
      first(sql<IncomingRow>`
        SELECT * FROM spark_incoming WHERE wallet = ${wallet} AND payment_hash = ${paymentHash}`),

    /** Whether it was not there before. */
    addIncoming: (row: NewIncoming) =>
      Effect.map(
        sql`INSERT INTO spark_incoming ${sql.insert({ wallet, state: "open", ...row })}
            ON CONFLICT DO NOTHING RETURNING payment_hash`,
        (added) => added.length > 0
      ),

    /** Somebody has locked money for it. */
    markHeld: (paymentHash: Bolt11.PaymentHash, held_until: number | null) =>
      move(paymentHash, ["open"], "held", { held_until }),

    /** Whether its preimage may be shown, from now on also after a crash. */
    markShown: (paymentHash: Bolt11.PaymentHash) =>
      move(paymentHash, ["open", "held", "shown"], "shown"),

    /** What has come to us is ours, cancelled or not. */
    markSettled: (paymentHash: Bolt11.PaymentHash, settlement: Settlement) =>
      move(paymentHash, ["open", "held", "shown", "cancelled"], "settled", settlement),

    /** What that transfer has settled already. */
    settledBy: (transferId: string) =>
      first(sql<Pick<IncomingRow, "payment_hash">>`
        SELECT payment_hash FROM spark_incoming
        WHERE wallet = ${wallet} AND transfer_id = ${transferId}`),

    /** Whether it is cancelled: what may be taken by now is not. */
    markCancelled: (paymentHash: Bolt11.PaymentHash) =>
      move(paymentHash, ["open", "held", "cancelled"], "cancelled"),

    /** Newest first. */
    listIncoming: (since: number, limit: number) =>
      sql<IncomingRow>`
        SELECT * FROM spark_incoming WHERE wallet = ${wallet} AND created_at >= ${since}
        ORDER BY created_at DESC, seq DESC LIMIT ${limit}`,

    /** What may still be paid or taken, if it could be paid at that unix second. */
    unfinished: (now: number) =>
      sql<IncomingRow>`
        SELECT * FROM spark_incoming
        WHERE wallet = ${wallet} AND (state IN ('held', 'shown') OR (state = 'open' AND expires_at > ${now}))
        ORDER BY seq DESC`,

    /** Whether all that others remember was brought back. */
    isComplete: Effect.map(
      sql`SELECT wallet FROM spark_complete WHERE wallet = ${wallet}`,
      (rows) => rows.length > 0
    ),

    markComplete: sql`INSERT INTO spark_complete ${sql.insert({ wallet })} ON CONFLICT DO NOTHING`,

    newestChange: Effect.map(
      first(sql<{ readonly seq: number }>`
        SELECT coalesce(max(seq), 0) AS seq FROM spark_change WHERE wallet = ${wallet}`),
      (row) => row?.seq ?? 0
    ),

    changesAfter: (seq: number) =>
      sql<ChangeRow>`
        SELECT seq, payment_hash, state FROM spark_change
        WHERE wallet = ${wallet} AND seq > ${seq} ORDER BY seq`,

    outgoing: (paymentHashes: ReadonlyArray<Bolt11.PaymentHash>) =>
      sql<OutgoingRow>`
        SELECT * FROM spark_outgoing
        WHERE wallet = ${wallet} AND ${sql.in("payment_hash", paymentHashes)}`,

    /** Before anything is locked. A later attempt replaces one that has locked nothing. */
    recordOutgoing: (row: OutgoingRow) =>
      sql`INSERT INTO spark_outgoing ${sql.insert({ wallet, ...row })}
          ON CONFLICT DO UPDATE SET transfer_id = ${row.transfer_id}, created_at = ${row.created_at}`
  }
})

const first = <A>(rows: Effect.Effect<ReadonlyArray<A>, SqlError.SqlError>) =>
  Effect.map(rows, (found) => found[0])

const tables = [
  `CREATE TABLE spark_incoming (
     seq INTEGER PRIMARY KEY AUTOINCREMENT,
     wallet TEXT NOT NULL,
     payment_hash TEXT NOT NULL,
     kind TEXT NOT NULL CHECK (kind IN ('invoice', 'hold', 'htlc', 'recalled')),
     request_id TEXT,
     bolt11 TEXT NOT NULL,
     amount INTEGER NOT NULL CHECK (amount > 0),
     state TEXT NOT NULL CHECK (state IN ('open', 'held', 'shown', 'settled', 'cancelled')),
     created_at INTEGER NOT NULL,
     expires_at INTEGER NOT NULL,
     held_until INTEGER,
     settled_at INTEGER,
     transfer_id TEXT,
     UNIQUE (wallet, payment_hash),
     UNIQUE (wallet, transfer_id)
   ) STRICT`,

  `CREATE INDEX spark_incoming_by_time ON spark_incoming (wallet, created_at)`,

  `CREATE INDEX spark_incoming_unfinished ON spark_incoming (wallet, state, expires_at)
   WHERE state IN ('open', 'held', 'shown')`,

  `CREATE TABLE spark_outgoing (
     wallet TEXT NOT NULL,
     payment_hash TEXT NOT NULL,
     bolt11 TEXT NOT NULL,
     amount INTEGER NOT NULL CHECK (amount > 0),
     transfer_id TEXT NOT NULL,
     created_at INTEGER NOT NULL,
     PRIMARY KEY (wallet, payment_hash)
   ) STRICT, WITHOUT ROWID`,

  `CREATE TABLE spark_change (
     seq INTEGER PRIMARY KEY AUTOINCREMENT,
     wallet TEXT NOT NULL,
     payment_hash TEXT NOT NULL,
     state TEXT NOT NULL
   ) STRICT`,

  `CREATE TABLE spark_complete (wallet TEXT PRIMARY KEY) STRICT, WITHOUT ROWID`,

  `CREATE INDEX spark_change_by_wallet ON spark_change (wallet, seq)`
]

const migrate = Sqlite.migrate("spark_migrations", { "1_book": Sqlite.run(tables) })
