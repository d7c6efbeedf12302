/**
 * What has happened to an agent between two looks at it, oldest first: for whoever cannot be shown a
 * picture, and for programs.
 */
import type { AgentView, TickRecord } from "@farthing/agent"
import type { ComputeClient } from "@farthing/compute"
import * as Show from "../Show.ts"
import * as JobTelling from "../JobTelling.ts"
import * as AgentTelling from "./AgentTelling.ts"
import * as LifeTelling from "./LifeTelling.ts"
import * as TickTelling from "./TickTelling.ts"

type View = AgentView.AgentView
type Tick = TickRecord.TickRecord

export type Happening =
  | { readonly _tag: "Lives"; readonly view: View }
  | { readonly _tag: "Began"; readonly tick: Tick }
  | { readonly _tag: "Job"; readonly job: ComputeClient.Job }
  | { readonly _tag: "Thought"; readonly tick: Tick }
  | { readonly _tag: "Acted"; readonly action: TickRecord.ActionRecord }
  | { readonly _tag: "Ended"; readonly story: TickTelling.Story }

/** A first look tells how it lives, and what goes on; what was before is history. */
export const between = (before: View | undefined, after: View): ReadonlyArray<Happening> =>
  before === undefined
    ? [
        { _tag: "Lives", view: after },
        ...after.ticks
          .filter(({ finishedAt }) => finishedAt === null)
          .map((tick): Happening => ({ _tag: "Began", tick }))
      ]
    : [
        ...newTicks(before, after).map((tick): Happening => ({ _tag: "Began", tick })),
        ...newJobs(before, after).map((job): Happening => ({ _tag: "Job", job })),
        ...newThoughts(before, after).map((tick): Happening => ({ _tag: "Thought", tick })),
        ...newActions(before, after).map((action): Happening => ({ _tag: "Acted", action })),
        ...newEnds(before, after).map((story): Happening => ({ _tag: "Ended", story })),
        ...(LifeTelling.word(before) === LifeTelling.word(after)
          ? []
          : [{ _tag: "Lives", view: after } as const])
      ]

const find = ({ ticks }: View, { number }: Tick) => ticks.find((tick) => tick.number === number)

/** Oldest first. */
const ticksOf = ({ ticks }: View) => ticks.toReversed()

const newTicks = (before: View, after: View) =>
  ticksOf(after).filter(({ number }) => number > (before.ticks[0]?.number ?? 0))

const newJobs = ({ jobs }: View, after: View) =>
  after.jobs
    .filter((job) => !jobs.some((it) => it.request === job.request && it.state === job.state))
    .toReversed()

const hasThought = (tick: Tick | undefined): boolean =>
  tick !== undefined && (tick.stage === "acting" || tick.stage === "finished")

const newThoughts = (before: View, after: View) =>
  ticksOf(after).filter((tick) => hasThought(tick) && !hasThought(find(before, tick)))

/** What an action comes to; that it is intended says nothing yet. */
const newActions = (before: View, after: View) =>
  after.actions.filter(
    (action) =>
      action.state !== "intended" &&
      !before.actions.some(
        (it) =>
          it.tick === action.tick && it.position === action.position && it.state === action.state
      )
  )

const newEnds = (before: View, after: View): ReadonlyArray<TickTelling.Story> =>
  ticksOf(after)
    .filter((tick) => tick.finishedAt !== null && !isOver(find(before, tick)))
    .map((tick) => ({
      tick,
      actions: after.actions.filter((action) => action.tick === tick.number)
    }))

const isOver = (tick: Tick | undefined): boolean => tick !== undefined && tick.finishedAt !== null

/** For people. */
export const sentence = (happening: Happening, now: number): string => {
  switch (happening._tag) {
    case "Lives": {
      const { view } = happening
      return `${LifeTelling.word(view)}, runway ${LifeTelling.runway(view.runway)}: ${LifeTelling.means(view.runway)}`
    }
    case "Began":
      return `tick ${happening.tick.number} begins: ${TickTelling.trigger(happening.tick)}`
    case "Job":
      return job(happening.job)
    case "Thought":
      return `a thought for ${Show.cost(happening.tick.cost)}`
    case "Acted":
      return TickTelling.actionLine(happening.action)
    case "Ended":
      return TickTelling.headline(happening.story, now)
  }
}

const job = (job: ComputeClient.Job): string =>
  [
    job.state,
    Show.name(job.providerName, 40),
    ...(job.amount === undefined ? [] : [Show.cost(job.amount)])
  ].join(" · ")

/** For programs. */
export const fields = (happening: Happening): object => {
  switch (happening._tag) {
    case "Lives":
      return { type: "life", ...AgentTelling.briefFields(happening.view) }
    case "Began": {
      const { tick } = happening
      return { type: "tick", tick: tick.number, trigger: TickTelling.trigger(tick) }
    }
    case "Job":
      return { type: "job", ...JobTelling.fields(happening.job) }
    case "Thought": {
      const { cost, number, reply } = happening.tick
      return { type: "thought", tick: number, text: reply, cost_msats: cost }
    }
    case "Acted":
      return { type: "action", ...TickTelling.actionFields(happening.action) }
    case "Ended":
      return { type: "ticked", ...TickTelling.fields(happening.story) }
  }
}
