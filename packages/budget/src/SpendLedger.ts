/**
 * The spend ledger: what was spent, what is held, and an entry for every change.
 *
 * Each change is one transaction that first updates the budget's row, so that changes of one
 * budget happen one after another whoever makes them, and that holds nothing but SQL. It writes
 * the spend, its entry and every total the spend is part of: all or nothing.
 */
import { Msat } from "@farthing/protocol"
import type { Bolt11 } from "@farthing/protocol"
import { PaymentFailed } from "@farthing/wallet/Payer"
import { Clock, Duration, Effect, Option, Result, Schema } from "effect"
import type { DateTime } from "effect"
import { SqlClient, SqlError } from "effect/sql"
import * as BudgetDay from "./BudgetDay.ts"
import * as Limits from "./Limits.ts"
import { TotalName, holdOf, totalsOf, weigh } from "./Spend.ts"
import type { PurchaseId, Spend, SpendOutcome, SpendRecord } from "./Spend.ts"
import * as SpendRows from "./SpendRows.ts"
import {
  ApprovalRequired,
  BudgetExhausted,
  LedgerUnavailable,
  PaymentRefused
} from "./TreasuryError.ts"

export interface Options {
  /** Whose budget this is, in a database that may hold several. */
  readonly budget: string
  /** The name under which this process takes leases. */
  readonly owner: string
  /** How long a lease lasts without being renewed. */
  readonly lease: Duration.Duration
}

/** What somebody wants to spend. */
export interface Wish {
  readonly tick: Spend["tick"]
  readonly payee: Spend["payee"] | undefined
  readonly approved: boolean
  /** Amount and allowed fee together. */
  readonly asked: Msat.Msat
}

/** A wish that has an invoice. */
export interface Order extends Omit<Spend, "cap"> {
  readonly amount: Msat.Msat
  readonly allowedFee: Msat.Msat
}

/** What a wish is measured by. */
export interface Rules {
  readonly limits: Limits.Limits
  readonly zone: DateTime.TimeZone
  /** What may leave the wallet, and what had been spent when the wallet was asked. */
  readonly funds: { readonly spendable: Msat.Msat; readonly spentBefore: Msat.Msat } | undefined
}

/** What proves a payment. */
export interface Proof {
  readonly preimage: Bolt11.Preimage
  /** Undefined if the wallet does not say it. */
  readonly fee: Msat.Msat | undefined
}

/** A limit is in the way; `mayPass` if it is only because of amounts held. */
export class Refused extends Schema.TaggedError<Refused>()("Refused", {
  error: BudgetExhausted,
  mayPass: Schema.Boolean
}) {}

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
    Clock.currentTimeMillis.pipe(
      Effect.flatMap((now) => Effect.flatMap(rows.lock, (budget) => body(budget, now))),
      sql.withTransaction,
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

  const totals = Effect.fnUntraced(function* (
    wish: Pick<Wish, "payee" | "tick">,
    day: BudgetDay.BudgetDay,
    funds: Rules["funds"]
  ) {
    const { tick, payee } = wish
    const found = yield* rows.totals([
      TotalName.lifetime,
      TotalName.day(day),
      TotalName.tick(tick),
      TotalName.unprovenDay(day),
      ...(payee === undefined ? [] : [TotalName.provider(payee), TotalName.providerDay(payee, day)])
    ])
    const byName = new Map(found.map((total) => [total.name, total]))
    const of = (name: string): Limits.Usage => byName.get(name) ?? Limits.unused
    const lifetime = of(TotalName.lifetime)
    return {
      lifetime,
      today: of(TotalName.day(day)),
      tick: of(TotalName.tick(tick)),
      unprovenToday: of(TotalName.unprovenDay(day)),
      provider: payee && {
        today: of(TotalName.providerDay(payee, day)),
        ever: of(TotalName.provider(payee)),
        delivered: byName.get(TotalName.provider(payee))?.delivered ?? Msat.zero
      },
      funds: funds && {
        spendable: funds.spendable,
        spentSince: Msat.left(lifetime.spent, funds.spentBefore)
      }
    } satisfies Limits.Totals
  })

  /** Measures a wish against every limit; what no waiting can help is refused first. */
  const measure = Effect.fnUntraced(function* (
    wish: Wish,
    budget: SpendRows.Budget,
    day: BudgetDay.BudgetDay,
    rules: Rules
  ) {
    if (budget.frozen !== null) {
      return yield* new Refused({ error: frozen(wish.asked, budget.frozen), mayPass: false })
    }
    const found = yield* totals(wish, day, rules.funds)
    const refusal = Limits.judge(rules.limits, wish.asked, found)
    if (refusal !== undefined && !refusal.mayPass) return yield* refused(refusal, day, rules.zone)
    const above = rules.limits.approvalAbove
    if (above !== undefined && wish.asked > above && !wish.approved) {
      return yield* new ApprovalRequired({ asked: wish.asked, above })
    }
    if (refusal !== undefined) return yield* refused(refusal, day, rules.zone)
    return found
  })

  /** Whether a wish would fit now. */
  const check = Effect.fnUntraced(function* (wish: Wish, rules: Rules) {
    const now = yield* Clock.currentTimeMillis
    const budget = yield* rows.read
    yield* measure(wish, budget, today(budget, now, rules.zone), rules)
  }, reading)

  /** Reserves amount and allowed fee against every limit, and writes the intent. */
  const reserve = (order: Order, rules: Rules) =>
    transaction(
      Effect.fnUntraced(function* (budget, now) {
        const asked = holdOf(order)
        const day = today(budget, now, rules.zone)
        yield* payableOnce(order, now)
        const found = yield* measure({ ...order, asked }, budget, day, rules)
        if (day !== budget.day) yield* rows.setDay(day)
        const record: SpendRecord = {
          purchase: order.purchase,
          tick: order.tick,
          paymentHash: order.invoice.paymentHash,
          payee: order.payee,
          bolt11: order.invoice.bolt11,
          state: "intended",
          amount: order.amount,
          allowedFee: order.allowedFee,
          fee: undefined,
          preimage: undefined,
          outcome: undefined,
          day,
          unproven: found.provider === undefined || !Limits.isProven(found.provider),
          reservedAt: now,
          invoiceExpiresAt: order.invoice.expiresAt,
          payExpiresAt: undefined,
          note: "",
          leaseOwner: options.owner,
          leaseUntil: now + lease,
          fence: 1
        }
        const weight = weigh(record)
        yield* rows.insert(record)
        yield* rows.append({
          ...weight,
          at: now,
          paymentHash: record.paymentHash,
          what: record.state,
          note: ""
        })
        yield* rows.openTotals(totalsOf(record), weight)
        return record
      })
    )

  /**
   * A payment hash is paid once, ever; a purchase again only when its earlier payments are known
   * to have failed. An intent whose process is gone was never submitted, so it is released here.
   */
  const payableOnce = Effect.fnUntraced(function* (order: Order, now: number) {
    for (const earlier of yield* rows.ofPurchase(order.purchase)) {
      if (earlier.state === "intended" && earlier.leaseUntil <= now) {
        yield* release(earlier, now, abandoned)
      } else if (earlier.state !== "failed") {
        return yield* new PaymentRefused({
          reason: "purchase_already_paid",
          message: `This purchase has a payment already (${earlier.state}, ${earlier.paymentHash}). Recover it instead of paying again.`
        })
      }
    }
    if (yield* rows.isUsed(order.invoice.paymentHash)) {
      return yield* new PaymentRefused({
        reason: "already_used",
        message: `An invoice with the payment hash ${order.invoice.paymentHash} was used before. Ask the provider for a fresh one.`
      })
    }
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
          return Result.fail(frozen(holdOf(current), budget.frozen))
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

  /** What a delivered payment bought counts for its payee; a late delivery makes up for a loss. */
  const conclude = (paymentHash: Bolt11.PaymentHash, outcome: SpendOutcome) =>
    transaction(
      Effect.fnUntraced(function* (_, now) {
        const before = yield* existing(paymentHash)
        if (before.outcome === outcome || before.outcome === "delivered") return
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
          const day = today(budget, yield* Clock.currentTimeMillis, zone)
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

const today = (
  budget: SpendRows.Budget,
  now: number,
  zone: DateTime.TimeZone
): BudgetDay.BudgetDay => {
  const day = BudgetDay.of(now, zone)
  return budget.day === "" ? day : BudgetDay.later(budget.day, day)
}

const frozen = (asked: Msat.Msat, reason: string): BudgetExhausted =>
  new BudgetExhausted({
    limit: "frozen",
    most: Msat.zero,
    ...Limits.unused,
    asked,
    frozen: reason
  })

const daily: ReadonlySet<Limits.LimitName> = new Set([
  "daily_limit_sats",
  "per_provider_daily_sats",
  "unproven_daily_limit_sats"
])

const refused = (
  { mayPass, ...refusal }: Limits.Refusal,
  day: BudgetDay.BudgetDay,
  zone: DateTime.TimeZone
): Refused =>
  new Refused({
    error: new BudgetExhausted({
      ...refusal,
      ...(daily.has(refusal.limit) ? { resetsAt: BudgetDay.endOf(day, zone) } : {})
    }),
    mayPass
  })

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
