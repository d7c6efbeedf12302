/** What agents count: ticks by their end, what they cost, and how long they took. */
import type { Msat } from "@farthing/protocol"
import { Clock, Effect, Exit, Metric } from "effect"
import type { Rest, TickReport } from "./Tick.ts"

type End = "thought" | Rest | "failed"

const ticks: ReadonlyMap<End, Metric.Counter<number>> = new Map(
  (["thought", "paused", "hibernating", "dormant", "failed"] as const).map((end) => [
    end,
    Metric.counter("farthing_agent_ticks_total", {
      description: "Ticks, by how they ended: with a thought, resting, or failed",
      incremental: true,
      attributes: { end }
    })
  ])
)

const spent = Metric.counter("farthing_agent_spent_msats_total", {
  description: "What ticks have cost: thoughts and whatever was paid for",
  incremental: true
})

const seconds = Metric.histogram("farthing_agent_tick_seconds", {
  description: "How long ticks take that come to a thought",
  boundaries: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120]
})

const lateness = Metric.histogram("farthing_agent_lateness_seconds", {
  description: "How much later than they were due ticks begin",
  boundaries: [0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 60]
})

export const late = (millis: number): Effect.Effect<void> => Metric.update(lateness, millis / 1_000)

const endOf = (report: TickReport): End => (report._tag === "Thought" ? "thought" : report.why)

const costOf = (report: TickReport): Msat.Msat | 0 => (report._tag === "Thought" ? report.cost : 0)

export const counted = <E, R>(
  tick: Effect.Effect<TickReport, E, R>
): Effect.Effect<TickReport, E, R> =>
  Effect.flatMap(Clock.currentTimeMillis, (begun) =>
    Effect.onExit(tick, (exit) =>
      Effect.gen(function* () {
        const end = Exit.isSuccess(exit) ? endOf(exit.value) : "failed"
        const counter = ticks.get(end)
        if (counter !== undefined) yield* Metric.update(counter, 1)
        if (!Exit.isSuccess(exit) || exit.value._tag !== "Thought") return
        yield* Metric.update(spent, costOf(exit.value))
        yield* Metric.update(seconds, ((yield* Clock.currentTimeMillis) - begun) / 1_000)
      })
    )
  )
