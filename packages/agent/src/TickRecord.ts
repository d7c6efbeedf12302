/** A tick and its actions as the book remembers them. */
import { Treasury } from "@farthing/budget"
import { Key, Msat, NostrEvent } from "@farthing/protocol"
import { Schema } from "effect"
import { Action } from "./Action.ts"
import { Mail } from "./Mail.ts"
import { Trigger } from "./Trigger.ts"

/**
 * - `thinking`: what was seen is written down; the thought is being bought
 * - `acting`: the thought is here, and its actions are being done
 * - `finished`: all is done, or waits for a person
 * - `failed`: no thought came of it; what others wrote is for the next tick
 */
export const Stage = Schema.Literals(["thinking", "acting", "finished", "failed"])
export type Stage = typeof Stage.Type

export const TickRecord = Schema.Struct({
  agent: Key.PublicKey,
  /** 1, 2, 3, … */
  number: Schema.Int,
  trigger: Trigger,
  stage: Stage,
  prompt: Schema.String,
  mail: Schema.Array(Mail),
  /** The thought, word for word; empty until it is here. */
  reply: Schema.String,
  /** What the thought cost. */
  cost: Msat.Msat,
  provider: Schema.NullOr(Key.PublicKey),
  note: Schema.String,
  /** Unix milliseconds. */
  startedAt: Schema.Int,
  finishedAt: Schema.NullOr(Schema.Int)
})
export interface TickRecord extends Schema.Schema.Type<typeof TickRecord> {}

/**
 * - `intended`: parsed, and not judged yet
 * - `waiting`: for a person's word; `approved` when it is there, `rejected` when it is a no
 * - `begun`: its payment may be under way; `unknown` where that is all that is known of it
 * - `done`, `refused`, `failed`: its end
 */
export const ActionState = Schema.Literals([
  "intended",
  "waiting",
  "approved",
  "rejected",
  "begun",
  "unknown",
  "done",
  "refused",
  "failed"
])
export type ActionState = typeof ActionState.Type

export const ActionRecord = Schema.Struct({
  agent: Key.PublicKey,
  tick: Schema.Int,
  /** In its tick: 0, 1, 2, … */
  position: Schema.Int,
  action: Action,
  state: ActionState,
  /** Why it stands as it does, for people. */
  note: Schema.String,
  /** A person has agreed to it. */
  approved: Schema.Boolean,
  /** The invoice that it pays, once there is one. */
  bolt11: Schema.NullOr(Schema.String),
  /** What left the wallet for it. */
  cost: Msat.Msat,
  /** What it published. */
  event: Schema.NullOr(NostrEvent.EventId)
})
export interface ActionRecord extends Schema.Schema.Type<typeof ActionRecord> {}

/** What people call an action: `<tick>.<position>`. */
export const ActionId = Schema.String.check(Schema.isPattern(/^\d{1,9}\.\d{1,2}$/)).pipe(
  Schema.brand("ActionId")
)
export type ActionId = typeof ActionId.Type

export const actionId = ({ position, tick }: Pick<ActionRecord, "tick" | "position">): ActionId =>
  ActionId.make(`${tick}.${position}`)

type Named = Pick<TickRecord, "agent" | "number">

/** How the Treasury, and events of kinds 39210 to 39231, call a tick. */
export const tickId = ({ agent, number }: Named): Treasury.TickId =>
  Treasury.TickId.make(`${agent.slice(0, 16)}-${number}`)

/** The one purchase of a tick's thought, however often it is begun anew. */
export const thoughtOf = (tick: Named): Treasury.PurchaseId =>
  Treasury.PurchaseId.make(`tick ${tickId(tick)}`)

/** The one payment of an action. */
export const paymentOf = ({ agent, position, tick }: ActionRecord): Treasury.PurchaseId =>
  Treasury.PurchaseId.make(`action ${tickId({ agent, number: tick })}.${position}`)
