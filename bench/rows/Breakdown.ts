/** Where the time of one purchase goes, by the spans that the product itself opens. */
import { Effect } from "effect"
import * as Duel from "../src/Duel.ts"
import type { Row } from "../src/Row.ts"
import type { Spans } from "../src/Workload.ts"

/** The stages of a side in their order, none within another. */
const customer = [
  "discover",
  "select",
  "reserve",
  "request",
  "quote",
  "check",
  "pay",
  "deliver",
  "settle"
].map((stage) => `ComputeClient.${stage}`)

const provider = ["quote", "take", "infer", "keep", "say"].map(
  (stage) => `ComputeProvider.${stage}`
)

const task = { ...Duel.oneAtATime, jobs: 100 }

const stagesOf = (names: ReadonlyArray<string>, spans: Spans) =>
  names.flatMap((name) => {
    const all = spans[name]
    const stage = name.slice(name.indexOf(".") + 1)
    return all === undefined ? [] : [{ name: stage, millis: all / task.jobs }]
  })

export const breakdown: Row = {
  name: "breakdown",
  title: "where the time of a purchase goes",
  measure: Effect.map(Duel.watch(task, "spans"), ({ mean, spans = {} }) => ({
    measurements: [],
    breakdown: {
      purchase: mean,
      sides: [
        { name: "customer", stages: stagesOf(customer, spans) },
        { name: "provider", stages: stagesOf(provider, spans) }
      ]
    }
  }))
}
