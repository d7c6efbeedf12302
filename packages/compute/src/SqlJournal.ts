/** The journal in the database of the home: every step is durable before the next one is taken. */
import { Treasury } from "@farthing/budget"
import type { Key, NostrEvent } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Array as Arr, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import type { Migrator, SqlError, Statement } from "effect/sql"
import type { JobState } from "./Job.ts"
import { comesFrom, type EndState, Journal, type Offer } from "./Journal.ts"
import * as Tables from "./JournalTables.ts"

/** How many delivery times a provider's median is taken from. */
const timesKept = 31

/** Databases bound the parameters of a statement. */
const idsAtOnce = 500

const make = Effect.gen(function* () {
  yield* Tables.migrate
  const sql = yield* SqlClient.SqlClient

  /** Takes a step if the job stands where the step begins; the provider, if it was taken. */
  const step = (
    request: NostrEvent.EventId,
    to: JobState,
    columns: Readonly<Record<string, string | number | null>>,
    from: ReadonlyArray<JobState> = comesFrom[to]
  ) =>
    sql<{ provider: Key.PublicKey }>`
      UPDATE compute_job SET ${sql.update({ ...columns, state: to })}
      WHERE request_id = ${request} AND ${sql.in("state", from)}
      RETURNING provider`.pipe(Effect.map((rows) => rows[0]?.provider))

  const offered = (to: "quoted" | "paying") => (request: NostrEvent.EventId, offer: Offer) =>
    step(request, to, {
      job_name: offer.jobName,
      bolt11: offer.bolt11,
      amount: offer.amount,
      payment_hash: offer.paymentHash
    }).pipe(
      Effect.map((provider) => (isTaken(provider) ? "taken" : "closed")),
      Effect.catchIf(
        (error) => error.reason._tag === "UniqueViolation",
        () => Effect.succeed("reused" as const)
      ),
      unavailable
    )

  const meet = (provider: Key.PublicKey) =>
    sql`INSERT INTO compute_provider (pubkey) VALUES (${provider}) ON CONFLICT (pubkey) DO NOTHING`

  const countEnd = Effect.fnUntraced(function* (provider: Key.PublicKey, state: EndState) {
    const now = yield* UnixTime.now
    const one = (when: EndState) => (state === when ? 1 : 0)
    yield* meet(provider)
    yield* sql`
      UPDATE compute_provider SET
        jobs = jobs + 1,
        lost = lost + ${one("lost")},
        refused = refused + ${one("refused")},
        rejected = rejected + ${one("rejected")},
        lost_in_a_row = lost_in_a_row + ${one("lost")},
        last_lost_at = CASE WHEN ${one("lost")} = 1 THEN ${now} ELSE last_lost_at END
      WHERE pubkey = ${provider}`
  })

  const countDelivery = Effect.fnUntraced(function* (
    provider: Key.PublicKey,
    wasLost: boolean,
    millis: number | undefined
  ) {
    yield* meet(provider)
    const [row] = yield* sql<{ recent_millis: string }>`
      UPDATE compute_provider SET
        jobs = jobs + ${wasLost ? 0 : 1},
        lost = lost - ${wasLost ? 1 : 0},
        delivered = delivered + 1,
        lost_in_a_row = 0
      WHERE pubkey = ${provider} RETURNING recent_millis`
    if (row === undefined || millis === undefined) return
    const recent = yield* decodeMillis(row.recent_millis)
    const kept = JSON.stringify([...recent, millis].slice(-timesKept))
    yield* sql`UPDATE compute_provider SET recent_millis = ${kept} WHERE pubkey = ${provider}`
  })

  const jobs = (condition: Statement.Fragment) =>
    sql`SELECT * FROM compute_job ${condition}`.pipe(Effect.flatMap(decodeJobs), unavailable)

  return Journal.of({
    requested: (job) =>
      sql`INSERT INTO compute_job ${sql.insert({
        request_id: job.request.event.id,
        purchase: job.purchase,
        provider: job.request.provider,
        provider_name: job.providerName,
        settlement: job.settlement,
        model: job.model ?? null,
        state: "requested",
        request: Tables.encodeRequest(job.request),
        requested_at: job.requestedAt
      })}`.pipe(Effect.asVoid, unavailable),

    quoted: offered("quoted"),

    paying: offered("paying"),

    paid: (request, payment) =>
      step(request, "paid", {
        preimage: payment.preimage,
        fee: payment.fee,
        left_today: payment.leftToday ?? null,
        paid_at: payment.paidAt
      }).pipe(Effect.map(isTaken), unavailable),

    delivered: Effect.fnUntraced(
      function* (receipt, millis) {
        const columns = {
          model: receipt.model ?? null,
          text: receipt.text,
          sha256: receipt.resultSha256,
          finish_reason: receipt.finishReason ?? null,
          tokens_in: receipt.tokensIn ?? null,
          tokens_out: receipt.tokensOut ?? null,
          stages: Tables.encodeStages(receipt.stages),
          finished_at: receipt.finishedAt,
          note: ""
        }
        const inTime = yield* step(receipt.request, "delivered", columns, ["paid"])
        const late = inTime ?? (yield* step(receipt.request, "delivered", columns, ["lost"]))
        if (late === undefined) return false
        yield* countDelivery(late, inTime === undefined, millis)
        return true
      },
      sql.withTransaction,
      unavailable
    ),

    ended: Effect.fnUntraced(
      function* (request, state, note) {
        const provider = yield* step(request, state, { note })
        if (provider === undefined) return false
        if (state !== "unknown") yield* countEnd(provider, state)
        return true
      },
      sql.withTransaction,
      unavailable
    ),

    passedOver: (request) =>
      step(request, "unpaid", { note: "another offer was taken" }, ["quoted"]).pipe(
        Effect.map(isTaken),
        unavailable
      ),

    knows: (paymentHash) =>
      sql`SELECT 1 FROM compute_job WHERE payment_hash = ${paymentHash}`.pipe(
        Effect.map((rows) => rows.length > 0),
        unavailable
      ),

    records: sql`SELECT * FROM compute_provider`.pipe(
      Effect.flatMap(decodeProviders),
      Effect.map((rows) => new Map(rows.map((row) => [row.pubkey, Tables.toRecord(row)]))),
      unavailable
    ),

    find: (purchase) =>
      jobs(sql`WHERE purchase = ${purchase} ORDER BY requested_at, request_id`).pipe(
        Effect.map(Arr.map(Tables.toEntry))
      ),

    unfinished: ({ lostSince }) =>
      jobs(sql`WHERE ${sql.in("state", ["requested", "quoted", "paying", "paid", "unknown"])}
        OR (state = 'lost' AND requested_at >= ${lostSince}) ORDER BY requested_at`).pipe(
        Effect.map(Arr.map(Tables.toEntry))
      ),

    unreconciled: sql`
      SELECT request_id AS request, purchase, payment_hash AS "paymentHash" FROM compute_job
      WHERE state = 'delivered' AND reconciled = 0`.pipe(
      Effect.flatMap(decodeDeliveries),
      unavailable
    ),

    reconciled: (requests) =>
      Effect.forEach(
        Arr.chunksOf(requests, idsAtOnce),
        (some) => sql`UPDATE compute_job SET reconciled = 1 WHERE ${sql.in("request_id", some)}`,
        { discard: true }
      ).pipe(unavailable),

    jobs: (limit) =>
      jobs(sql`ORDER BY requested_at DESC, request_id LIMIT ${limit}`).pipe(
        Effect.map(Arr.map(Tables.toJob))
      ),

    receipts: (limit) =>
      jobs(
        sql`WHERE state = 'delivered' ORDER BY finished_at DESC, request_id LIMIT ${limit}`
      ).pipe(Effect.map(Arr.flatMap((row) => Arr.fromOption(Tables.toReceipt(row)))))
  })
})

export const layer: Layer.Layer<
  Journal,
  Migrator.MigrationError | SqlError.SqlError,
  SqlClient.SqlClient
> = Layer.effect(Journal, make)

const decodeJobs = Schema.decodeUnknownEffect(Schema.Array(Tables.JobRow))
const decodeDeliveries = Schema.decodeUnknownEffect(Schema.Array(Tables.DeliveryRow))
const decodeProviders = Schema.decodeUnknownEffect(Schema.Array(Tables.ProviderRow))
const decodeMillis = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Array(Schema.Finite)))

const isTaken = (provider: Key.PublicKey | undefined): boolean => provider !== undefined

const unavailable = <A, R>(
  effect: Effect.Effect<A, SqlError.SqlError | Schema.SchemaError, R>
): Effect.Effect<A, Treasury.LedgerUnavailable, R> =>
  Effect.mapError(
    effect,
    (error) => new Treasury.LedgerUnavailable({ message: `The job journal: ${error.message}` })
  )
