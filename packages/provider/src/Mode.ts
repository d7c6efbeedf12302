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
import type { Wallet } from "@farthing/wallet"

type Mode = Settlement.Settlement

/** Whether money is locked before it is taken, so that it can go back by itself. */
export const isLocked = (mode: Mode): boolean => mode !== "upfront"

/** On what an escrow's money can be locked to this wallet: over Spark first, which costs no fee. */
export const railsOf = ({
  hold,
  htlc
}: Wallet.Info["capabilities"]): ReadonlyArray<Settlement.Rail> => [
  ...(htlc ? (["spark"] as const) : []),
  ...(hold ? (["lightning"] as const) : [])
]

/** The first of the customer's preferences that is on offer; undefined if there is none. */
export const choose = (
  message: AgentMessage.JobRequest,
  offered: ReadonlyArray<Settlement.Way>
): Settlement.Way | undefined => Settlement.choose(AgentMessage.waysOf(message), offered)
