/**
 * A thought is an inference that the agent buys: discover, select, ask, pay and receive are the
 * market client's, under the limits of the tick, of the day, and all others of the budget.
 */
import type { ComputeError } from "@farthing/compute"
import { Msat, type Key } from "@farthing/protocol"
import { Effect } from "effect"
import type { Member } from "./AgentBook.ts"
import type { Body } from "./Body.ts"
import { type TickRecord, thoughtOf, tickId } from "./TickRecord.ts"

export interface Thought {
  readonly reply: string
  readonly cost: Msat.Msat
  readonly provider: Key.PublicKey
}

/** More of a thought is not kept. */
const mostReply = 16_000

/**
 * Buys the thought of a tick once, however often it is asked for: one purchase spans all of its
 * attempts, restarts of the process included.
 */
export const think = (
  { compute, economy }: Body,
  { charter: { maxTokens, model } }: Member,
  tick: TickRecord
): Effect.Effect<Thought, ComputeError.ComputeError> =>
  compute
    .requestInference({
      prompt: tick.prompt,
      maxTokens,
      budget: economy.perTick,
      purchase: thoughtOf(tick),
      tick: tickId(tick),
      ...(model === undefined ? {} : { model })
    })
    .pipe(
      Effect.map(({ cost, provider, text }) => ({
        reply: text.slice(0, mostReply).toWellFormed(),
        cost,
        provider
      }))
    )

/** What a purchase that brought no thought has cost. */
export const costOf = (error: ComputeError.ComputeError): Msat.Msat =>
  "cost" in error ? error.cost : Msat.zero

/** Whether money of this thought may still be on its way: then no other one is begun. */
export const isOpen = ({ treasury }: Pick<Body, "treasury">, tick: TickRecord) =>
  Effect.map(treasury.find(thoughtOf(tick)), (spends) =>
    spends.some(({ state }) => state !== "settled" && state !== "failed")
  )
