/** How each provider did, counted in the same transaction in which a job takes its step. */
import { Key, type Msat } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Prepared } from "@farthing/sqlite"
import type { Slots } from "@farthing/sqlite/Prepared"
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
  const prepared = Prepared.make(sql)

  const ofProvider = (pubkey: Key.PublicKey) => sql`budget = ${budget} AND pubkey = ${pubkey}`

  /** A job that came to nothing. */
  const ended = (pubkey: Key.PublicKey, state: EndState) =>
    Effect.flatMap(UnixTime.now, (now) => {
      const one = (when: EndState) => (state === when ? 1 : 0)
      return sql`
        INSERT INTO compute_record ${sql.insert({
          budget,
          pubkey,
          jobs: 1,
          lost: one("lost"),
          refused: one("refused") + one("returned"),
          rejected: one("rejected"),
          lost_in_a_row: one("lost"),
          last_lost_at: now * one("lost")
        })}
        ON CONFLICT (budget, pubkey) DO UPDATE SET
          jobs = compute_record.jobs + 1,
          lost = compute_record.lost + excluded.lost,
          refused = compute_record.refused + excluded.refused,
          rejected = compute_record.rejected + excluded.rejected,
          lost_in_a_row = compute_record.lost_in_a_row + excluded.lost,
          last_lost_at = MAX(compute_record.last_lost_at, excluded.last_lost_at)`
    })

  /** It has money locked, and gave nothing for it: whatever becomes of that, it is avoided for now. */
  const stalled = (pubkey: Key.PublicKey) =>
    Effect.flatMap(
      UnixTime.now,
      (now) => sql`
        INSERT INTO compute_record ${sql.insert({
          budget,
          pubkey,
          lost_in_a_row: 1,
          last_lost_at: now
        })}
        ON CONFLICT (budget, pubkey) DO UPDATE SET
          lost_in_a_row = compute_record.lost_in_a_row + 1,
          last_lost_at = excluded.last_lost_at`
    )

  /** The times that are kept, without the oldest where there are enough. */
  const roomForOne = sql`CASE WHEN json_array_length(compute_record.recent_millis) < ${timesKept}
    THEN compute_record.recent_millis ELSE json_remove(compute_record.recent_millis, '$[0]') END`

  const addDelivered = prepared(
    (
      by: Slots<{
        readonly pubkey: Key.PublicKey
        readonly jobs: number
        readonly lost: number
        readonly millis: string
      }>
    ) => sql`
      INSERT INTO compute_record ${sql.insert({
        budget,
        pubkey: by.pubkey,
        jobs: by.jobs,
        delivered: 1,
        recent_millis: by.millis
      })}
      ON CONFLICT (budget, pubkey) DO UPDATE SET
        jobs = compute_record.jobs + excluded.jobs,
        lost = compute_record.lost - ${by.lost},
        delivered = compute_record.delivered + 1,
        lost_in_a_row = 0,
        refunded_in_a_row = 0,
        recent_millis = CASE json_array_length(excluded.recent_millis)
          WHEN 0 THEN compute_record.recent_millis
          ELSE json_insert(${roomForOne}, '$[#]', json_extract(excluded.recent_millis, '$[0]'))
        END`
  )

  const delivered = (pubkey: Key.PublicKey, wasLost: boolean, millis: number | undefined) =>
    addDelivered({
      pubkey,
      jobs: wasLost ? 0 : 1,
      lost: wasLost ? 1 : 0,
      millis: JSON.stringify(millis === undefined ? [] : [millis])
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

  const all = prepared(() => sql`SELECT * FROM compute_record WHERE budget = ${budget}`)({}).pipe(
    Effect.flatMap(decodeRecords),
    Effect.map((rows) => new Map(rows.map((row) => [row.pubkey, toRecord(row)])))
  )

  return { ended, stalled, delivered, refunded, all }
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
