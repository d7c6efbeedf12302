/**
 * What `upfront`, `escrow` and `sealed` are to a provider: one hash-locked payment in three orders.
 * They differ in who holds the preimage, when the work begins, and what ends it. Pure.
 *
 * | mode    | preimage  | the work begins when its invoice is | the job ends when  |
 * | ------- | --------- | ----------------------------------- | ------------------ |
 * | upfront | wallet's  | settled                             | it is delivered    |
 * | escrow  | customer's| held                                | the money is taken |
 * | sealed  | ours      | made                                | the money is taken |
 */
import { AgentMessage, Settlement } from "@farthing/protocol"

type Mode = Settlement.Settlement

/** Whether money is locked before it is taken, so that it can go back by itself. */
export const isLocked = (mode: Mode): boolean => mode !== "upfront"

/** The first of the customer's preferences that is on offer; undefined if there is none. */
export const choose = (
  message: AgentMessage.JobRequest,
  offered: ReadonlyArray<Mode>
): Mode | undefined => Settlement.choose(AgentMessage.settlementsOf(message), offered)
