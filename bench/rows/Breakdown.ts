/** Where the time of one purchase goes, by the spans that the product itself opens. */
import { Effect } from "effect"
import * as Duel from "../src/Duel.ts"
import type { Breakdown, Row } from "../src/Row.ts"

type Stages = Breakdown["sides"][number]["stages"]

/** One after the other, and none within another. */
const customersStages = [
  "discover",
  "select",
  "reserve",
  "request",
  "quote",
  "check",
  "pay",
  "deliver",
  "settle"
]

const task = { ...Duel.oneAtATime, jobs: 100 }

export const breakdown: Row = {
  name: "breakdown",
  title: "where the time of a purchase goes",
  measure: Effect.map(Duel.watch(task, "spans"), ({ mean, spans = {} }) => {
    const millisOf = (name: string) => (spans[name] ?? 0) / task.jobs
    const customer = customersStages.map((name) => ({
      name,
      millis: millisOf(`ComputeClient.${name}`)
    }))
    const infer = millisOf("ComputeProvider.infer")
    const deliver = millisOf("ComputeProvider.deliver")
    const provider = [
      { name: "quote", millis: millisOf("ComputeProvider.quote") },
      { name: "infer", millis: infer },
      { name: "keep", millis: millisOf("ComputeProvider.job") - infer - deliver },
      { name: "deliver", millis: deliver }
    ]
    return {
      measurements: [],
      breakdown: {
        purchase: mean,
        sides: [
          { name: "customer", stages: withRest(customer, mean) },
          { name: "provider, meanwhile", stages: provider }
        ]
      }
    }
  })
}

/** What is in no stage. */
const withRest = (stages: Stages, whole: number): Stages => {
  const rest = stages.reduce((left, { millis }) => left - millis, whole)
  return [...stages, { name: "else", millis: rest }]
}
