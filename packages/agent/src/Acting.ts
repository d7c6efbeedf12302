/**
 * From thoughts to deeds: each action passes its gate, and is done once. What is decided, and the
 * signed bytes that say so to others, are one step of the book; what pays is a purchase of its own.
 */
import { Channel, Key, Msat, type NostrEvent, Sat } from "@farthing/protocol"
import { Effect } from "effect"
import { randomBytes } from "node:crypto"
import { type Action, type Paying as PayingAction, paysFor, wireName } from "./Action.ts"
import type { Member, Step } from "./AgentBook.ts"
import * as AgentState from "./AgentState.ts"
import type { Body } from "./Body.ts"
import * as DirectMessage from "./DirectMessage.ts"
import * as Gate from "./Gate.ts"
import * as LifeState from "./LifeState.ts"
import { type Mail, noteKind } from "./Mail.ts"
import * as Observation from "./Observation.ts"
import * as Paying from "./Paying.ts"
import type { ActionRecord, TickRecord } from "./TickRecord.ts"

interface Scene {
  readonly body: Body
  readonly member: Member
  readonly life: LifeState.LifeState
}

/** Does what is not at its end, in order; answers with the state that follows. */
export const act = Effect.fnUntraced(function* (
  scene: Scene,
  state: AgentState.AgentState,
  records: ReadonlyArray<ActionRecord>,
  mail: TickRecord["mail"]
) {
  let current = state
  for (const record of records) current = yield* carryOut(scene, current, record, mail)
  return current
})

const carryOut = Effect.fnUntraced(function* (
  scene: Scene,
  state: AgentState.AgentState,
  record: ActionRecord,
  mail: TickRecord["mail"]
) {
  const { body, member } = scene
  switch (record.state) {
    case "intended": {
      const verdict = Gate.judge(record.action, circumstances(scene, state, mail))
      if (verdict._tag === "Allowed") return yield* perform(scene, state, record, mail)
      const to = verdict._tag === "Waits" ? "waiting" : "refused"
      return yield* book(scene, state, record, { to, note: verdict.why })
    }
    case "approved":
      return yield* perform(scene, state, record, mail)
    case "begun": {
      const step = yield* Paying.pay(body, member.charter, record, record.bolt11 ?? "")
      return yield* book(scene, state, record, step)
    }
    case "unknown": {
      const step = yield* Paying.learn(body, record)
      return step.to === "unknown" ? state : yield* book(scene, state, record, step)
    }
    default:
      return state
  }
})

const perform = Effect.fnUntraced(function* (
  scene: Scene,
  state: AgentState.AgentState,
  record: ActionRecord,
  mail: TickRecord["mail"]
) {
  const { body, member } = scene
  const { action } = record
  if (!paysFor(action)) {
    const step = yield* doneBy(scene, state, action, hasHeard(state, mail))
    return yield* book(scene, state, record, step)
  }
  const bill = yield* Effect.result(Paying.billFor(body, action))
  if (bill._tag === "Failure")
    return yield* book(scene, state, record, { to: "failed", note: bill.failure.message })
  const begun: Step = { to: "begun", bolt11: bill.success }
  yield* body.pen.step(record, begun)
  const step = yield* Paying.pay(body, member.charter, record, bill.success)
  return yield* book(scene, state, record, step)
})

/** What an action comes to that pays nothing. */
const doneBy = Effect.fnUntraced(function* (
  scene: Scene,
  state: AgentState.AgentState,
  action: Exclude<Action, PayingAction>,
  heard: boolean
): Effect.fn.Return<Step> {
  const { body, member } = scene
  switch (action._tag) {
    case "Post":
      return said(yield* body.signer.sign({ kind: noteKind, tags: [salt()], content: action.text }))
    case "ChannelMessage": {
      const channel = action.channel ?? member.charter.channels[0]
      if (channel === undefined) return { to: "failed", note: "this agent has no channel" }
      const tags = [["e", channel, body.relay.urls[0] ?? "", "root"], salt()]
      return said(
        yield* body.signer.sign({ kind: Channel.messageKind, tags, content: action.text })
      )
    }
    case "DirectMessage":
      return yield* told(body, action.to, action.text)
    case "RequestPayment":
      return yield* requestPayment(body, action)
    case "Goal":
      return { to: "done", state: AgentState.adopt(state, action.text, "self") }
    case "Remember":
      return { to: "done", state: AgentState.remember(state, action.text, heard) }
    case "Forget":
      return { to: "done", state: AgentState.forget(state, action.id) }
    case "Nothing":
      return { to: "done" }
  }
})

const said = (event: NostrEvent.NostrEvent): Step => ({
  to: "done",
  event: event.id,
  events: [event]
})

/** Two equal texts of one second are two. */
const salt = (): ReadonlyArray<string> => ["salt", randomBytes(8).toString("hex")]

const told = (body: Body, to: Key.PublicKey, text: string) =>
  DirectMessage.wrap(body.signer, to, text).pipe(
    Effect.map(said),
    Effect.catch(({ message }) => Effect.succeed<Step>({ to: "failed", note: message }))
  )

const requestExpiry = "1 day"

const requestPayment = Effect.fnUntraced(function* (
  body: Body,
  { amount, from, memo }: Extract<Action, { readonly _tag: "RequestPayment" }>
) {
  const invoice = yield* Effect.result(
    body.wallet.makeInvoice({ amount, description: memo, expiry: requestExpiry })
  )
  if (invoice._tag === "Failure")
    return { to: "failed", note: invoice.failure.message } satisfies Step
  const { bolt11 } = invoice.success
  return yield* told(body, from, `${memo}\n${Sat.fromMsatCeil(amount)} sats: ${bolt11}`)
})

/** The step, with what the agent is to know of it. */
const book = Effect.fnUntraced(function* (
  { body }: Scene,
  state: AgentState.AgentState,
  { action, ...record }: ActionRecord,
  step: Step
) {
  const changed = step.state ?? state
  const words = reportOf(action, step)
  const next = words === undefined ? changed : AgentState.report(changed, words)
  yield* body.pen.step({ action, ...record }, { ...step, state: next })
  return next
})

const reportOf = (
  action: Action,
  { cost = Msat.zero, note = "", to }: Step
): string | undefined => {
  const name = wireName[action._tag].toUpperCase()
  switch (to) {
    case "done":
      return cost > 0 ? `${name} done for ${Sat.fromMsatCeil(cost)} sats` : undefined
    case "waiting":
      return `${name} waits for a person: ${note}`
    default:
      return `${name} ${to}: ${note}`
  }
}

const circumstances = (
  { body, life, member }: Scene,
  state: AgentState.AgentState,
  mail: ReadonlyArray<Mail>
): Gate.Circumstances => ({
  charter: member.charter,
  conduct: LifeState.conductOf(life),
  state,
  network: body.economy.network,
  correspondents: Observation.correspondents({ mail }),
  heardOthers: hasHeard(state, mail),
  privately: mail.filter(({ kind }) => kind === "dm")
})

/** Whether others spoke in this tick, or in one whose memory speaks in it. */
const hasHeard = (state: AgentState.AgentState, mail: ReadonlyArray<Mail>): boolean =>
  mail.length > 0 || state.memories.some(({ heard }) => heard)
