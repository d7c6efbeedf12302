/**
 * The rows of one budget: typed reading and writing, without any rule. Only the ledger uses it.
 */
import { Bolt11, Msat } from "@farthing/protocol"
import { Prepared } from "@farthing/sqlite"
import type { Slots } from "@farthing/sqlite/Prepared"
import type { Wallet } from "@farthing/wallet"
import { Effect, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import * as BudgetDay from "./BudgetDay.ts"
import { SpendRecord } from "./Spend.ts"
import type { PurchaseId, TotalNames, Weight } from "./Spend.ts"
import { Entry, Refusal } from "./Trail.ts"

export const Budget = Schema.Struct({
  /** The latest day of any reservation; empty before the first. */
  day: Schema.Union([BudgetDay.BudgetDay, Schema.Literal("")]),
  frozen: Schema.NullOr(Schema.String)
})
export type Budget = typeof Budget.Type

const TotalRow = Schema.Struct({
  name: Schema.String,
  spent: Msat.Msat,
  held: Msat.Msat,
  delivered: Msat.Msat
})

/** By how much a change moves a total: differences of amounts in msat. */
export interface Delta {
  readonly spent: number
  readonly held: number
  readonly delivered: number
}

/** Spends come in the order of their reservations, which is that of the rowid. */
const spendColumns = `payment_hash AS "paymentHash", purchase, tick, payee, bolt11, wallet, state, amount,
  allowed_fee AS "allowedFee", fee, preimage, outcome, day, unproven, irreplaceable,
  CASE WHEN lock_ends_at IS NULL THEN 0 ELSE 1 END AS "isLock", lock_ends_at AS "lockEndsAt",
  reserved_at AS "reservedAt", invoice_expires_at AS "invoiceExpiresAt",
  pay_expires_at AS "payExpiresAt", note, lease_owner AS "leaseOwner",
  lease_until AS "leaseUntil", fence`

const columnsOfEntry = `seq, at, purchase, payment_hash AS "paymentHash", what, spent, held,
  delivered, note, refusal`

const decodeSpends = Schema.decodeUnknownEffect(Schema.Array(SpendRecord))
const decodeBudgets = Schema.decodeUnknownEffect(Schema.NonEmptyArray(Budget))
const decodeTotals = Schema.decodeUnknownEffect(Schema.Array(TotalRow))
const decodeEntries = Schema.decodeUnknownEffect(Schema.Array(Entry))
const decodeHashes = Schema.decodeUnknownEffect(
  Schema.Array(Schema.Struct({ paymentHash: Bolt11.PaymentHash }))
)
const encodeRefusal = Schema.encodeSync(Schema.fromJsonString(Refusal))

export const make = Effect.fnUntraced(function* (budget: string) {
  const sql = yield* SqlClient.SqlClient
  const prepared = Prepared.make(sql)
  const columns = sql.literal(spendColumns)
  const entryColumns = sql.literal(columnsOfEntry)

  /** Creates the budget's row if there is none. */
  const open = sql`INSERT INTO treasury_budget (id) VALUES (${budget}) ON CONFLICT (id) DO NOTHING`

  const budgetRow = (clause: "" | "FOR UPDATE") =>
    prepared(
      () => sql`SELECT day, frozen FROM treasury_budget WHERE id = ${budget} ${sql.literal(clause)}`
    )({}).pipe(
      Effect.flatMap(decodeBudgets),
      Effect.map(([row]) => row)
    )

  const read = budgetRow("")

  /**
   * Takes the budget's row: until the transaction ends, nobody else changes this budget. In SQLite
   * the transaction itself has kept everybody else from writing since it began.
   */
  const lock = sql.onDialectOrElse({ sqlite: () => read, orElse: () => budgetRow("FOR UPDATE") })

  const setDay = (day: BudgetDay.BudgetDay) =>
    sql`UPDATE treasury_budget SET day = ${day} WHERE id = ${budget}`

  const setFrozen = (reason: string | null) =>
    sql`UPDATE treasury_budget SET frozen = ${reason} WHERE id = ${budget}`

  const findSpend = prepared(
    ({ paymentHash }: Slots<Pick<SpendRecord, "paymentHash">>) => sql`
      SELECT ${columns} FROM treasury_spend
      WHERE payment_hash = ${paymentHash} AND budget = ${budget}`
  )

  const spend = (paymentHash: Bolt11.PaymentHash) =>
    findSpend({ paymentHash }).pipe(
      Effect.flatMap(decodeSpends),
      Effect.map(([record]) => Option.fromNullishOr(record))
    )

  const ofPurchase = (purchase: PurchaseId) =>
    sql`SELECT ${columns} FROM treasury_spend
      WHERE budget = ${budget} AND purchase = ${purchase} ORDER BY rowid`.pipe(
      Effect.flatMap(decodeSpends)
    )

  const findRivals = prepared(
    ({ paymentHash, purchase }: Slots<Pick<SpendRecord, "paymentHash" | "purchase">>) => sql`
      SELECT ${columns} FROM treasury_spend
      WHERE (budget = ${budget} AND purchase = ${purchase})
      OR payment_hash = ${paymentHash} ORDER BY rowid`
  )

  /** Whoever stands in the way of a payment: its purchase's others, and its hash in any budget. */
  const rivals = (order: Pick<SpendRecord, "paymentHash" | "purchase">) =>
    Effect.flatMap(findRivals(order), decodeSpends)

  /** Everything whose end is not known yet. */
  const unresolved = sql`SELECT ${columns} FROM treasury_spend
    WHERE budget = ${budget} AND state NOT IN ('settled', 'failed') ORDER BY rowid`.pipe(
    Effect.flatMap(decodeSpends)
  )

  /** What was reserved since then, and locks that might have ended since then. */
  const recent = (since: number, which: string) => {
    const chosen = sql`SELECT payment_hash FROM treasury_spend
      WHERE budget = ${budget} AND ${sql.literal(which)}`
    return sql`SELECT ${columns} FROM treasury_spend
      WHERE payment_hash IN (
        ${chosen} AND reserved_at >= ${since}
        UNION ${chosen} AND lock_ends_at >= ${Math.floor(since / 1000)}
      )`
  }

  /** Paid lately (Unix milliseconds), and the wallet has not told the fee. */
  const feeUnknown = (since: number) =>
    sql`${recent(since, "state = 'settled' AND fee IS NULL")} ORDER BY rowid`.pipe(
      Effect.flatMap(decodeSpends)
    )

  /** What was given to the wallet lately (Unix milliseconds) and is believed to have failed. */
  const doubtful = (since: number, limit: number) =>
    sql`${recent(since, "state = 'failed' AND pay_expires_at IS NOT NULL")}
      ORDER BY reserved_at DESC LIMIT ${limit}`.pipe(Effect.flatMap(decodeSpends))

  /** What the other budgets of this database may have paid with the same wallet. */
  const ofOtherBudgets = (wallet: Wallet.WalletId) =>
    sql`SELECT payment_hash AS "paymentHash" FROM treasury_spend
      WHERE budget <> ${budget} AND (wallet = ${wallet} OR wallet IS NULL)`.pipe(
      Effect.flatMap(decodeHashes),
      Effect.map((rows) => new Set(rows.map(({ paymentHash }) => paymentHash)))
    )

  const all = sql`SELECT ${columns} FROM treasury_spend
    WHERE budget = ${budget} ORDER BY rowid`.pipe(Effect.flatMap(decodeSpends))

  const insert = prepared(
    (spend: Slots<SpendRecord>) => sql`
      INSERT INTO treasury_spend ${sql.insert({ budget, ...lasting(spend), ...changing(spend) })}`
  )

  const update = prepared(
    (spend: Slots<SpendRecord>) => sql`
      UPDATE treasury_spend SET ${sql.update(changing(spend))}
      WHERE payment_hash = ${spend.paymentHash}`
  )

  const updateKnown = prepared(
    (spend: Slots<SpendRecord & { readonly was: SpendRecord["state"] }>) => sql`
      UPDATE treasury_spend SET ${sql.update(changing(spend))}
      WHERE payment_hash = ${spend.paymentHash} AND state = ${spend.was}
      AND fence = ${spend.fence} RETURNING fence`
  )

  /** Whether the row still was in the state, and with the owner, that it was left in. */
  const updateIfKnown = (before: SpendRecord, after: SpendRecord) =>
    Effect.map(updateKnown({ ...after, was: before.state }), (rows) => rows.length > 0)

  const replace = prepared(
    (spend: Slots<SpendRecord>) => sql`
      UPDATE treasury_spend SET ${sql.update({ ...lasting(spend), ...changing(spend) })}
      WHERE payment_hash = ${spend.paymentHash} AND budget = ${budget}`
  )

  /** Whether the lease was still there to be renewed. */
  const renew = (
    lease: Pick<SpendRecord, "paymentHash" | "fence">,
    times: { readonly now: number; readonly until: number }
  ) =>
    Effect.map(
      sql`UPDATE treasury_spend SET lease_until = ${times.until}
        WHERE payment_hash = ${lease.paymentHash} AND fence = ${lease.fence}
        AND lease_until > ${times.now} RETURNING fence`,
      (rows) => rows.length > 0
    )

  const findTotals = prepared(
    (names: Slots<Partial<TotalNames>>) => sql`
      SELECT name, spent, held, delivered FROM treasury_total
      WHERE budget = ${budget} AND ${sql.in("name", listed(names))}`
  )

  /** A total that was never touched is missing. */
  const totals = (names: Partial<TotalNames>) =>
    findTotals(names).pipe(
      Effect.flatMap(decodeTotals),
      Effect.map((found) => new Map(found.map((total) => [total.name, total])))
    )

  const allTotals = sql`SELECT name, spent, held, delivered FROM treasury_total
    WHERE budget = ${budget}`.pipe(Effect.flatMap(decodeTotals))

  const openTotals = prepared(
    (row: Slots<TotalNames & Weight>) => sql`
      INSERT INTO treasury_total (budget, name, spent, held, delivered)
      SELECT ${budget}, column1, ${row.spent}, ${row.held}, ${row.delivered}
      FROM (VALUES ${sql.csv(listed(row).map((name) => sql`(${name})`))}) AS names
      WHERE column1 IS NOT NULL
      ON CONFLICT (budget, name) DO UPDATE SET
        spent = treasury_total.spent + excluded.spent,
        held = treasury_total.held + excluded.held,
        delivered = treasury_total.delivered + excluded.delivered`
  )

  const moveTotals = prepared(
    (row: Slots<TotalNames & Delta>) => sql`
      UPDATE treasury_total SET spent = spent + ${row.spent}, held = held + ${row.held},
        delivered = delivered + ${row.delivered}
      WHERE budget = ${budget} AND ${sql.in("name", listed(row))}`
  )

  const insertEntry = prepared(
    (
      entry: Slots<Omit<Entry, "refusal" | "seq"> & { readonly refusal: string | undefined }>
    ) => sql`
      INSERT INTO treasury_entry
      (budget, seq, at, purchase, payment_hash, what, spent, held, delivered, note, refusal)
      SELECT ${budget}, COALESCE(MAX(seq), 0) + 1, ${entry.at}, ${entry.purchase},
        ${entry.paymentHash}, ${entry.what}, ${entry.spent}, ${entry.held}, ${entry.delivered},
        ${entry.note}, ${entry.refusal}
      FROM treasury_entry WHERE budget = ${budget}`
  )

  const append = ({ refusal, ...entry }: Omit<Entry, "seq">) =>
    insertEntry({ ...entry, refusal: refusal && encodeRefusal(refusal) })

  const entries = sql`SELECT ${entryColumns} FROM treasury_entry
    WHERE budget = ${budget} ORDER BY seq`.pipe(Effect.flatMap(decodeEntries))

  /** The entries of one purchase, oldest first. */
  const history = (purchase: PurchaseId) =>
    sql`SELECT ${entryColumns} FROM treasury_entry
      WHERE budget = ${budget} AND purchase = ${purchase} ORDER BY seq`.pipe(
      Effect.flatMap(decodeEntries)
    )

  /** The latest entry of a purchase, or of all if there is no purchase. */
  const latest = (purchase: PurchaseId | undefined) =>
    sql`SELECT ${entryColumns} FROM treasury_entry WHERE budget = ${budget}
      ${purchase === undefined ? sql.literal("") : sql`AND purchase = ${purchase}`}
      ORDER BY seq DESC LIMIT 1`.pipe(
      Effect.flatMap(decodeEntries),
      Effect.map(([entry]) => entry)
    )

  return {
    open,
    lock,
    read,
    setDay,
    setFrozen,
    spend,
    rivals,
    ofPurchase,
    unresolved,
    feeUnknown,
    doubtful,
    ofOtherBudgets,
    all,
    insert,
    update,
    updateIfKnown,
    replace,
    renew,
    totals,
    allTotals,
    openTotals,
    moveTotals,
    append,
    entries,
    history,
    latest
  } as const
})

export interface SpendRows extends Effect.Success<ReturnType<typeof make>> {}

/** The columns that stay as they are in the life of a spend, unless it is tried again. */
const lasting = (spend: Slots<SpendRecord>) => ({
  payment_hash: spend.paymentHash,
  purchase: spend.purchase,
  tick: spend.tick,
  payee: spend.payee,
  bolt11: spend.bolt11,
  wallet: spend.wallet,
  amount: spend.amount,
  allowed_fee: spend.allowedFee,
  day: spend.day,
  unproven: spend.unproven,
  irreplaceable: spend.irreplaceable,
  lock_ends_at: spend.lockEndsAt,
  reserved_at: spend.reservedAt,
  invoice_expires_at: spend.invoiceExpiresAt
})

/** The columns that change. */
const changing = (spend: Slots<SpendRecord>) => ({
  state: spend.state,
  fee: spend.fee,
  preimage: spend.preimage,
  outcome: spend.outcome,
  pay_expires_at: spend.payExpiresAt,
  note: spend.note,
  lease_owner: spend.leaseOwner,
  lease_until: spend.leaseUntil,
  fence: spend.fence
})

const listed = (names: Slots<Partial<TotalNames>>) => [
  names.lifetime,
  names.day,
  names.tick,
  names.unprovenDay,
  names.provider,
  names.providerDay
]
