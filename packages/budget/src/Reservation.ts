/**
 * Whether a spend may be reserved: every rule that needs the ledger, in one place. It only reads;
 * the ledger calls it inside of the transaction that writes.
 */
import { Msat } from "@farthing/protocol"
import type { PaymentRequest } from "@farthing/protocol"
import { Effect, Schema } from "effect"
import type { DateTime } from "effect"
import * as BudgetDay from "./BudgetDay.ts"
import * as Limits from "./Limits.ts"
import { nothing, totalsOf } from "./Spend.ts"
import type { Spend } from "./Spend.ts"
import type * as SpendRows from "./SpendRows.ts"
import { ApprovalRequired, BudgetExhausted, PaymentRefused } from "./TreasuryError.ts"

/** What somebody wants to spend. */
export interface Wish {
  readonly tick: Spend["tick"]
  readonly payee: Spend["payee"] | undefined
  readonly approved: boolean
  /** Amount and allowed fee together. */
  readonly asked: Msat.Msat
}

/** A wish for which money is asked. */
export interface Order extends Omit<Spend, "cap" | "invoice"> {
  readonly request: PaymentRequest.PaymentRequest
  readonly amount: Msat.Msat
  readonly allowedFee: Msat.Msat
  /** Whether the money is only locked to the hash. */
  readonly isLock: boolean
}

/** What a wish is measured by. */
export interface Rules {
  readonly limits: Limits.Limits
  readonly zone: DateTime.TimeZone
  /** What may leave the wallet, and what had been spent when the wallet was asked. */
  readonly funds: { readonly spendable: Msat.Msat; readonly spentBefore: Msat.Msat } | undefined
}

/** A limit is in the way; `mayPass` if it is only because of amounts held. */
export class Refused extends Schema.TaggedError<Refused>()("Refused", {
  error: BudgetExhausted,
  mayPass: Schema.Boolean
}) {}

/**
 * A payment hash is paid once, ever; a purchase again only when its earlier payments are known
 * to have failed. Answers with the failed payment of the same invoice that is tried again; the
 * preimage of a lock may be out, so its hash has had its day.
 */
export const payableOnce = Effect.fnUntraced(function* (
  rows: SpendRows.SpendRows,
  order: Order,
  now: number
) {
  const { expiresAt, paymentHash } = order.request
  if (expiresAt * 1000 <= now) {
    return yield* new PaymentRefused({
      reason: "expired",
      message: "The invoice has expired. Ask for a fresh one."
    })
  }
  const rivals = yield* rows.rivals({ purchase: order.purchase, paymentHash })
  const former = rivals.find((rival) => rival.paymentHash === paymentHash)
  const isAgain =
    former?.state === "failed" &&
    order.irreplaceable === true &&
    !order.isLock &&
    !former.isLock &&
    (yield* rows.ofPurchase(order.purchase)).some((rival) => rival.paymentHash === paymentHash)
  if (former !== undefined && !isAgain) {
    return yield* new PaymentRefused({
      reason: "already_used",
      message: `An invoice with the payment hash ${paymentHash} was used before. Ask the provider for a fresh one.`
    })
  }
  const paying = rivals.find((rival) => rival.state !== "failed")
  if (paying !== undefined) {
    return yield* new PaymentRefused({
      reason: "purchase_already_paid",
      message: `This purchase has a payment already (${paying.state}, ${paying.paymentHash}). Recover it instead of paying again.`
    })
  }
  return former
})

/** Measures a wish against every limit; what no waiting can help is refused first. */
export const measure = Effect.fnUntraced(function* (
  rows: SpendRows.SpendRows,
  {
    wish,
    budget,
    day,
    rules
  }: {
    readonly wish: Wish
    readonly budget: SpendRows.Budget
    readonly day: BudgetDay.BudgetDay
    readonly rules: Rules
  }
) {
  if (budget.frozen !== null) {
    return yield* new Refused({ error: frozen(wish.asked, budget.frozen), mayPass: false })
  }
  const found = yield* totalsFor(rows, wish, day, rules.funds)
  const refusal = Limits.judge(rules.limits, wish.asked, found)
  if (refusal !== undefined && !refusal.mayPass) return yield* refused(refusal, day, rules.zone)
  const above = rules.limits.approvalAbove
  if (above !== undefined && wish.asked > above && !wish.approved) {
    return yield* new ApprovalRequired({ asked: wish.asked, above })
  }
  if (refusal !== undefined) return yield* refused(refusal, day, rules.zone)
  return found
})

const totalsFor = Effect.fnUntraced(function* (
  rows: SpendRows.SpendRows,
  wish: Pick<Wish, "payee" | "tick">,
  day: BudgetDay.BudgetDay,
  funds: Rules["funds"]
) {
  const { tick, payee } = wish
  const names = totalsOf({ day, unproven: true, tick, payee })
  const found = yield* rows.totals(names)
  const of = (name: string | undefined) => (name && found.get(name)) || nothing
  const lifetime = of(names.lifetime)
  return {
    lifetime,
    today: of(names.day),
    tick: of(names.tick),
    unprovenToday: of(names.unprovenDay),
    provider: payee && {
      today: of(names.providerDay),
      ever: of(names.provider),
      delivered: of(names.provider).delivered
    },
    funds: funds && {
      spendable: funds.spendable,
      spentSince: Msat.left(lifetime.spent, funds.spentBefore)
    }
  } satisfies Limits.Totals
})

/** The day of now; it never moves backwards. */
export const today = (
  budget: SpendRows.Budget,
  now: number,
  zone: DateTime.TimeZone
): BudgetDay.BudgetDay => {
  const day = BudgetDay.of(now, zone)
  return budget.day === "" ? day : BudgetDay.later(budget.day, day)
}

export const frozen = (asked: Msat.Msat, reason: string): BudgetExhausted =>
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
