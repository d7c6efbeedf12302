/** How a tick is told to the world, in public, to the agent itself alone, or not at all. */
import type { Draft } from "@farthing/relay/Signer"
import { Effect } from "effect"
import * as AgentEvents from "./AgentEvents.ts"
import type { Body } from "./Body.ts"
import type { Charter } from "./Charter.ts"
import * as Publishing from "./Publishing.ts"
import * as Trajectory from "./Trajectory.ts"
import { type ActionRecord, type TickRecord, tickId } from "./TickRecord.ts"

export const beginning = (body: Body, charter: Charter, tick: TickRecord) =>
  charter.trajectory === "off"
    ? Effect.succeed([])
    : signed(body, [AgentEvents.tickRequest(tickId(tick), tick.trigger, body.signer.publicKey)])

export const failure = (body: Body, charter: Charter, tick: TickRecord, at: number) =>
  charter.trajectory === "off"
    ? Effect.succeed([])
    : signed(body, [result(body, tick, "failure", at, [], "{}")])

export const success = Effect.fnUntraced(function* (
  body: Body,
  charter: Charter,
  tick: TickRecord,
  actions: ReadonlyArray<ActionRecord>
) {
  if (charter.trajectory === "off") return []
  const isPublic = charter.trajectory === "public"
  const steps = (isPublic ? Trajectory.inPublic : Trajectory.inPrivate)(tick, actions)
  const summary = {
    cost_msats: tick.cost,
    actions: isPublic ? actions.map(Trajectory.deed) : []
  }
  const write = (data: object) => written(body, isPublic, data)
  const id = tickId(tick)
  return yield* signed(body, [
    result(
      body,
      tick,
      "success",
      tick.finishedAt ?? tick.startedAt,
      actions,
      yield* write(summary)
    ),
    AgentEvents.session(
      id,
      steps.length,
      yield* write({ tick: tick.number, started_at: tick.startedAt, finished_at: tick.finishedAt })
    ),
    ...(yield* Effect.forEach(steps, ({ data, type }, seq) =>
      Effect.map(write(data), (content) => AgentEvents.step(id, seq, type, content))
    ))
  ])
})

const result = (
  body: Body,
  tick: TickRecord,
  status: "success" | "failure",
  at: number,
  actions: ReadonlyArray<ActionRecord>,
  content: string
): Draft =>
  AgentEvents.tickResult({
    id: tickId(tick),
    runner: body.signer.publicKey,
    status,
    millis: Math.max(1, at - tick.startedAt),
    actions: actions.length,
    content
  })

/** As with the state; a step that is longer is told without what it says. */
const longest = 32_768

const written = (body: Body, isPublic: boolean, data: object): Effect.Effect<string> => {
  const text = JSON.stringify(data)
  const fitting = Buffer.byteLength(text) > longest ? "{}" : text
  return isPublic ? Effect.succeed(fitting) : Publishing.toSelf(body, fitting)
}

const signed = (body: Body, drafts: ReadonlyArray<Draft>) =>
  Effect.forEach(drafts, (draft) => Publishing.addressed(body, draft))
