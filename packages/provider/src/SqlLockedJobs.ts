/** The book's pages on jobs whose money is locked before it is taken. */
import { Bolt11, type NostrEvent } from "@farthing/protocol"
import { Prepared } from "@farthing/sqlite"
import type { Slots } from "@farthing/sqlite/Prepared"
import { Array as Arr, Effect, Option, Redacted } from "effect"
import type { Job, JobState } from "./Job.ts"
import type { LockedJobs, Room } from "./LockedJobs.ts"
import type { Lease } from "./ProviderBook.ts"
import * as Rows from "./ProviderRows.ts"
import { isTaken, type Pen, unavailable } from "./SqlPen.ts"

export const make = ({ prepared, replaceAnswers, sql, step }: Pen): LockedJobs => {
  /** In the words of the index. */
  const isUnpaid = sql.literal(
    `settlement = 'sealed' AND state IN ('quoted', 'running', 'answered', 'awaiting')`
  )

  const unpaid = (by: Slots<Customer & Room>) => sql`
    SELECT COUNT(*) FROM provider_job WHERE ${isUnpaid} AND provider = ${by.provider}
      AND (state <> 'awaiting' OR invoice_expires_at > ${by.now})`

  const roomFor = (by: Slots<Customer & Room>) => sql`
    (${unpaid(by)}) < ${by.inAll}
    AND (${unpaid(by)} AND customer = ${by.customer}) < ${by.perCustomer}`

  const findRoom = prepared((by: Slots<Customer & Room>) => sql`SELECT 1 WHERE ${roomFor(by)}`)

  const findDebt = prepared(
    (by: Slots<Customer & { readonly since: number; readonly forgiven: number }>) => sql`
      SELECT 1 FROM provider_job
      WHERE customer = ${by.customer} AND provider = ${by.provider}
        AND settlement = 'escrow' AND preimage IS NULL AND state IN ('awaiting', 'unpaid')
        AND ((state = 'awaiting' AND stepped_at <= ${by.since})
          OR (state = 'unpaid' AND stepped_at > ${by.forgiven})) LIMIT 1`
  )

  const keepSealed = prepared((by: Slots<Rows.QuoteCells & Sealed & Room>) => {
    const cells = { ...Prepared.pick(by, columns), state: "quoted", busy: 1 }
    const values = sql.csv(Object.values(cells).map((cell) => sql`${cell}`))
    return sql`
      INSERT INTO provider_job (${sql.csv(Object.keys(cells))})
      SELECT ${values} WHERE ${roomFor(by)}
      ON CONFLICT (request_id) DO NOTHING RETURNING request_id`
  })

  const lock = step((by: Slots<Lease & Lock>) => ({
    state: by.state,
    columns: {
      held_until: by.heldUntil,
      lease_owner: by.owner,
      lease_until: by.until,
      begun: by.begun,
      busy: 1,
      note: ""
    },
    where: sql`payment_hash = ${by.paymentHash} AND state = 'quoted' AND settlement = 'escrow'`,
    returning: "*"
  }))

  const wait = step((by: Slots<Of>) => ({
    state: "awaiting",
    columns: { busy: 0 },
    where: sql`request_id = ${by.request} AND state = 'answered' AND settlement <> 'upfront'`,
    returning: "*"
  }))

  const show = step(
    (by: Slots<Of & Pick<Lock, "paymentHash"> & { readonly preimage: string }>) => ({
      note: "the preimage was shown",
      columns: { preimage: by.preimage },
      where: sql`request_id = ${by.request} AND payment_hash = ${by.paymentHash}
      AND settlement = 'escrow' AND preimage IS NULL
      AND state IN ('paid', 'running', 'answered', 'awaiting')`,
      returning: "*"
    })
  )

  const claim = step((by: Slots<Pick<Lock, "paymentHash">>) => ({
    state: "claiming",
    where: sql`payment_hash = ${by.paymentHash} AND state = 'awaiting' AND preimage IS NOT NULL`,
    returning: "*"
  }))

  const collect = step((by: Slots<Of>) => ({
    state: "delivered",
    where: sql`request_id = ${by.request} AND state = 'claiming'`
  }))

  const forgo = step((by: Slots<Of & { readonly note: string }>) => ({
    state: "unpaid",
    note: by.note,
    where: sql`request_id = ${by.request} AND state IN ('awaiting', 'claiming')`
  }))

  const giveBack = step((by: Slots<Of & Lease & { readonly reason: string }>) => ({
    state: "returning",
    note: by.reason,
    columns: { reason: by.reason, lease_owner: by.owner, lease_until: by.until, busy: 1 },
    where: sql`request_id = ${by.request} AND settlement <> 'upfront'
      AND ((state = 'quoted' AND settlement = 'escrow') OR (lease_owner = ${by.owner}
        AND state IN ('quoted', 'paid', 'running', 'answered')))`
  }))

  const end = step((by: Slots<Of>) => ({
    state: "returned",
    columns: { busy: 0 },
    where: sql`request_id = ${by.request} AND state = 'returning'`
  }))

  /** The money of a delivered escrow can be taken as soon as its preimage is there. */
  const claimIfShown = Effect.fnUntraced(function* (job: Option.Option<Job>) {
    if (
      Option.exists(
        job,
        ({ preimage, settlement }) => settlement === "escrow" && preimage !== undefined
      )
    )
      return yield* Effect.flatMap(claim(Option.getOrThrow(job)), firstJob)
    return Option.none<Job>()
  })

  return {
    owesRelease: (provider, customer, when) =>
      findDebt({ provider, customer, ...when }).pipe(Effect.map(isTaken), unavailable),

    hasRoom: (provider, customer, room) =>
      findRoom({ provider, customer, ...room }).pipe(Effect.map(isTaken), unavailable),

    sealed: (provider, { preimage, ...job }, said, lease, room) =>
      keepSealed({
        ...Rows.quoteCells(provider, job, said),
        preimage: Redacted.value(preimage),
        lease_owner: lease.owner,
        lease_until: lease.until,
        ...room
      }).pipe(sql.withTransaction, Effect.map(isTaken), unavailable),

    locked: (paymentHash, heldUntil, lease, next) =>
      lock({
        ...lease,
        paymentHash,
        heldUntil,
        state: next,
        begun: next === "running" ? 1 : 0
      }).pipe(sql.withTransaction, Effect.flatMap(firstJob), unavailable),

    awaiting: Effect.fnUntraced(
      function* (request) {
        const job = yield* Effect.flatMap(wait({ request }), firstJob)
        yield* claimIfShown(job)
        return job
      },
      sql.withTransaction,
      unavailable
    ),

    findEscrow: (by) =>
      sql`SELECT * FROM provider_job
          WHERE ${"request" in by ? sql`request_id = ${by.request}` : sql`payment_hash = ${by.paymentHash}`}
            AND settlement = 'escrow'
            AND preimage IS NULL AND state IN ('paid', 'running', 'answered', 'awaiting')`.pipe(
        Effect.flatMap(firstJob),
        unavailable
      ),

    escrows: (provider) =>
      sql`SELECT * FROM provider_job WHERE provider = ${provider} AND settlement = 'escrow'
            AND preimage IS NULL AND busy = 1 AND state IN ('paid', 'running', 'answered')
          UNION ALL
          SELECT * FROM provider_job WHERE provider = ${provider} AND settlement = 'escrow'
            AND preimage IS NULL AND state = 'awaiting' AND state IN ('awaiting', 'claiming')`.pipe(
        Effect.flatMap(Rows.decodeJobs),
        Effect.map((rows) => rows.map(Rows.toJob)),
        unavailable
      ),

    released: Effect.fnUntraced(
      function* (request, preimage) {
        const shown = Redacted.value(preimage)
        const paymentHash = Bolt11.hashOf(shown)
        const rows = yield* show({ request, paymentHash, preimage: shown })
        return yield* Effect.flatMap(firstJob(rows), claimIfShown)
      },
      sql.withTransaction,
      unavailable
    ),

    claiming: (paymentHash) =>
      claim({ paymentHash }).pipe(sql.withTransaction, Effect.flatMap(firstJob), unavailable),

    isAwaited: (paymentHash) =>
      sql`SELECT 1 FROM provider_job WHERE payment_hash = ${paymentHash} AND ${isUnpaid}`.pipe(
        Effect.map(isTaken),
        unavailable
      ),

    collected: (request) =>
      collect({ request }).pipe(sql.withTransaction, Effect.map(isTaken), unavailable),

    forgone: (request, note) =>
      forgo({ request, note }).pipe(sql.withTransaction, Effect.map(isTaken), unavailable),

    dueLocks: (provider, until) =>
      sql`SELECT * FROM provider_job
          WHERE provider = ${provider} AND state IN ('awaiting', 'claiming')
            AND CASE WHEN state = 'claiming' THEN stepped_at <= ${until.claiming}
                     WHEN settlement = 'escrow' THEN held_until <= ${until.locked}
                     ELSE invoice_expires_at <= ${until.invoiced} END`.pipe(
        Effect.flatMap(Rows.decodeJobs),
        Effect.map((rows) =>
          rows.map((row) => ({ job: Rows.toJob(row), isClaiming: row.state === "claiming" }))
        ),
        unavailable
      ),

    returning: Effect.fnUntraced(
      function* (request, lease, reason, answers) {
        const rows = yield* giveBack({ request, ...lease, reason })
        if (isTaken(rows)) yield* replaceAnswers(request, answers)
        return isTaken(rows)
      },
      sql.withTransaction,
      unavailable
    ),

    returned: (request) =>
      end({ request }).pipe(sql.withTransaction, Effect.map(isTaken), unavailable)
  }
}

const firstJob = (rows: ReadonlyArray<unknown>) =>
  Effect.map(Rows.decodeJobs(rows), (rows) => Option.map(Arr.head(rows), Rows.toJob))

/** What a sealed job has besides what every quote has. */
const columns = [...Rows.quoteColumns, "preimage", "lease_owner", "lease_until"] as const

interface Of {
  readonly request: NostrEvent.EventId
}

interface Customer {
  readonly provider: string | number
  readonly customer: string | number
}

interface Sealed {
  readonly preimage: string
  readonly lease_owner: string
  readonly lease_until: number
}

interface Lock {
  readonly paymentHash: string
  readonly heldUntil: number
  readonly state: JobState
  readonly begun: number
}
