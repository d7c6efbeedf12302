/** Everything that can go wrong with a tick, beyond what can go wrong with its purchase. */
import type { Treasury } from "@farthing/budget"
import { ComputeError } from "@farthing/compute"
import { Key } from "@farthing/protocol"
import type { Relay } from "@farthing/relay"
import { Schema } from "effect"
import type { BookUnavailable, LeaseLost } from "./AgentBook.ts"

/** Nobody of that key was enrolled here. */
export class AgentUnknown extends Schema.TaggedError<AgentUnknown>()("AgentUnknown", {
  agent: Key.PublicKey
}) {
  override get message(): string {
    return `There is no agent ${this.agent} here. Enrol it first.`
  }
}

/** Another process is at this agent's tick. */
export class AgentBusy extends Schema.TaggedError<AgentBusy>()("AgentBusy", {
  agent: Key.PublicKey
}) {
  override get message(): string {
    return `Another process is at a tick of ${this.agent}. Wait until it is over.`
  }
}

/** The relays have a state of this agent that cannot be read; nothing is begun without it. */
export class StateUnreadable extends Schema.TaggedError<StateUnreadable>()("StateUnreadable", {
  message: Schema.String
}) {}

export type TickError =
  | ComputeError.ComputeError
  | Treasury.PaymentRefused
  | AgentUnknown
  | AgentBusy
  | StateUnreadable
  | BookUnavailable
  | LeaseLost

export const relayUnavailable = (error: Relay.RelayError): ComputeError.RelayUnavailable =>
  ComputeError.relayUnavailable(error)
