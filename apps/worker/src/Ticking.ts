/** How what happens to agents is logged: what they think and pay for always, rests at debug. */
import type { Agents, LifeState } from "@farthing/agent"
import { Trigger } from "@farthing/agent"
import { Key, Text } from "@farthing/protocol"
import { Cause, Effect, Predicate } from "effect"

type Event = Agents.AgentEvent

/** `before` is how it lived until now, as far as that is known. */
export const log = (
  name: string,
  event: Event,
  before: LifeState.LifeState | undefined
): Effect.Effect<void> =>
  told(event, before).pipe(
    Effect.annotateLogs({ agent: name, npub: Key.formatPublic(event.agent) })
  )

const told = (event: Event, before: LifeState.LifeState | undefined): Effect.Effect<void> => {
  switch (event._tag) {
    case "Began":
      return Effect.annotateLogs(Effect.logDebug("tick"), {
        trigger: Trigger.wireName[event.trigger._tag]
      })
    case "Failed":
      return Effect.annotateLogs(
        isLimited(event.cause)
          ? Effect.logInfo("held back by its limits")
          : Effect.logWarning("the tick has failed"),
        failureOf(event.cause)
      )
    case "Ticked": {
      const { life, runway } = event.report.means
      const now = { balance_msats: runway.balance, runway_days: daysOf(runway.days) }
      const end =
        event.report._tag === "Thought"
          ? Effect.annotateLogs(Effect.logInfo("thought"), { ...now, ...thoughtOf(event.report) })
          : Effect.annotateLogs(Effect.logDebug("rests"), { ...now, because: event.report.why })
      return before === life
        ? end
        : Effect.andThen(
            end,
            Effect.annotateLogs(Effect.logInfo(`lives as ${life}`), {
              ...now,
              ...(before === undefined ? {} : { before })
            })
          )
    }
  }
}

type Thought = Extract<
  Extract<Event, { readonly _tag: "Ticked" }>["report"],
  { readonly _tag: "Thought" }
>

const thoughtOf = ({ actions, cost, tick }: Thought): Readonly<Record<string, unknown>> => ({
  tick: tick.number,
  trigger: Trigger.wireName[tick.trigger._tag],
  cost_msats: cost,
  actions: actions.map(({ action, state }) => `${action._tag}: ${state}`),
  millis: (tick.finishedAt ?? tick.startedAt) - tick.startedAt
})

/** With two places; none where the money lasts for ever. */
const daysOf = (days: number): number | null =>
  Number.isFinite(days) ? Math.round(days * 100) / 100 : null

/** Its budget lets it spend no more for now: that is what limits are for. */
export const isLimited = (cause: Cause.Cause<unknown>): boolean =>
  Predicate.isTagged(Cause.squash(cause), "BudgetExhausted")

const failureOf = (cause: Cause.Cause<unknown>): Readonly<Record<string, unknown>> => {
  const error = Cause.squash(cause)
  return {
    tag: Predicate.hasProperty(error, "_tag") ? String(error._tag) : "Defect",
    reason: Text.printable(error instanceof Error ? error.message : String(error), 500)
  }
}
