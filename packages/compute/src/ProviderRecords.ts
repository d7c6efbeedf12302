/** How each provider did, counted in the same transaction in which a job takes its step. */
import { Key, type Msat } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Effect, Schema } from "effect"
import { SqlClient } from "effect/sql"
import type { EndState } from "./Journal.ts"
import type { Record } from "./Provider.ts"

/** How many delivery times a provider's median is taken from. */
const timesKept = 31

/** A refund that was accepted, and what had been paid. */
export interface Returned {
  readonly paid: Msat.Msat
  readonly refund: Msat.Msat
}

export const make = Effect.fnUntraced(function* (budget: string) {
  const sql = yield* SqlClient.SqlClient

  const meet = (pubkey: Key.PublicKey) =>
    sql`INSERT INTO compute_record (budget, pubkey) VALUES (${budget}, ${pubkey})
      ON CONFLICT (budget, pubkey) DO NOTHING`

  const ofProvider = (pubkey: Key.PublicKey) => sql`budget = ${budget} AND pubkey = ${pubkey}`

  /** A job that came to nothing. */
  const ended = Effect.fnUntraced(function* (pubkey: Key.PublicKey, state: EndState) {
    const now = yield* UnixTime.now
    const one = (when: EndState) => (state === when ? 1 : 0)
    yield* meet(pubkey)
    yield* sql`
      UPDATE compute_record SET
        jobs = jobs + 1,
        lost = lost + ${one("lost")},
        refused = refused + ${one("refused")},
        rejected = rejected + ${one("rejected")},
        lost_in_a_row = lost_in_a_row + ${one("lost")},
        last_lost_at = CASE WHEN ${one("lost")} = 1 THEN ${now} ELSE last_lost_at END
      WHERE ${ofProvider(pubkey)}`
  })

  const delivered = Effect.fnUntraced(function* (
    pubkey: Key.PublicKey,
    wasLost: boolean,
    millis: number | undefined
  ) {
    yield* meet(pubkey)
    const [row] = yield* sql<{ recent_millis: string }>`
      UPDATE compute_record SET
        jobs = jobs + ${wasLost ? 0 : 1},
        lost = lost - ${wasLost ? 1 : 0},
        delivered = delivered + 1,
        lost_in_a_row = 0,
        refunded_in_a_row = 0
      WHERE ${ofProvider(pubkey)} RETURNING recent_millis`
    if (row === undefined || millis === undefined) return
    const recent = yield* decodeMillis(row.recent_millis)
    const kept = JSON.stringify([...recent, millis].slice(-timesKept))
    yield* sql`UPDATE compute_record SET recent_millis = ${kept} WHERE ${ofProvider(pubkey)}`
  })

  /** Takes the loss back, if what came back is worth the name of a refund. */
  const refunded = Effect.fnUntraced(function* (pubkey: Key.PublicKey, returned: Returned) {
    const now = yield* UnixTime.now
    const forgiven = isFair(returned) ? 1 : 0
    yield* sql`
      UPDATE compute_record SET
        lost = lost - ${forgiven},
        lost_in_a_row = MAX(lost_in_a_row - ${forgiven}, 0),
        refunded = refunded + ${forgiven},
        refunded_in_a_row = refunded_in_a_row + ${forgiven},
        last_refunded_at = ${now}
      WHERE ${ofProvider(pubkey)}`
  })

  const all = sql`SELECT * FROM compute_record WHERE budget = ${budget}`.pipe(
    Effect.flatMap(decodeRecords),
    Effect.map((rows) => new Map(rows.map((row) => [row.pubkey, toRecord(row)])))
  )

  return { ended, delivered, refunded, all }
})

/** Msat: what the way back may cost, however little was paid. */
const smallFee = 2_000

/** Who keeps more than half, and more than a payment costs, has taken the money. */
const isFair = ({ paid, refund }: Returned): boolean =>
  paid - refund <= Math.max(paid / 2, smallFee)

const RecordRow = Schema.Struct({
  pubkey: Key.PublicKey,
  jobs: Schema.Int,
  delivered: Schema.Int,
  lost: Schema.Int,
  refunded: Schema.Int,
  refused: Schema.Int,
  rejected: Schema.Int,
  lost_in_a_row: Schema.Int,
  last_lost_at: Schema.Int,
  refunded_in_a_row: Schema.Int,
  last_refunded_at: Schema.Int,
  recent_millis: Schema.fromJsonString(Schema.Array(Schema.Finite))
})
type RecordRow = typeof RecordRow.Type

const decodeRecords = Schema.decodeUnknownEffect(Schema.Array(RecordRow))
const decodeMillis = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Array(Schema.Finite)))

const toRecord = (row: RecordRow): Record => ({
  jobs: row.jobs,
  delivered: row.delivered,
  lost: row.lost,
  refunded: row.refunded,
  refused: row.refused,
  rejected: row.rejected,
  medianMillis: median(row.recent_millis),
  avoidUntil: later(
    coolDown(row.lost_in_a_row, row.last_lost_at, firstAfterLoss),
    coolDown(row.refunded_in_a_row - refundsForgiven, row.last_refunded_at, firstAfterRefunds)
  )
})

/** Seconds; doubled with each one more in a row. */
const firstAfterLoss = 3600
const firstAfterRefunds = 600
const longestCoolDown = 30 * 24 * 3600

/** Anybody's machine may fail once; who delivers nothing but refunds costs time and fees. */
const refundsForgiven = 1

const coolDown = (inARow: number, last: number, first: number): number | undefined =>
  inARow <= 0 ? undefined : last + Math.min(first * 2 ** (inARow - 1), longestCoolDown)

const later = (one: number | undefined, other: number | undefined): number | undefined =>
  one === undefined ? other : other === undefined ? one : Math.max(one, other)

const median = (values: ReadonlyArray<number>): number | undefined =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]
