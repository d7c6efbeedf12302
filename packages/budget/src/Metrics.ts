/** What the budget counts: payments by how they ended for whoever asked for them, and their cost. */
import { Msat } from "@farthing/protocol"
import type { Context } from "effect"
import { Cause, Effect, Exit, Metric } from "effect"
import { costOf } from "./Spend.ts"
import type { SpendRecord } from "./Spend.ts"

/**
 * - `settled`: paid
 * - `failed`: the wallet says that it is not paid, or that the money of a lock is back
 * - `unknown`: it may be paid; a later look-up tells
 * - `refused`: a limit, a person or the invoice itself stood in the way
 * - `unavailable`: wallet or ledger could not be used
 * - `interrupted`: nobody waited for the end
 */
const ends = ["settled", "failed", "unknown", "refused", "unavailable", "interrupted"] as const
type End = (typeof ends)[number]

const counter = (name: string, description: string, attributes: Record<string, string> = {}) =>
  Metric.counter(`farthing_budget_${name}`, { description, incremental: true, attributes })

const about = "Payments, by how they ended for whoever asked for them"
const payments = new Map(
  ends.map((end) => [end, counter("payments_total", about, { end })] as const)
)
const locks = counter("locks_total", "Locks that were made; they are payments when they end")
const paid = counter("paid_msats_total", "What invoices have cost that were paid, without fees")
const fees = counter("fees_msats_total", "What paying them has cost")

const endOf = (error: { readonly _tag: string }): End => {
  switch (error._tag) {
    case "PaymentFailed":
      return "failed"
    case "PaymentUnknown":
      return "unknown"
    case "BudgetExhausted":
    case "ApprovalRequired":
    case "PaymentRefused":
      return "refused"
    default:
      return "unavailable"
  }
}

const endOfExit = (exit: Exit.Exit<unknown, { readonly _tag: string }>): End => {
  if (Exit.isSuccess(exit)) return "settled"
  if (Cause.hasInterrupts(exit.cause)) return "interrupted"
  const reason = exit.cause.reasons.find(Cause.isFailReason)
  return reason === undefined ? "unavailable" : endOf(reason.error)
}

const countPaid = (
  { amount, fee }: { readonly amount: Msat.Msat; readonly fee: Msat.Msat },
  context: Context.Context<never>
): void => {
  paid.updateUnsafe(amount, context)
  fees.updateUnsafe(fee, context)
}

/** Counts a payment when it ends. */
export const counted = <
  A extends { readonly amount: Msat.Msat; readonly fee: Msat.Msat },
  E extends { readonly _tag: string },
  R
>(
  payment: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.onExit(payment, (exit) =>
    Effect.contextWith((context) =>
      Effect.sync(() => {
        payments.get(endOfExit(exit))?.updateUnsafe(1, context)
        if (Exit.isSuccess(exit)) countPaid(exit.value, context)
      })
    )
  )

/** Counts a lock when it is made, or a payment where it comes to nothing. */
export const countedLock = <A, E extends { readonly _tag: string }, R>(
  lock: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.onExit(lock, (exit) =>
    Effect.contextWith((context) =>
      Effect.sync(() =>
        Exit.isSuccess(exit)
          ? locks.updateUnsafe(1, context)
          : payments.get(endOfExit(exit))?.updateUnsafe(1, context)
      )
    )
  )

/** Counts a lock as a payment once its end is booked. */
export const countEnd = (spend: SpendRecord): Effect.Effect<void> =>
  Effect.contextWith((context) =>
    Effect.sync(() => {
      if (spend.state !== "settled" && spend.state !== "failed") return
      payments.get(spend.state)?.updateUnsafe(1, context)
      if (spend.state === "settled")
        countPaid(
          { amount: spend.amount, fee: Msat.subtract(costOf(spend), spend.amount) },
          context
        )
    })
  )
