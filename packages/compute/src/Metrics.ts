/** What a customer counts: purchases by their end, what they cost, and how long each stage took. */
import type { Msat } from "@farthing/protocol"
import { Cause, Effect, Exit, Metric } from "effect"
import type { ComputeError } from "./ComputeError.ts"
import type { Stage } from "./Inference.ts"

const counter = (name: string, description: string, attributes: Record<string, string> = {}) =>
  Metric.counter(`farthing_compute_${name}`, { description, incremental: true, attributes })

/** The result is here, or why it is not. */
type End = "delivered" | "interrupted" | "defect" | ComputeError["_tag"]

const ends = {
  delivered: true,
  interrupted: true,
  defect: true,
  NoProviders: true,
  NoProviderWithinBudget: true,
  SettlementUnavailable: true,
  ProviderRefused: true,
  QuoteTimeout: true,
  InvoiceRejected: true,
  BudgetExhausted: true,
  ApprovalRequired: true,
  PaymentFailed: true,
  PaymentUnknown: true,
  DeliveryTimeout: true,
  DeliveryTruncated: true,
  DeliveryInvalid: true,
  RelayUnavailable: true,
  WalletUnavailable: true,
  LedgerUnavailable: true
} satisfies Record<End, true>

const purchases = new Map(
  Object.keys(ends).map((end) => [
    end,
    counter("purchases_total", "Purchases, by how they ended: delivered, or why not", { end })
  ])
)
const spent = counter("spent_msats_total", "What purchases have cost, invoice and fee together")
const lost = counter(
  "lost_msats_total",
  "What of it brought no result and has not come back so far"
)

const stageNames = [
  "discover",
  "select",
  "reserve",
  "request",
  "quote",
  "check",
  "pay",
  "deliver",
  "refund",
  "settle"
] as const satisfies ReadonlyArray<Stage>

const stages: ReadonlyMap<Stage, Metric.Histogram<number>> = new Map(
  stageNames.map((stage) => [
    stage,
    Metric.histogram("farthing_compute_stage_seconds", {
      description: "How long the stages of purchases take",
      boundaries: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
      attributes: { stage }
    })
  ])
)

/** A stage of a purchase took so long. */
export const stageTook = (stage: Stage, millis: number): Effect.Effect<void> =>
  Effect.contextWith((context) =>
    Effect.sync(() => stages.get(stage)?.updateUnsafe(millis / 1_000, context))
  )

/** Counts a purchase when it ends. */
export const counted = <A extends { readonly cost: Msat.Msat }, R>(
  purchase: Effect.Effect<A, ComputeError, R>
): Effect.Effect<A, ComputeError, R> =>
  Effect.onExit(purchase, (exit) =>
    Effect.contextWith((context) =>
      Effect.sync(() => {
        if (Exit.isSuccess(exit)) {
          purchases.get("delivered")?.updateUnsafe(1, context)
          return spent.updateUnsafe(exit.value.cost, context)
        }
        const error = exit.cause.reasons.find(Cause.isFailReason)?.error
        const end = Cause.hasInterrupts(exit.cause) ? "interrupted" : (error?._tag ?? "defect")
        purchases.get(end)?.updateUnsafe(1, context)
        if (error === undefined || !("cost" in error)) return
        spent.updateUnsafe(error.cost, context)
        lost.updateUnsafe(error.cost - (error.refund ?? 0), context)
      })
    )
  )

/** Why a message was no answer to an open job. */
export type Ignored =
  | "unreadable"
  | "no_such_job"
  | "references_disagree"
  | "not_understood"
  | "order_lost"
  | "too_much"

const ofIgnored = (why: Ignored) =>
  counter("messages_ignored_total", "Messages that were no answer to an open job", { why })

const ignored: Readonly<Record<Ignored, Metric.Counter<number>>> = {
  unreadable: ofIgnored("unreadable"),
  no_such_job: ofIgnored("no_such_job"),
  references_disagree: ofIgnored("references_disagree"),
  not_understood: ofIgnored("not_understood"),
  order_lost: ofIgnored("order_lost"),
  too_much: ofIgnored("too_much")
}

/** A message is not taken. */
export const ignore = (why: Ignored): Effect.Effect<void> => Metric.update(ignored[why], 1)
