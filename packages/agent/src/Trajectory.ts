/**
 * The steps of a tick, for whoever may read them. In public: what was bought, of whom and for how
 * much, what it weighs in hashes, and the deeds that everybody can see anyway. No prompt, no thought,
 * no name of anybody who was written to in private, no secret.
 */
import { hash } from "node:crypto"
import { type Action, wireName } from "./Action.ts"
import type { ActionRecord, TickRecord } from "./TickRecord.ts"
import * as Trigger from "./Trigger.ts"

export interface Step {
  readonly type: "request" | "result" | "action"
  readonly data: object
}

/** What everybody may read. */
export const inPublic = (
  tick: TickRecord,
  actions: ReadonlyArray<ActionRecord>
): ReadonlyArray<Step> => [
  {
    type: "request",
    data: {
      trigger: Trigger.wireName[tick.trigger._tag],
      prompt_sha256: hash("sha256", tick.prompt),
      observations: tick.mail.length
    }
  },
  {
    type: "result",
    data: {
      provider: tick.provider,
      cost_msats: tick.cost,
      result_sha256: hash("sha256", tick.reply)
    }
  },
  ...actions.map((record): Step => ({ type: "action", data: deed(record) }))
]

/** What only the agent itself may read. */
export const inPrivate = (
  tick: TickRecord,
  actions: ReadonlyArray<ActionRecord>
): ReadonlyArray<Step> => [
  { type: "request", data: { trigger: tick.trigger, prompt: tick.prompt } },
  {
    type: "result",
    data: { provider: tick.provider, cost_msats: tick.cost, result: tick.reply }
  },
  ...actions.map(({ action, cost, event, note, state }): Step => ({
    type: "action",
    data: { action, state, note, cost_msats: cost, event }
  }))
]

/** An action as a tick's result (kind 39211) and its public steps tell it. */
export const deed = ({ action, cost, event, state }: ActionRecord): object => ({
  type: wireName[action._tag],
  state,
  ...(cost === 0 ? {} : { cost_msats: cost }),
  ...(event === null || !isPublic(action) ? {} : { id: event })
})

const isPublic = ({ _tag }: Action): boolean => _tag === "Post" || _tag === "ChannelMessage"
