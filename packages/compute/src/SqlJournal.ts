/**
 * The journal in the database of the home: every step is durable before the next one is taken. Steps of
 * jobs that run beside each other share a commit: each is a transaction, even of one statement.
 */
import type { Key, Msat, NostrEvent } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Prepared } from "@farthing/sqlite"
import type { Slots } from "@farthing/sqlite/Prepared"
import { Array as Arr, Clock, Duration, Effect, Layer, Option, Redacted, Struct } from "effect"
import { SqlClient, SqlError } from "effect/sql"
import type { Migrator } from "effect/sql"
import { randomUUID } from "node:crypto"
import type { JobState, Offer } from "./Job.ts"
import { comesFrom, Journal } from "./Journal.ts"
import * as Rows from "./JournalRows.ts"
import * as Tables from "./JournalTables.ts"
import * as ProviderRecords from "./ProviderRecords.ts"
import * as SqlLookups from "./SqlLookups.ts"
import { unavailable } from "./SqlLookups.ts"

export interface Options {
  /** Whose journal it is: budgets that share a database see nothing of each other's jobs. */
  readonly budget: string
}

/** A process that says nothing for so long is dead. */
const lease = Duration.toMillis("10 seconds")

/** Databases bound the parameters of a statement. */
const idsAtOnce = 500

const make = Effect.fnUntraced(function* ({ budget }: Options) {
  yield* Tables.migrate(budget)
  const sql = yield* SqlClient.SqlClient
  const prepared = Prepared.make(sql)
  const records = yield* ProviderRecords.make(budget)
  const owner = randomUUID()

  /** Takes a step if the job stands where the step begins; whose job it is, if it was taken. */
  const step = <Column extends string = never>(
    to: JobState,
    columns: ReadonlyArray<Column> = [],
    from: ReadonlyArray<JobState> = comesFrom[to]
  ) => {
    const write = prepared(
      (by: Slots<Step & { readonly [Name in Column]: Cell }>) => sql<Stepped>`
        UPDATE compute_job
        SET ${sql.update({
          ...Prepared.pick(by, columns),
          state: to,
          stepped_at: by.now,
          step_note: by.said
        })}
        WHERE request_id = ${by.request} AND ${sql.in("state", from)}
        RETURNING provider, amount, refund_amount AS refund`
    )
    return (
      request: NostrEvent.EventId,
      said: string,
      cells: { readonly [Name in Column]: Cell }
    ): Effect.Effect<Stepped | undefined, SqlError.SqlError> =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        Effect.map(write({ ...cells, request, said, now }), ([stepped]) => stepped)
      )
  }

  const offered = (to: "quoted" | "paying") => {
    const take = step(to, ["job_name", "bolt11", "amount", "payment_hash"])
    return (request: NostrEvent.EventId, offer: Offer) =>
      take(request, `${offer.amount} msat, payment hash ${offer.paymentHash}`, {
        job_name: offer.jobName,
        bolt11: offer.bolt11,
        amount: offer.amount,
        payment_hash: offer.paymentHash
      }).pipe(
        sql.withTransaction,
        Effect.map((stepped) => (isTaken(stepped) ? "taken" : "closed")),
        Effect.catchIf(
          (error) => error.reason._tag === "UniqueViolation",
          () => Effect.succeed("reused" as const)
        ),
        unavailable
      )
  }

  const insert = prepared(
    (row: Slots<{ readonly [Name in (typeof wish)[number]]: Cell }>) => sql`
      INSERT INTO compute_job ${sql.insert({
        ...Prepared.pick(row, wish),
        budget,
        state: "requested",
        lease_owner: owner
      })}`
  )

  const toLocked = step("locked", ["locked_until"])
  const toReleased = step("released", [...result, ...payment, "release_event"])
  const toClaimed = step("delivered", ["note"], ["released"])
  const toClaimedFor = step("delivered", ["note", "fee", "fee_known"], ["released"])
  const toPaid = step("paid", payment)

  const toDelivered = step("delivered", result, ["paid"])
  const toForgiven = step("delivered", result, ["lost"])
  const toPassedOver = step("unpaid", ["note"], ["quoted"])

  return Journal.of({
    ...SqlLookups.make(sql, budget),

    requested: (job) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        insert({
          request_id: job.request.event.id,
          purchase: job.purchase,
          provider: job.request.provider,
          provider_name: job.providerName,
          settlement: job.settlement,
          own_preimage: Option.getOrNull(Option.map(job.preimage, Redacted.value)),
          model: job.model ?? null,
          request: Rows.encodeRequest(job.request),
          requested_at: job.requestedAt,
          stepped_at: now,
          lease_until: now + lease
        })
      ).pipe(sql.withTransaction, Effect.asVoid, unavailable),

    quoted: offered("quoted"),

    paying: offered("paying"),

    sealed: Effect.fnUntraced(
      function* (request, events) {
        const note = `${events.length} messages under seal`
        const stepped = yield* step("sealed")(request, note, {})
        if (stepped === undefined) return false
        yield* Effect.forEach(
          events,
          (event, position) =>
            sql`INSERT INTO compute_sealed ${sql.insert({
              request_id: request,
              position,
              event: Rows.encodeEvent(event)
            })}`,
          { discard: true }
        )
        return true
      },
      sql.withTransaction,
      unavailable
    ),

    locked: (request, { until }) =>
      toLocked(request, `the money is locked until ${UnixTime.toISOString(until)}`, {
        locked_until: until
      }).pipe(sql.withTransaction, Effect.map(isTaken), unavailable),

    released: Effect.fnUntraced(
      function* (receipt, release, millis) {
        const { request, resultSha256 } = receipt
        const stepped = yield* toReleased(request, `sha256 ${resultSha256}`, {
          ...Rows.resultColumns(receipt),
          ...Rows.paymentColumns({ ...receipt, paidAt: receipt.finishedAt }),
          release_event: Rows.encodeEvent(release)
        })
        if (stepped === undefined) return false
        yield* records.delivered(stepped.provider, false, millis)
        return true
      },
      sql.withTransaction,
      unavailable
    ),

    claimed: (request, fee) =>
      (fee === undefined
        ? toClaimed(request, "the provider took its money", { note: "" })
        : toClaimedFor(request, `the provider took its money, fee ${fee} msat`, {
            note: "",
            fee,
            fee_known: 1
          })
      ).pipe(sql.withTransaction, Effect.map(isTaken), unavailable),

    unclaimed: (request, note) =>
      step("unclaimed", ["note"])(request, note, { note }).pipe(
        sql.withTransaction,
        Effect.map(isTaken),
        unavailable
      ),

    paid: (request, payment) =>
      toPaid(request, `fee ${payment.fee} msat`, Rows.paymentColumns(payment)).pipe(
        sql.withTransaction,
        Effect.map(isTaken),
        unavailable
      ),

    delivered: Effect.fnUntraced(
      function* (receipt, millis) {
        const cells = Rows.resultColumns(receipt)
        const { request, resultSha256 } = receipt
        const sha256 = `sha256 ${resultSha256}`
        const inTime = yield* toDelivered(request, sha256, cells)
        const stepped = inTime ?? (yield* toForgiven(request, `forgiven: ${sha256}`, cells))
        if (stepped === undefined) return false
        yield* records.delivered(stepped.provider, inTime === undefined, millis)
        return true
      },
      sql.withTransaction,
      unavailable
    ),

    ended: Effect.fnUntraced(
      function* (request, state, note) {
        // A refund that does not come was counted as a loss when it was accepted.
        const isBroken =
          state === "lost" &&
          isTaken(yield* step(state, ["note"], ["refunding"])(request, note, { note }))
        if (isBroken) return true
        const stepped = yield* step(state, ["note"])(request, note, { note })
        if (stepped === undefined) return false
        if (state !== "unknown") yield* records.ended(stepped.provider, state)
        return true
      },
      sql.withTransaction,
      unavailable
    ),

    passedOver: (request) =>
      toPassedOver(request, passedOver, { note: passedOver }).pipe(
        sql.withTransaction,
        Effect.map(isTaken),
        unavailable
      ),

    refunding: Effect.fnUntraced(
      function* (request, refund) {
        const note = `refund accepted: ${refund.amount} msat to our invoice ${refund.paymentHash}`
        const cells = { ...Rows.refundColumns(refund), note }
        const columns = Struct.keys(cells)
        const again = step("refunding", columns, ["lost"])
        if (isTaken(yield* again(request, note, cells))) return true
        const stepped = yield* step("refunding", columns, ["paid"])(request, note, cells)
        if (stepped === undefined) return false
        yield* records.ended(stepped.provider, "lost")
        return true
      },
      sql.withTransaction,
      unavailable
    ),

    refunded: Effect.fnUntraced(
      function* (request, receivedAt) {
        const cells = { refund_received_at: receivedAt, note: "the money is back" }
        const toRefunded = step("refunded", Struct.keys(cells))
        const stepped = yield* toRefunded(request, "refund received", cells)
        if (stepped === undefined) return false
        const { amount, provider, refund } = stepped
        if (amount !== null && refund !== null)
          yield* records.refunded(provider, { paid: amount, refund })
        return true
      },
      sql.withTransaction,
      unavailable
    ),

    noted: (request, note) =>
      Effect.flatMap(
        Clock.currentTimeMillis,
        (now) =>
          sql`UPDATE compute_job SET ${sql.update({ stepped_at: now, step_note: note })}
            WHERE request_id = ${request} AND step_note <> ${note}`
      ).pipe(Effect.asVoid, unavailable),

    together: (effect) =>
      Effect.catchIf(sql.withTransaction(effect), SqlError.isSqlError, (error) =>
        unavailable(Effect.fail(error))
      ),

    keepAlive: (purchases) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        Effect.forEach(
          Arr.chunksOf(purchases, idsAtOnce),
          (some) => sql`UPDATE compute_job SET lease_until = ${now + lease}
            WHERE budget = ${budget} AND lease_owner = ${owner} AND ${sql.in("purchase", some)}`,
          { discard: true }
        )
      ).pipe(unavailable),

    letGo: (request) =>
      sql`UPDATE compute_job SET lease_until = 0
        WHERE request_id = ${request} AND lease_owner = ${owner}`.pipe(
        sql.withTransaction,
        Effect.asVoid,
        unavailable
      ),

    stalled: (request) =>
      sql<Pick<Stepped, "provider">>`
        UPDATE compute_job SET lease_until = 0
        WHERE request_id = ${request} AND state = 'locked' RETURNING provider`.pipe(
        Effect.flatMap((rows) =>
          Effect.forEach(rows, ({ provider }) => records.stalled(provider), { discard: true })
        ),
        sql.withTransaction,
        unavailable
      ),

    records: unavailable(records.all),

    reconciled: (requests) =>
      Effect.forEach(
        Arr.chunksOf(requests, idsAtOnce),
        (some) => sql`UPDATE compute_job SET reconciled = 1 WHERE ${sql.in("request_id", some)}`,
        { discard: true }
      ).pipe(unavailable)
  })
})

export const layer = (
  options: Options
): Layer.Layer<Journal, Migrator.MigrationError | SqlError.SqlError, SqlClient.SqlClient> =>
  Layer.effect(Journal, make(options))

/** The columns that a request fills. */
const wish = [
  "request_id",
  "purchase",
  "provider",
  "provider_name",
  "settlement",
  "own_preimage",
  "model",
  "request",
  "requested_at",
  "stepped_at",
  "lease_until"
] as const

/** The columns that a delivery fills. */
const result = [
  "model",
  "text",
  "sha256",
  "finish_reason",
  "tokens_in",
  "tokens_out",
  "stages",
  "finished_at",
  "note"
] as const

/** The columns that a payment fills. */
const payment = ["preimage", "fee", "fee_known", "left_today", "paid_at"] as const

type Cell = string | number | null

interface Step {
  readonly request: NostrEvent.EventId
  /** What the history says of it. */
  readonly said: string
  /** Unix milliseconds. */
  readonly now: number
}

/** Whose job took a step, what was paid for it and what is to come back. */
interface Stepped {
  readonly provider: Key.PublicKey
  readonly amount: Msat.Msat | null
  readonly refund: Msat.Msat | null
}

const isTaken = (stepped: Stepped | undefined): boolean => stepped !== undefined

const passedOver = "passed over: another offer was taken, or the purchase ended before"
