/**
 * One turn of an agent:
 *
 *     load - refresh - take up - decide - observe - think - parse - act - save - publish
 *
 * Whatever is decided is written down before it is done. A process that dies anywhere leaves a
 * tick that the next one takes up where it stands: the thought is bought once, every action is done
 * once, and nothing that others wrote is lost.
 */
import type { Treasury } from "@farthing/budget"
import type { ComputeError } from "@farthing/compute"
import { Msat, Text } from "@farthing/protocol"
import { Clock, Duration, Effect, Option } from "effect"
import * as Action from "./Action.ts"
import { act } from "./Acting.ts"
import type { Member } from "./AgentBook.ts"
import * as AgentState from "./AgentState.ts"
import type { Body } from "./Body.ts"
import * as LifeState from "./LifeState.ts"
import { load } from "./Loading.ts"
import * as Means from "./Means.ts"
import { observe } from "./Observing.ts"
import * as Publishing from "./Publishing.ts"
import * as Reporting from "./Reporting.ts"
import * as Runway from "./Runway.ts"
import * as Thinking from "./Thinking.ts"
import { type ActionRecord, type TickRecord, thoughtOf, tickId } from "./TickRecord.ts"
import type { Trigger } from "./Trigger.ts"

/** What a tick came to. */
export type TickReport =
  | {
      readonly _tag: "Thought"
      readonly tick: TickRecord
      readonly actions: ReadonlyArray<ActionRecord>
      readonly means: Means.Means
      /** The thought and everything that was paid for. */
      readonly cost: Msat.Msat
    }
  /** Nothing was thought, and nothing spent. */
  | { readonly _tag: "Rested"; readonly why: Rest; readonly means: Means.Means }

export type Rest = "paused" | "hibernating" | "dormant"

interface Turn {
  readonly body: Body
  readonly member: Member
  readonly means: Means.Means
}

export const tick = Effect.fnUntraced(function* (body: Body, trigger: Trigger) {
  const { member, state: before } = yield* load(body)
  const means = yield* Means.refresh(body, before)
  const turn: Turn = { body, member, means }
  const { report, state } = yield* takeUp(turn, yield* live(turn, before))
  if (report !== undefined && trigger._tag === "Heartbeat") return report

  const rest = decide(turn, trigger)
  if (rest !== undefined) return yield* sleep(turn, rest)

  const begun = yield* begin(turn, state, trigger)
  const thought = yield* think(turn, begun)
  return yield* conclude(turn, thought)
})

/** Does what is left to do, a person's word included, and thinks of nothing new. */
export const catchUp = Effect.fnUntraced(function* (body: Body) {
  const { member, state } = yield* load(body)
  const means = yield* Means.refresh(body, state)
  const turn: Turn = { body, member, means }
  yield* takeUp(turn, yield* live(turn, state))
  yield* Publishing.send(body)
})

/** How it lives from now on. */
const live = Effect.fnUntraced(function* (
  { body, means: { life }, member }: Turn,
  state: AgentState.AgentState
) {
  if (state.life === life) return state
  const next = { ...state, life }
  yield* body.pen.write({ state: next })
  yield* Effect.logDebug(`${Text.printable(member.charter.name, 100)} is ${life} now.`)
  return next
})

/**
 * Goes on with what an earlier process, or a person's word, has left to do; with the report of the
 * tick that was taken up, if there was one.
 */
const takeUp = Effect.fnUntraced(function* (turn: Turn, state: AgentState.AgentState) {
  const { body, member } = turn
  if (member.isPaused) return { state }
  const agent = body.signer.publicKey
  const unfinished = yield* body.book.ticks.unfinished(agent)
  const taken = Option.isNone(unfinished)
    ? undefined
    : yield* conclude(turn, yield* think(turn, { tick: unfinished.value, state }))
  const open = yield* body.book.ticks.actionsIn(agent, ["approved", "begun", "unknown"])
  const scene = { body, member, life: turn.means.life }
  return { report: taken, state: yield* act(scene, taken?.state ?? state, open, []) }
})

/** Why there is nothing to think about now, if there is not. */
const decide = ({ means: { life }, member }: Turn, { _tag }: Trigger): Rest | undefined => {
  if (member.isPaused) return "paused"
  if (LifeState.conductOf(life).thinksOn(_tag)) return undefined
  return life === "dormant" ? "dormant" : "hibernating"
}

const sleep = Effect.fnUntraced(function* ({ body, means }: Turn, why: Rest) {
  yield* Publishing.send(body)
  return { _tag: "Rested", why, means } satisfies TickReport
})

interface Begun {
  readonly tick: TickRecord
  readonly state: AgentState.AgentState
}

/** Looks around, and writes down what it sees before it thinks of it. */
const begin = Effect.fnUntraced(function* (
  turn: Turn,
  state: AgentState.AgentState,
  trigger: Trigger
) {
  const { body, means, member } = turn
  const agent = body.signer.publicKey
  const next = { ...state, ticks: state.ticks + 1 }
  const named = { agent, number: next.ticks }
  yield* affordable(turn, named)
  const seen = yield* observe(body, member, { trigger, state, means })
  const startedAt = yield* Clock.currentTimeMillis
  const tick: TickRecord = {
    ...named,
    ...seen,
    trigger,
    stage: "thinking",
    reply: "",
    cost: Msat.zero,
    provider: null,
    note: "",
    startedAt,
    finishedAt: null
  }
  const events = [
    ...(yield* Publishing.introduction(body, member.charter)),
    ...(yield* Reporting.beginning(body, member.charter, tick))
  ]
  yield* body.pen.begin(tick, { state: next, events })
  yield* Effect.forkChild(Publishing.send(body))
  return { tick, state: next }
})

/** `can_spend`: whether a thought of the usual price fits into the budget, before anything is asked. */
const affordable = (
  { body: { economy, treasury }, means: { runway } }: Turn,
  named: Pick<TickRecord, "agent" | "number">
) =>
  treasury.check({
    tick: tickId(named),
    purchase: thoughtOf(named),
    amount: Msat.min(runway.perThought, economy.perTick)
  })

interface Thought extends Begun {
  readonly actions: ReadonlyArray<ActionRecord>
}

/** Buys the thought, unless it is here already, and parses what it wants to be done. */
const think = Effect.fnUntraced(function* (turn: Turn, { state, tick }: Begun) {
  const { body, member } = turn
  if (tick.stage === "acting") {
    const actions = yield* body.book.ticks.actions(tick.agent, tick.number)
    return { tick, state, actions } satisfies Thought
  }
  const thought = yield* Effect.tapError(Thinking.think(body, member, tick), (error) =>
    giveUp(turn, { tick, state }, error)
  )
  const { actions: wanted, unknown } = Action.parse(thought.reply)
  const actions = wanted.map((action, position) => intended(tick, action, position))
  const next = AgentState.report(
    { ...state, reports: [] },
    ...unknown.map((line) => `not understood: ${line}`)
  )
  yield* body.pen.thought(tick, thought, actions, { state: next })
  return {
    tick: { ...tick, ...thought, stage: "acting" },
    state: next,
    actions
  } satisfies Thought
})

const intended = (
  { agent, number }: TickRecord,
  action: Action.Action,
  position: number
): ActionRecord => ({
  agent,
  tick: number,
  position,
  action,
  state: "intended",
  note: "",
  approved: false,
  bolt11: null,
  cost: Msat.zero,
  event: null
})

/**
 * No thought came of it: the tick has failed, unless its money may still be on its way. Then the
 * next tick goes on with it.
 */
const giveUp = Effect.fnUntraced(function* (
  { body, member }: Turn,
  { state, tick }: Begun,
  error: ComputeError.ComputeError | Treasury.LedgerUnavailable
) {
  if (error._tag === "PaymentUnknown" || (yield* Thinking.isOpen(body, tick))) return
  const at = yield* Clock.currentTimeMillis
  const cost = Thinking.costOf(error)
  const samples =
    cost === 0 ? state.samples : Runway.add(state.samples, { at, cost, thought: cost })
  const events = yield* Reporting.failure(body, member.charter, tick, at)
  yield* body.pen.fail(tick, at, error.message.slice(0, 500), {
    state: { ...state, samples },
    events
  })
  yield* Publishing.send(body)
})

/** Acts, saves what it has become, and tells of it. */
const conclude = Effect.fnUntraced(function* (turn: Turn, { actions, state, tick }: Thought) {
  const { body, means, member } = turn
  const acted = yield* act({ body, member, life: means.life }, state, actions, tick.mail)
  const records = yield* body.book.ticks.actions(tick.agent, tick.number)
  const at = yield* Clock.currentTimeMillis
  const cost = Msat.sum([tick.cost, ...records.map(({ cost }) => cost)])
  const next: AgentState.AgentState = {
    ...acted,
    samples: Runway.add(acted.samples, { at, cost, thought: tick.cost }),
    heardUntil: heardUntil(acted, tick)
  }
  const waiting = yield* body.book.ticks.actionsIn(tick.agent, ["waiting", "approved"])
  const finished: TickRecord = { ...tick, stage: "finished", finishedAt: at }
  const events = [
    ...(yield* Reporting.success(body, member.charter, finished, records)),
    yield* Publishing.state(body, next, waiting)
  ]
  yield* body.pen.finish(tick, at, { state: next, events })
  yield* Publishing.send(body)
  yield* body.book.post.prune(tick.agent, at - remembered)
  return { _tag: "Thought", tick: finished, actions: records, means, cost, state: next } as const
})

/** The newest that was heard; nobody's date lies in the future. */
const heardUntil = ({ heardUntil }: AgentState.AgentState, { mail, startedAt }: TickRecord) =>
  Math.min(Math.max(heardUntil, ...mail.map(({ at }) => at)), Math.floor(startedAt / 1_000))

/** For how long letters and what was published are known, in milliseconds. */
const remembered = Duration.toMillis("14 days")
