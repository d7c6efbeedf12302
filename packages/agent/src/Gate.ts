/**
 * Between a thought and a deed: whether an action may be done, waits for a person, or must not
 * be done at all. Whatever a model was talked into, it gets no further than its autonomy reaches;
 * and what pays still has to pass the limits of the Treasury.
 */
import { Bolt11, Key, type Network } from "@farthing/protocol"
import { Result } from "effect"
import { type Action, paysFor } from "./Action.ts"
import { type AgentState, canForget } from "./AgentState.ts"
import type { Charter } from "./Charter.ts"
import * as Leak from "./Leak.ts"
import type { Conduct } from "./LifeState.ts"

export type Verdict =
  | { readonly _tag: "Allowed" }
  | { readonly _tag: "Waits"; readonly why: string }
  | { readonly _tag: "Refused"; readonly why: string }

/** What an action is judged by. */
export interface Circumstances {
  readonly charter: Charter
  readonly conduct: Conduct
  readonly state: AgentState
  readonly network: Network.Network
  /** Who wrote to the agent directly, or mentioned it, in what this tick has heard. */
  readonly correspondents: ReadonlySet<Key.PublicKey>
  /** Whether others spoke in this tick: then the thought may be theirs. */
  readonly heardOthers: boolean
  /** What was said to the agent alone. */
  readonly privately: ReadonlyArray<{ readonly from: Key.PublicKey; readonly text: string }>
}

const allowed: Verdict = { _tag: "Allowed" }
const waits = (why: string): Verdict => ({ _tag: "Waits", why })
const refused = (why: string): Verdict => ({ _tag: "Refused", why })

export const judge = (action: Action, now: Circumstances): Verdict => {
  const fault = faultOf(action, now)
  if (fault !== undefined) return refused(fault)
  if (isInward(action)) return judgeInward(action, now)
  if (now.charter.autonomy === "supervised")
    return waits("every act of this agent is approved first")
  if (paysFor(action) && !now.conduct.gives)
    return waits("the money is low, so that nothing is given away without a person's word")
  return now.charter.autonomy === "autonomous" ? allowed : judgeBounded(action, now)
}

/** What nobody may do, approved or not. */
export const faultOf = (action: Action, now: Circumstances): string | undefined => {
  const text = saidBy(action)
  if (text !== undefined && Leak.holdsSecret(text)) return "it would tell a secret"
  if (text !== undefined && Leak.quotes(text, unknownTo(action, now)))
    return "it would tell what was said in private"
  switch (action._tag) {
    case "PayInvoice": {
      const invoice = Result.getOrUndefined(Bolt11.decode(action.bolt11))
      if (invoice === undefined) return "it is no invoice that can be read"
      return invoice.network === now.network ? undefined : `the invoice is for ${invoice.network}`
    }
    case "ChannelMessage": {
      const channel = action.channel ?? now.charter.channels[0]
      if (channel === undefined) return "this agent has no channel"
      return now.charter.channels.includes(channel) ? undefined : "it is in no such channel"
    }
    case "Forget":
      return canForget(now.state, action.id)
        ? undefined
        : "only a memory, or a goal of its own, can be forgotten"
    default:
      return undefined
  }
}

/** What changes nobody but the agent itself. */
const isInward = ({ _tag }: Action): boolean =>
  _tag === "Goal" || _tag === "Remember" || _tag === "Forget" || _tag === "Nothing"

/** Nobody else sets a goal: what comes to mind while others speak may be theirs. */
const judgeInward = (action: Action, { charter, heardOthers }: Circumstances): Verdict => {
  const isAboutGoals =
    action._tag === "Goal" || (action._tag === "Forget" && action.id.startsWith("g"))
  if (!isAboutGoals || charter.autonomy === "autonomous") return allowed
  if (charter.autonomy === "supervised") return waits("goals of this agent are approved first")
  return heardOthers ? waits("others spoke in this tick, and goals are not theirs to set") : allowed
}

const judgeBounded = (action: Action, now: Circumstances): Verdict => {
  const { charter, correspondents } = now
  switch (action._tag) {
    case "DirectMessage":
    case "RequestPayment": {
      const other = action._tag === "DirectMessage" ? action.to : action.from
      return correspondents.has(other) || charter.trusted.includes(other)
        ? allowed
        : waits("it is written to somebody who did not write first and is not trusted")
    }
    case "ZapProfile":
      return charter.trusted.includes(action.to)
        ? allowed
        : waits("it pays somebody who is not trusted")
    // Whose note it is, only the relays say.
    case "ZapNote":
      return waits("it pays for a note, whoever wrote it")
    case "PayInvoice": {
      const payee = Result.getOrUndefined(Bolt11.decode(action.bolt11))?.payee
      return payee !== undefined && charter.trustedNodes.includes(payee)
        ? allowed
        : waits("it pays an invoice of somebody who is not trusted")
    }
    default:
      return allowed
  }
}

/** What others would read. */
const saidBy = (action: Action): string | undefined => {
  switch (action._tag) {
    case "Post":
    case "DirectMessage":
    case "ChannelMessage":
      return action.text
    case "RequestPayment":
      return action.memo
    default:
      return undefined
  }
}

/** What was said in private by anybody but whom this is for. */
const unknownTo = (action: Action, { privately }: Circumstances): ReadonlyArray<string> => {
  const reader =
    action._tag === "DirectMessage"
      ? action.to
      : action._tag === "RequestPayment"
        ? action.from
        : undefined
  return privately.flatMap(({ from, text }) => (from === reader ? [] : [text]))
}
