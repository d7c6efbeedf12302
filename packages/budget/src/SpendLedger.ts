/**
 * The spend ledger: what was spent, what is held, and an entry for every change.
 *
 * Each change is one transaction that first updates the budget's row, so that changes of one
 * budget happen one after another whoever makes them, and that holds nothing but SQL. It writes
 * the spend, its entry and every total the spend is part of: all or nothing.
 */
import { type Bolt11, PaymentRequest } from "@farthing/protocol"
import type { Wallet } from "@farthing/wallet"
import { Clock, Duration, Effect, Option, Predicate } from "effect"
import type { DateTime } from "effect"
import { SqlClient } from "effect/sql"
import * as Lease from "./Lease.ts"
import * as Limits from "./Limits.ts"
import * as LockLife from "./LockLife.ts"
import * as Outcome from "./Outcome.ts"
import * as Proof from "./Proof.ts"
import { holdOf, isResolved, nothing, totalsOf } from "./Spend.ts"
import type { PurchaseId, SpendOutcome, SpendRecord } from "./Spend.ts"
import { type DatabaseError, reading } from "./Reading.ts"
import * as Reservation from "./Reservation.ts"
import * as SpendChange from "./SpendChange.ts"
import * as SpendRows from "./SpendRows.ts"
import { LedgerUnavailable } from "./TreasuryError.ts"

export interface Options {
  /** Whose budget this is, in a database that may hold several. */
  readonly budget: string
  /** The wallet that pays. */
  readonly wallet: Wallet.WalletId
  /** The name under which this process takes leases. */
  readonly owner: string
  /** How long a lease lasts without being renewed. */
  readonly lease: Duration.Duration
  /** How long after its reservation the wallet may still start a payment. */
  readonly timeout: Duration.Duration
}

/** A spend as one of its owners knows it. */
export interface Owned extends Pick<SpendRecord, "paymentHash" | "fence"> {}

export interface SpendLedger extends Effect.Success<ReturnType<typeof make>> {}

export const make = Effect.fnUntraced(function* (options: Options) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* SpendRows.make(options.budget)
  const changes = SpendChange.make(rows)
  const lease = Duration.toMillis(options.lease)
  const timeout = Duration.toMillis(options.timeout)
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

  /** Whether a wish would fit now. */
  const check = Effect.fnUntraced(function* (wish: Reservation.Wish, rules: Reservation.Rules) {
    const budget = yield* rows.read
    const day = Reservation.today(budget, yield* Clock.currentTimeMillis, rules.zone)
    yield* Reservation.measure(rows, { wish, budget, day, rules })
  }, reading)

  /**
   * Reserves amount and allowed fee against every limit. From its commit on the money may leave:
   * nothing that can be waited for lies between it and the wallet, so what is reserved counts as
   * submitted, and only a proof takes it back.
   */
  const reserve = (order: Reservation.Order, rules: Reservation.Rules) =>
    transaction(
      Effect.fnUntraced(function* (budget, now) {
        const day = Reservation.today(budget, now, rules.zone)
        const former = yield* Reservation.payableOnce(rows, order, now)
        const wish = { ...order, asked: holdOf(order) }
        const totals = yield* Reservation.measure(rows, { wish, budget, day, rules })
        if (day !== budget.day) yield* rows.setDay(day)
        const write = former === undefined ? changes.open : changes.reopen
        return yield* write({
          purchase: order.purchase,
          tick: order.tick,
          paymentHash: order.request.paymentHash,
          payee: order.payee,
          bolt11: PaymentRequest.textOf(order.request),
          wallet: options.wallet,
          state: "submitted",
          amount: order.amount,
          allowedFee: order.allowedFee,
          fee: undefined,
          preimage: undefined,
          outcome: undefined,
          day,
          unproven: totals.provider === undefined || !Limits.isProven(totals.provider),
          irreplaceable: order.irreplaceable === true,
          isLock: order.isLock,
          lockEndsAt: order.isLock ? LockLife.endOf(order.request) : undefined,
          reservedAt: now,
          invoiceExpiresAt: order.request.expiresAt,
          payExpiresAt: Math.min(order.request.expiresAt, Math.ceil((now + timeout) / 1000)),
          note: "",
          leaseOwner: options.owner,
          leaseUntil: now + lease,
          fence: (former?.fence ?? 0) + 1
        })
      })
    )

  /** Keeps the lease for another while; false if it was lost. */
  const renew = (owned: Owned) =>
    Clock.currentTimeMillis.pipe(
      Effect.flatMap((now) => rows.renew(owned, { now, until: now + lease })),
      reading
    )

  /**
   * Books a payment that is proven. A fee above the allowed one, a payment that was believed to
   * have failed, or one that was made too late, is recorded as it is and freezes spending.
   */
  const settle = (paymentHash: Bolt11.PaymentHash, proof: Proof.Proof) =>
    transaction((_, now) => book(paymentHash, proof, now))

  /** The same for a payment that was just submitted, with what the day of now amounts to then. */
  const settleAndCount = (spend: SpendRecord, proof: Proof.Proof, zone: DateTime.TimeZone) =>
    counting(zone, (now) =>
      Effect.filterOrElse(
        bookAs(spend, proof, now, changes.changeIfKnown),
        Predicate.isNotUndefined,
        () => book(spend.paymentHash, proof, now)
      )
    )

  /** What is booked, and what the day of now amounts to then. */
  const counting = <E>(
    zone: DateTime.TimeZone,
    booking: (now: number) => Effect.Effect<SpendRecord, E>
  ) =>
    transaction(
      Effect.fnUntraced(function* (budget, now) {
        const booked = yield* booking(now)
        const { day } = totalsOf({ day: Reservation.today(budget, now, zone), unproven: false })
        const today = (yield* rows.totals({ day })).get(day) ?? nothing
        return { booked, today }
      })
    )

  const book = (paymentHash: Bolt11.PaymentHash, proof: Proof.Proof, now: number) =>
    Effect.flatMap(existing(paymentHash), (before) => bookAs(before, proof, now, changes.change))

  const bookAs = Effect.fnUntraced(function* <After extends SpendRecord | undefined, E>(
    before: SpendRecord,
    proof: Proof.Proof,
    now: number,
    change: (...of: Parameters<typeof changes.change>) => Effect.Effect<After, E>
  ) {
    const fee = Proof.credibleFee(proof)
    const tellsFee = before.fee === undefined && fee !== undefined
    if (before.state === "settled" && !tellsFee) return before
    const note = before.state === "settled" ? "the wallet told the fee" : ""
    const after = yield* change(
      before,
      { ...before, ...Lease.givenUp, state: "settled", preimage: proof.preimage, fee, note },
      { at: now, what: "settled" }
    )
    const alarm = after && Proof.alarm(before, after, proof)
    if (after && alarm !== undefined) yield* changes.freeze(now, alarm, after)
    return after
  })

  /**
   * The wallet has locked the money. Nothing is submitted any more, so that a lock has no owner:
   * its end is what the wallet says, whoever asks. What is resolved stays so.
   */
  const hold = (paymentHash: Bolt11.PaymentHash, note: string) =>
    transaction((_, now) => lockUp(paymentHash, now, note))

  /** The same with what the day of now amounts to then. */
  const holdAndCount = (paymentHash: Bolt11.PaymentHash, zone: DateTime.TimeZone) =>
    counting(zone, (now) => lockUp(paymentHash, now, ""))

  const lockUp = Effect.fnUntraced(function* (
    paymentHash: Bolt11.PaymentHash,
    now: number,
    note: string
  ) {
    const before = yield* existing(paymentHash)
    return isResolved(before) || before.state === "held"
      ? before
      : yield* changes.toState(before, "held", now, { ...Lease.givenUp, note })
  })

  /**
   * The preimage of a lock may go out: whoever has it can take the money, so that it is spent until
   * the wallet says that it is back. False where nothing is locked, or the preimage is another's.
   */
  const release = (paymentHash: Bolt11.PaymentHash, preimage: Bolt11.Preimage) =>
    transaction(
      Effect.fnUntraced(function* (_, now) {
        const before = Option.getOrUndefined(yield* rows.spend(paymentHash))
        if (before === undefined || !before.isLock) return false
        if (!Outcome.proves(paymentHash)(preimage)) return false
        if (before.preimage === preimage) return before.state !== "failed"
        if (before.state !== "held" || isOver(before, now)) return false
        const after: SpendRecord = { ...before, preimage, note: "its preimage may go out" }
        yield* changes.change(before, after, { at: now, what: "released" })
        return true
      })
    )

  /** What the owner of a spend says of it, while it is its own and its end is not known. */
  const asOwner = <E>(
    owned: Owned,
    note: string,
    body: (before: SpendRecord, now: number) => Effect.Effect<SpendRecord, E>
  ) =>
    transaction(
      Effect.fnUntraced(function* (_, now) {
        const before = yield* existing(owned.paymentHash)
        if (isResolved(before)) return before
        if (before.fence === owned.fence || before.state === "held") {
          return yield* body(before, now)
        }
        yield* changes.remarkOnce({ ...remarkOn(before, now), what: "overruled", note })
        return before
      })
    )

  /** The money did not leave and will not. What is settled stays settled. */
  const fail = (owned: Owned, note: string) =>
    asOwner(owned, note, (before, now) => changes.fail(before, now, note))

  /** Nobody knows yet: the reservation stays and the lease is given up. What is held stays so. */
  const leaveUnknown = (owned: Owned, note: string) =>
    asOwner(
      owned,
      note,
      Effect.fnUntraced(function* (before, now) {
        if (before.state === "held") return before
        const after: SpendRecord = { ...before, ...Lease.givenUp, state: "unknown", note }
        if (before.state !== "unknown") return yield* changes.toState(before, "unknown", now, after)
        yield* rows.update(after)
        yield* changes.remarkOnce({ ...remarkOn(after, now), what: "unknown", note })
        return after
      })
    )

  /** The owner goes away: what the wallet may have waits for recovery. */
  const letGo = (owned: Owned, note: string) =>
    transaction(
      Effect.fnUntraced(function* (_, now) {
        const current = yield* existing(owned.paymentHash)
        if (current.fence !== owned.fence || isResolved(current)) return
        if (Lease.isGivenUp(current)) return
        yield* rows.update({ ...current, ...Lease.givenUp })
        yield* changes.remarkOnce({ ...remarkOn(current, now), what: "let_go", note })
      })
    )

  /**
   * Takes a spend over whose owner is gone; none if there is nothing to take, as of a lock that is
   * held. An intent, which earlier versions of the ledger wrote before they submitted, was never paid
   * and is released.
   */
  const takeOver = (paymentHash: Bolt11.PaymentHash) =>
    transaction(
      Effect.fnUntraced(function* (_, now) {
        const current = yield* existing(paymentHash)
        if (isResolved(current) || current.state === "held" || Lease.isAlive(current, now)) {
          return Option.none<SpendRecord>()
        }
        if (current.state === "intended") {
          return Option.some(yield* changes.fail(current, now, abandoned))
        }
        const taken: SpendRecord = {
          ...current,
          leaseOwner: options.owner,
          leaseUntil: now + lease,
          fence: current.fence + 1
        }
        yield* rows.update(taken)
        // What was let go of has no owner to take it from.
        if (!Lease.isGivenUp(current)) {
          const note = `its process gave no sign of life; owner number ${taken.fence} takes over`
          yield* changes.remark({ ...remarkOn(taken, now), what: "taken_over", note })
        }
        return Option.some(taken)
      })
    )

  /** What a delivered payment bought counts for its payee. */
  const conclude = (paymentHash: Bolt11.PaymentHash, outcome: SpendOutcome) =>
    transaction(
      Effect.fnUntraced(function* (_, now) {
        const before = yield* existing(paymentHash)
        if (before.outcome === outcome || isFinal(before.outcome)) return
        yield* changes.change(before, { ...before, outcome }, { at: now, what: outcome })
      })
    )

  /** Somebody was told no; nothing was reserved. */
  const refuse = (refused: Omit<SpendChange.Remark, "at">) =>
    transaction((_, at) => changes.remarkOnce({ ...refused, at }))

  const freeze = (reason: string) =>
    transaction((_, now) => Effect.asVoid(changes.freeze(now, reason)))

  const unfreeze = transaction((budget, now) =>
    budget.frozen === null ? Effect.void : Effect.asVoid(changes.unfreeze(now))
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
    renew,
    settle,
    settleAndCount,
    hold,
    holdAndCount,
    release,
    fail,
    leaveUnknown,
    letGo,
    takeOver,
    conclude,
    refuse,
    freeze,
    unfreeze,
    find: (paymentHash: Bolt11.PaymentHash) => reading(existing(paymentHash)),
    ofPurchase: (purchase: PurchaseId) => reading(rows.ofPurchase(purchase)),
    unresolved: reading(rows.unresolved),
    history: (purchase: PurchaseId) => reading(rows.history(purchase)),
    feeUnknown: (since: number) => reading(rows.feeUnknown(since)),
    doubtful: (since: number, limit: number) => reading(rows.doubtful(since, limit)),
    /** What the day of now and all days together amount to. */
    summary: (zone: DateTime.TimeZone) =>
      reading(
        Effect.gen(function* () {
          const budget = yield* rows.read
          const day = Reservation.today(budget, yield* Clock.currentTimeMillis, zone)
          const names = totalsOf({ day, unproven: true })
          const found = yield* rows.totals(names)
          const of = (name: string | undefined) => (name && found.get(name)) || nothing
          return {
            day,
            frozen: budget.frozen ?? undefined,
            lifetime: of(names.lifetime),
            today: of(names.day),
            unprovenToday: of(names.unprovenDay)
          }
        })
      ),
    /** Everything there is, as of one moment. */
    everything: reading(
      sql.withTransaction(
        Effect.all({
          spends: rows.all,
          entries: rows.entries,
          totals: rows.allTotals,
          elsewhere: rows.ofOtherBudgets(options.wallet)
        })
      )
    )
  } as const
})

const abandoned = "its process ended before the payment was submitted"

const remarkOn = ({ paymentHash, purchase }: SpendRecord, at: number) => ({
  at,
  paymentHash,
  purchase
})

/** Nobody can take its money any more. */
const isOver = ({ lockEndsAt = 0 }: SpendRecord, now: number): boolean => now > lockEndsAt * 1000

/** A late delivery or refund makes up for a loss; neither makes up for the other. */
const isFinal = (outcome: SpendOutcome | undefined): boolean =>
  outcome === "delivered" || outcome === "refunded"
