/** What the worker knows of itself, as gauges; what it is made of has metrics of its own. */
import type { ProviderBook } from "@farthing/provider"
import * as Job from "@farthing/provider/Job"
import { Effect, Metric, Option } from "effect"
import { type Counts, standings } from "./Fleet.ts"
import type { Report } from "./Readiness.ts"

const ready = Metric.gauge("farthing_worker_ready", {
  description: "1 if everything that its work needs works, and nobody has told the worker to stop"
})

const partReady = Metric.gauge("farthing_worker_part_ready", {
  description: "1 if this part works: relay, wallet, backend, announced, agents"
})

const agents = Metric.gauge("farthing_worker_agents", {
  description: "Agents, by how they live or what keeps them from it"
})

const jobs = Metric.gauge("farthing_worker_jobs", {
  description: "Jobs in the provider's book, by state"
})

const amounts = Metric.gauge("farthing_worker_jobs_msats", {
  description: "What the jobs in the provider's book cost, by state"
})

const heap = Metric.gauge("farthing_worker_heap_bytes", { description: "Memory in use" })
const resident = Metric.gauge("farthing_worker_resident_bytes", {
  description: "Memory of the whole process"
})
const uptime = Metric.gauge("farthing_worker_uptime_seconds", {
  description: "Since the process was started"
})

const asNumber = (isTrue: boolean): number => (isTrue ? 1 : 0)

export const tellReadiness = Effect.fnUntraced(function* (report: Report) {
  yield* Metric.update(ready, asNumber(report.ready))
  for (const [part, { reason }] of Object.entries(report.parts))
    yield* Metric.update(
      Metric.withAttributes(partReady, { part }),
      asNumber(Option.isNone(reason))
    )
})

/** Every state is told, also while no job is in it: a line that comes and goes cannot be added. */
export const tellJobs = Effect.fnUntraced(function* (counts: ReadonlyArray<ProviderBook.Count>) {
  for (const state of Job.JobState.literals) {
    const count = counts.find((count) => count.state === state)
    yield* Metric.update(Metric.withAttributes(jobs, { state }), count?.jobs ?? 0)
    yield* Metric.update(Metric.withAttributes(amounts, { state }), count?.amount ?? 0)
  }
})

/** As with jobs: every standing is told. */
export const tellAgents = Effect.fnUntraced(function* (counts: Counts) {
  for (const standing of standings)
    yield* Metric.update(Metric.withAttributes(agents, { standing }), counts[standing])
})

export const tellProcess = Effect.suspend(() => {
  const { heapUsed, rss } = process.memoryUsage()
  return Effect.all([
    Metric.update(heap, heapUsed),
    Metric.update(resident, rss),
    Metric.update(uptime, Math.floor(process.uptime()))
  ])
})
