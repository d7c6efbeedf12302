/**
 * The journal in the database of the home: every step is durable before the next one is taken. Steps of
 * jobs that run beside each other share a commit: each is a transaction, even of one statement.
 */
import { Treasury } from "@farthing/budget"
import type { Key, Msat, NostrEvent } from "@farthing/protocol"
import { Prepared } from "@farthing/sqlite"
import type { Slots } from "@farthing/sqlite/Prepared"
import { Array as Arr, Clock, Duration, Effect, Layer, Option, Schema, Struct } from "effect"
import { SqlClient, SqlError } from "effect/sql"
import type { Migrator, Statement } from "effect/sql"
import { randomUUID } from "node:crypto"
import type { JobState, Offer } from "./Job.ts"
import { comesFrom, Journal } from "./Journal.ts"
import * as Rows from "./JournalRows.ts"
import * as Tables from "./JournalTables.ts"
import * as ProviderRecords from "./ProviderRecords.ts"

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

  const toPaid = step("paid", ["preimage", "fee", "left_today", "paid_at"])

  const toDelivered = step("delivered", result, ["paid"])
  const toForgiven = step("delivered", result, ["lost"])
  const toPassedOver = step("unpaid", ["note"], ["quoted"])

  const jobs = (condition: Statement.Fragment) =>
    sql`SELECT * FROM compute_job ${condition}`.pipe(Effect.flatMap(decodeJobs))

  const entries = (condition: Statement.Fragment) =>
    Effect.zipWith(jobs(condition), Clock.currentTimeMillis, (rows, now) =>
      rows.map((row) => Rows.toEntry(row, now))
    )

  const stepsOf = (request: NostrEvent.EventId) =>
    sql`SELECT at, state, note FROM compute_step WHERE request_id = ${request} ORDER BY seq`.pipe(
      Effect.flatMap(decodeSteps)
    )

  return Journal.of({
    requested: (job) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        insert({
          request_id: job.request.event.id,
          purchase: job.purchase,
          provider: job.request.provider,
          provider_name: job.providerName,
          settlement: job.settlement,
          model: job.model ?? null,
          request: Rows.encodeRequest(job.request),
          requested_at: job.requestedAt,
          stepped_at: now,
          lease_until: now + lease
        })
      ).pipe(sql.withTransaction, Effect.asVoid, unavailable),

    quoted: offered("quoted"),

    paying: offered("paying"),

    paid: (request, payment) =>
      toPaid(request, `fee ${payment.fee} msat`, {
        preimage: payment.preimage,
        fee: payment.fee,
        left_today: payment.leftToday ?? null,
        paid_at: payment.paidAt
      }).pipe(sql.withTransaction, Effect.map(isTaken), unavailable),

    delivered: Effect.fnUntraced(
      function* (receipt, millis) {
        const cells = {
          model: receipt.model ?? null,
          text: receipt.text,
          sha256: receipt.resultSha256,
          finish_reason: receipt.finishReason ?? null,
          tokens_in: receipt.tokensIn ?? null,
          tokens_out: receipt.tokensOut ?? null,
          stages: Rows.encodeStages(receipt.stages),
          finished_at: receipt.finishedAt,
          note: ""
        }
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

    records: unavailable(records.all),

    find: (purchase) =>
      entries(
        sql`WHERE budget = ${budget} AND purchase = ${purchase} ORDER BY requested_at, request_id`
      ).pipe(unavailable),

    findJob: Effect.fnUntraced(function* (prefix) {
      const first = prefix.toLowerCase()
      // Every digit that could follow is less than `g`.
      const found = yield* entries(sql`WHERE budget = ${budget}
        AND request_id >= ${first} AND request_id < ${`${first}g`} LIMIT 2`)
      const [entry] = found
      if (entry === undefined || found.length > 1) return Option.none()
      return Option.some({ ...entry, steps: yield* stepsOf(entry.job.request) })
    }, unavailable),

    unfinished: ({ lostSince }) =>
      entries(sql`WHERE budget = ${budget} AND (${sql.in("state", underWay)}
        OR (state = 'lost' AND requested_at >= ${lostSince})) ORDER BY requested_at`).pipe(
        unavailable
      ),

    doubtful: ({ since }) =>
      entries(sql`WHERE budget = ${budget} AND state = 'unpaid' AND requested_at >= ${since}
        AND EXISTS (SELECT 1 FROM compute_step step
          WHERE step.request_id = compute_job.request_id AND step.state = 'paying')
        ORDER BY requested_at`).pipe(unavailable),

    unreconciled: sql`
      SELECT request_id AS request, purchase, payment_hash AS "paymentHash", state AS outcome
      FROM compute_job
      WHERE budget = ${budget} AND state IN ('delivered', 'refunded') AND reconciled = 0`.pipe(
      Effect.flatMap(decodeConclusions),
      unavailable
    ),

    reconciled: (requests) =>
      Effect.forEach(
        Arr.chunksOf(requests, idsAtOnce),
        (some) => sql`UPDATE compute_job SET reconciled = 1 WHERE ${sql.in("request_id", some)}`,
        { discard: true }
      ).pipe(unavailable),

    jobs: (limit) =>
      jobs(
        sql`WHERE budget = ${budget} ORDER BY requested_at DESC, request_id LIMIT ${limit}`
      ).pipe(Effect.map(Arr.map(Rows.toJob)), unavailable),

    receipts: (limit) =>
      jobs(sql`WHERE budget = ${budget} AND state = 'delivered'
        ORDER BY finished_at DESC, request_id LIMIT ${limit}`).pipe(
        Effect.map(Arr.flatMap((row) => Arr.fromOption(Rows.toReceipt(row)))),
        unavailable
      )
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

const underWay: ReadonlyArray<JobState> = [
  "requested",
  "quoted",
  "paying",
  "paid",
  "unknown",
  "refunding"
]

const decodeJobs = Schema.decodeUnknownEffect(Schema.Array(Rows.JobRow))
const decodeSteps = Schema.decodeUnknownEffect(Schema.Array(Rows.StepRow))
const decodeConclusions = Schema.decodeUnknownEffect(Schema.Array(Rows.ConclusionRow))

const unavailable = <A, R>(
  effect: Effect.Effect<A, SqlError.SqlError | Schema.SchemaError, R>
): Effect.Effect<A, Treasury.LedgerUnavailable, R> =>
  Effect.mapError(
    effect,
    (error) => new Treasury.LedgerUnavailable({ message: `The job journal: ${error.message}` })
  )
