/**
 * The spend ledger: what was spent, what is held, and an entry for every change.
 *
 * Each change is one transaction that first updates the budget's row, so that changes of one
 * budget happen one after another whoever makes them, and that holds nothing but SQL. It writes
 * the spend, its entry and every total the spend is part of: all or nothing.
 */
import { Msat } from "@farthing/protocol"
import type { Bolt11 } from "@farthing/protocol"
import type { Wallet } from "@farthing/wallet"
import { PaymentFailed } from "@farthing/wallet/Payer"
import { Clock, Duration, Effect, Option, Result, Schema } from "effect"
import type { DateTime } from "effect"
import { SqlClient, SqlError } from "effect/sql"
import * as Limits from "./Limits.ts"
import { TotalName, holdOf, totalsOf, weigh } from "./Spend.ts"
import type { PurchaseId, SpendOutcome, SpendRecord } from "./Spend.ts"
import * as Reservation from "./Reservation.ts"
import * as SpendRows from "./SpendRows.ts"
import { LedgerUnavailable } from "./TreasuryError.ts"
import type { BudgetExhausted } from "./TreasuryError.ts"

export interface Options {
  /** Whose budget this is, in a database that may hold several. */
  readonly budget: string
  /** The wallet that pays. */
  readonly wallet: Wallet.WalletId
  /** The name under which this process takes leases. */
  readonly owner: string
  /** How long a lease lasts without being renewed. */
  readonly lease: Duration.Duration
}

/** What proves a payment. */
export interface Proof {
  readonly preimage: Bolt11.Preimage
  /** Undefined if the wallet does not say it. */
  readonly fee: Msat.Msat | undefined
}

type DatabaseError = SqlError.SqlError | Schema.SchemaError

export interface SpendLedger extends Effect.Success<ReturnType<typeof make>> {}

export const make = Effect.fnUntraced(function* (options: Options) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* SpendRows.make(options.budget)
  const lease = Duration.toMillis(options.lease)
  yield* reading(rows.open)

  const transaction = <A, E>(
    body: (budget: SpendRows.Budget, now: number) => Effect.Effect<A, E>
  ): Effect.Effect<A, Exclude<E, DatabaseError> | LedgerUnavailable> =>
    rows.lock.pipe(
      Effect.flatMap((budget) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => body(budget, now))
      ),
      sql.withTransaction,
      // A span for each statement would cost more than the statement.
      Effect.withTracerEnabled(false),
      reading
    )

  /** The one way a spend changes: its row, an entry, and every total that it moves. */
  const change = Effect.fnUntraced(function* (
    before: SpendRecord,
    after: SpendRecord,
    entry: { readonly at: number; readonly what: string }
  ) {
    const was = weigh(before)
    const is = weigh(after)
    const delta = {
      spent: is.spent - was.spent,
      held: is.held - was.held,
      delivered: is.delivered - was.delivered
    }
    yield* rows.update(after)
    yield* rows.append({ ...entry, ...delta, paymentHash: after.paymentHash, note: after.note })
    if (delta.spent !== 0 || delta.held !== 0 || delta.delivered !== 0) {
      yield* rows.moveTotals(totalsOf(after), delta)
    }
    return after
  })

  const toState = (
    before: SpendRecord,
    state: SpendRecord["state"],
    at: number,
    rest: Partial<SpendRecord>
  ) => change(before, { ...before, ...rest, state }, { at, what: state })

  const release = (before: SpendRecord, at: number, note: string) =>
    toState(before, "failed", at, { leaseUntil: 0, note })

  const setFrozen = (reason: string | null, at: number) =>
    Effect.andThen(
      rows.setFrozen(reason),
      rows.append({
        at,
        paymentHash: null,
        what: reason === null ? "unfrozen" : "frozen",
        spent: 0,
        held: 0,
        delivered: 0,
        note: reason ?? ""
      })
    ).pipe(Effect.asVoid)

  /** Whether a wish would fit now. */
  const check = Effect.fnUntraced(function* (wish: Reservation.Wish, rules: Reservation.Rules) {
    const budget = yield* rows.read
    const day = Reservation.today(budget, yield* Clock.currentTimeMillis, rules.zone)
    yield* Reservation.measure(rows, { wish, budget, day, rules })
  }, reading)

  /** Reserves amount and allowed fee against every limit, and writes the intent. */
  const reserve = (order: Reservation.Order, rules: Reservation.Rules) =>
    transaction(
      Effect.fnUntraced(function* (budget, now) {
        const day = Reservation.today(budget, now, rules.zone)
        const dead = yield* Reservation.payableOnce(rows, order, now)
        yield* Effect.forEach(dead, (intent) => release(intent, now, abandoned))
        const wish = { ...order, asked: holdOf(order) }
        const totals = yield* Reservation.measure(rows, { wish, budget, day, rules })
        if (day !== budget.day) yield* rows.setDay(day)
        return yield* open({
          purchase: order.purchase,
          tick: order.tick,
          paymentHash: order.invoice.paymentHash,
          payee: order.payee,
          bolt11: order.invoice.bolt11,
          wallet: options.wallet,
          state: "intended",
          amount: order.amount,
          allowedFee: order.allowedFee,
          fee: undefined,
          preimage: undefined,
          outcome: undefined,
          day,
          unproven: totals.provider === undefined || !Limits.isProven(totals.provider),
          reservedAt: now,
          invoiceExpiresAt: order.invoice.expiresAt,
          payExpiresAt: undefined,
          note: "",
          leaseOwner: options.owner,
          leaseUntil: now + lease,
          fence: 1
        })
      })
    )

  /** The first entry of a spend; its totals may be new. */
  const open = Effect.fnUntraced(function* (intent: SpendRecord) {
    const { paymentHash, state, reservedAt, note } = intent
    const weight = weigh(intent)
    yield* rows.insert(intent)
    yield* rows.append({ ...weight, at: reservedAt, paymentHash, what: state, note })
    yield* rows.openTotals(totalsOf(intent), weight)
    return intent
  })

  /** From here on the money may leave. Refused, and released, if the intent is not ours any more. */
  const submit = (intent: SpendRecord, payExpiresAt: number) =>
    transaction(
      Effect.fnUntraced(function* (budget, now): Effect.fn.Return<
        Result.Result<SpendRecord, PaymentFailed | BudgetExhausted>,
        DatabaseError | LedgerUnavailable
      > {
        const current = yield* existing(intent.paymentHash)
        const mine = current.state === "intended" && current.fence === intent.fence
        if (!mine || current.leaseUntil <= now) {
          if (mine) yield* release(current, now, leaseLost)
          return Result.fail(new PaymentFailed({ reason: "refused", message: leaseLost }))
        }
        if (current.invoiceExpiresAt * 1000 <= now) {
          yield* release(current, now, expired)
          return Result.fail(new PaymentFailed({ reason: "expired", message: expired }))
        }
        if (budget.frozen !== null) {
          yield* release(current, now, "spending was frozen before the payment was submitted")
          return Result.fail(Reservation.frozen(holdOf(current), budget.frozen))
        }
        const submitted = yield* toState(current, "submitted", now, { payExpiresAt })
        return Result.succeed(submitted)
      })
    ).pipe(Effect.flatMap((result) => Effect.fromResult(result)))

  /** Keeps the lease for another while; false if it was lost. */
  const renew = (intent: SpendRecord) =>
    Clock.currentTimeMillis.pipe(
      Effect.flatMap((now) => rows.renew(intent, { now, until: now + lease })),
      reading
    )

  /**
   * Books a payment that is proven. A fee above the allowed one, or a payment that was believed
   * to have failed, is recorded as it is and freezes spending.
   */
  const settle = (paymentHash: Bolt11.PaymentHash, proof: Proof) =>
    transaction(
      Effect.fnUntraced(function* (_, now) {
        const before = yield* existing(paymentHash)
        const tellsFee = before.fee === undefined && proof.fee !== undefined
        if (before.state === "settled" && !tellsFee) return before
        const after = yield* toState(before, "settled", now, {
          preimage: proof.preimage,
          fee: proof.fee,
          leaseUntil: 0,
          note: before.state === "settled" ? "the wallet told the fee" : ""
        })
        const alarm = alarmAt(before, after)
        if (alarm !== undefined) yield* setFrozen(alarm, now)
        return after
      })
    )

  /** The money did not leave and will not. What is settled stays settled. */
  const fail = (paymentHash: Bolt11.PaymentHash, note: string) =>
    transaction(
      Effect.fnUntraced(function* (_, now) {
        const before = yield* existing(paymentHash)
        return isResolved(before) ? before : yield* release(before, now, note)
      })
    )

  /** Nobody knows yet: the reservation stays and the lease is given up. */
  const leaveUnknown = (paymentHash: Bolt11.PaymentHash, note: string) =>
    transaction(
      Effect.fnUntraced(function* (_, now) {
        const before = yield* existing(paymentHash)
        if (isResolved(before)) return before
        const after: SpendRecord = { ...before, state: "unknown", leaseUntil: 0, note }
        if (before.state !== "unknown") return yield* toState(before, "unknown", now, after)
        yield* rows.update(after)
        return after
      })
    )

  /** The owner goes away: what was never submitted is released, the rest waits for recovery. */
  const letGo = (intent: SpendRecord) =>
    transaction(
      Effect.fnUntraced(function* (_, now) {
        const current = yield* existing(intent.paymentHash)
        if (current.fence !== intent.fence || isResolved(current)) return
        if (current.state === "intended") {
          yield* release(current, now, "interrupted before the payment was submitted")
        } else {
          yield* rows.update({ ...current, leaseUntil: 0 })
        }
      })
    )

  /**
   * Takes a spend over whose owner is gone. One that was never submitted is released; none if
   * there is nothing to take.
   */
  const takeOver = (paymentHash: Bolt11.PaymentHash) =>
    transaction(
      Effect.fnUntraced(function* (_, now) {
        const current = yield* existing(paymentHash)
        if (isResolved(current) || current.leaseUntil > now) return Option.none<SpendRecord>()
        if (current.state === "intended") {
          return Option.some(yield* release(current, now, abandoned))
        }
        const taken: SpendRecord = {
          ...current,
          leaseOwner: options.owner,
          leaseUntil: now + lease,
          fence: current.fence + 1
        }
        yield* rows.update(taken)
        return Option.some(taken)
      })
    )

  /** What a delivered payment bought counts for its payee. */
  const conclude = (paymentHash: Bolt11.PaymentHash, outcome: SpendOutcome) =>
    transaction(
      Effect.fnUntraced(function* (_, now) {
        const before = yield* existing(paymentHash)
        if (before.outcome === outcome || isFinal(before.outcome)) return
        yield* change(before, { ...before, outcome }, { at: now, what: outcome })
      })
    )

  const freeze = (reason: string) => transaction((_, now) => setFrozen(reason, now))

  const unfreeze = transaction((budget, now) =>
    budget.frozen === null ? Effect.void : setFrozen(null, now)
  )

  const existing = (paymentHash: Bolt11.PaymentHash) =>
    Effect.flatMap(
      rows.spend(paymentHash),
      Option.match({
        onNone: () =>
          Effect.fail(
            new LedgerUnavailable({
              message: `The spend ledger knows no payment with the hash ${paymentHash}.`
            })
          ),
        onSome: Effect.succeed
      })
    )

  return {
    check,
    reserve,
    submit,
    renew,
    settle,
    fail,
    leaveUnknown,
    letGo,
    takeOver,
    conclude,
    freeze,
    unfreeze,
    ofPurchase: (purchase: PurchaseId) => reading(rows.ofPurchase(purchase)),
    unresolved: reading(rows.unresolved),
    feeUnknown: (since: number) => reading(rows.feeUnknown(since)),
    /** What the day of now and all days together amount to. */
    summary: (zone: DateTime.TimeZone) =>
      reading(
        Effect.gen(function* () {
          const budget = yield* rows.read
          const day = Reservation.today(budget, yield* Clock.currentTimeMillis, zone)
          const names = [TotalName.lifetime, TotalName.day(day), TotalName.unprovenDay(day)]
          const found = new Map((yield* rows.totals(names)).map((total) => [total.name, total]))
          return {
            day,
            frozen: budget.frozen ?? undefined,
            lifetime: found.get(TotalName.lifetime) ?? Limits.unused,
            today: found.get(TotalName.day(day)) ?? Limits.unused,
            unprovenToday: found.get(TotalName.unprovenDay(day)) ?? Limits.unused
          }
        })
      ),
    /** Everything there is, as of one moment. */
    everything: reading(
      sql.withTransaction(
        Effect.all({ spends: rows.all, entries: rows.entries, totals: rows.allTotals })
      )
    )
  } as const
})

const abandoned = "its process ended before the payment was submitted"
const expired = "the invoice expired before the payment was submitted"
const leaseLost = "this process lost its lease before the payment was submitted; nothing was paid"

const isResolved = (spend: SpendRecord): boolean =>
  spend.state === "settled" || spend.state === "failed"

/** A late delivery or refund makes up for a loss; neither makes up for the other. */
const isFinal = (outcome: SpendOutcome | undefined): boolean =>
  outcome === "delivered" || outcome === "refunded"

/** What should never happen, in words, so that a person looks before more is spent. */
const alarmAt = (before: SpendRecord, after: SpendRecord): string | undefined => {
  if (before.state === "failed") {
    return `payment ${after.paymentHash} was believed to have failed, but was made`
  }
  if (after.fee !== undefined && after.fee > after.allowedFee) {
    return `payment ${after.paymentHash} cost a fee of ${after.fee} msat, more than the ${after.allowedFee} msat allowed`
  }
  return undefined
}

/** Whatever goes wrong with the database, in one word. */
const reading = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, Exclude<E, DatabaseError> | LedgerUnavailable, R> =>
  Effect.mapError(effect, (error) =>
    isOurs(error)
      ? error
      : new LedgerUnavailable({ message: `The spend ledger cannot be used: ${String(error)}` })
  )

const isOurs = <E>(error: E): error is Exclude<E, DatabaseError> =>
  !SqlError.isSqlError(error) && !Schema.isSchemaError(error)
