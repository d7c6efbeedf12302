/**
 * What a provider counts: its events as they happen, and how it stands whenever somebody looks.
 * Each series is made once, because a name with labels costs more than the count.
 */
import { AgentMessage } from "@farthing/protocol"
import { type Context, Effect, Metric } from "effect"
import type { BackendHealth } from "./BackendHealth.ts"
import { InferenceFault } from "./InferenceBackend.ts"
import type { ProviderEvent } from "./ProviderEvent.ts"

/** Where a job has come to, as it is told. */
const states = [
  "refused",
  "quoted",
  "cancelled",
  "paid",
  "locked",
  "awaiting",
  "delivered",
  "unpaid",
  "returned",
  "owed",
  "refunded",
  "lost"
] as const
type State = (typeof states)[number]

const counter = (
  name: string,
  description: string,
  attributes: Readonly<Record<string, string>> = {}
) => Metric.counter(`farthing_provider_${name}`, { description, incremental: true, attributes })

/** A series for each value of a label. */
const counters = <Value extends string>(
  name: string,
  description: string,
  label: string,
  values: ReadonlyArray<Value>,
  others: Readonly<Record<string, string>> = {}
): ReadonlyMap<Value, Metric.Counter<number>> =>
  new Map(values.map((value) => [value, counter(name, description, { ...others, [label]: value })]))

const jobs = counters("jobs_total", "Jobs that came to a state", "state", states)

const amounts = counters<State>(
  "jobs_msats_total",
  "What was paid or locked for, earned by a delivery, forgone, offered back, given back, or kept without a result",
  "state",
  ["paid", "locked", "awaiting", "delivered", "unpaid", "returned", "owed", "refunded", "lost"]
)

const refusals = counters(
  "refusals_total",
  "Requests that were refused, by code",
  "code",
  AgentMessage.JobErrorCode.literals
)

const fees = counter("refund_fees_msats_total", "What giving money back has cost")
const tokens = counter("tokens_total", "Tokens that were delivered, as far as backends count them")
const troubles = counter("troubles_total", "Things outside that did not work")

const seconds = (name: string, description: string) =>
  Metric.histogram(`farthing_provider_${name}_seconds`, {
    description,
    boundaries: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120]
  })

const quoteTime = seconds("quote", "From a request to its invoice")
const firstTextTime = seconds("first_text", "From the question to a backend to its first text")
const deliveryTime = seconds(
  "delivery",
  "From the payment, or else the beginning, to the last of the text at the relays"
)
const claimTime = seconds("claim", "From the moment the money can be taken until it is")

/**
 * Counts an event; for one place, through which all of them come. What has not happened yet is
 * counted as zero from the beginning: of a series that comes with its first event, nobody sees it.
 */
export const counting = (context: Context.Context<never>): ((event: ProviderEvent) => void) => {
  for (const series of [jobs, amounts, refusals])
    for (const one of series.values()) one.updateUnsafe(0, context)
  for (const one of [fees, tokens, troubles]) one.updateUnsafe(0, context)

  const count = (state: State, msats?: number): void => {
    jobs.get(state)?.updateUnsafe(1, context)
    if (msats !== undefined) amounts.get(state)?.updateUnsafe(msats, context)
  }
  return (event) => {
    switch (event._tag) {
      case "Refused":
        refusals.get(event.code)?.updateUnsafe(1, context)
        return count("refused")
      case "Quoted":
        quoteTime.updateUnsafe(event.millis / 1_000, context)
        return count("quoted")
      case "Cancelled":
        return count("cancelled")
      case "Paid":
        return count("paid", event.amount)
      case "Locked":
        return count("locked", event.amount)
      case "Awaiting":
        deliveryTime.updateUnsafe(event.millis / 1_000, context)
        if (event.tokensOut !== undefined) tokens.updateUnsafe(event.tokensOut, context)
        return count("awaiting", event.amount)
      case "Delivered": {
        const time = event.settlement === "upfront" ? deliveryTime : claimTime
        time.updateUnsafe(event.millis / 1_000, context)
        if (event.tokensOut !== undefined) tokens.updateUnsafe(event.tokensOut, context)
        return count("delivered", event.amount)
      }
      case "Unpaid":
        return count("unpaid", event.amount)
      case "Returned":
        return count("returned", event.amount)
      case "Owed":
        return count("owed", event.amount)
      case "Refunded":
        fees.updateUnsafe(event.fee, context)
        return count("refunded", event.amount)
      case "Lost":
        return count("lost", event.amount)
      case "Trouble":
        return troubles.updateUnsafe(1, context)
      default:
        return
    }
  }
}

/** Counts the inferences of a backend that fail; its name is one of few, chosen by the owner. */
export const faultsOf = (
  backend: string,
  context: Context.Context<never>
): ((fault: InferenceFault) => void) => {
  const about = "Inferences that failed"
  const faults = counters("backend_faults_total", about, "reason", InferenceFault.literals, {
    backend
  })
  for (const one of faults.values()) one.updateUnsafe(0, context)
  return (fault) => faults.get(fault)?.updateUnsafe(1, context)
}

/** Counts how long a text lets wait for its first piece. */
export const firstText =
  (context: Context.Context<never>) =>
  (millis: number): void =>
    firstTextTime.updateUnsafe(millis / 1_000, context)

/** How a provider stands. */
export interface Standing {
  readonly isOnline: () => boolean
  readonly running: () => number
  readonly waiting: () => number
  readonly unpaid: () => number
  readonly capacity: () => number
  readonly backends: () => ReadonlyArray<BackendHealth>
}

/** Shows how a provider stands to whoever looks, until the scope closes. */
export const show = Effect.fnUntraced(function* (standing: Standing) {
  yield* showing("online", "1 if the last that was announced is that it sells", () =>
    Number(standing.isOnline())
  )
  yield* showing("running_jobs", "Jobs that are inferred now", standing.running)
  yield* showing("waiting_jobs", "Paid jobs that wait for their turn", standing.waiting)
  yield* showing("unpaid_quotes", "Quotes that can still be paid", standing.unpaid)
  yield* showing(
    "capacity_jobs",
    "Jobs at once, as far as the backends are healthy",
    standing.capacity
  )
  for (const { name } of standing.backends())
    yield* showing(
      "backend_healthy",
      "1 if the backend is relied on",
      () => Number(standing.backends().some((one) => one.name === name && one.isHealthy)),
      { backend: name }
    )
})

/** A gauge that is read when somebody looks. */
const showing = Effect.fnUntraced(function* (
  name: string,
  description: string,
  value: () => number,
  attributes: Readonly<Record<string, string>> = {}
) {
  const gauge = Metric.gauge(`farthing_provider_${name}`, { description, attributes })
  const context = yield* Effect.context()
  yield* Effect.acquireRelease(
    Effect.sync(() =>
      Metric.registerUnsafe(gauge, context, {
        get: () => ({ value: value() }),
        update: () => {},
        modify: () => {}
      })
    ),
    (registration) => Effect.sync(() => registration.remove())
  )
})
