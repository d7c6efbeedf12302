/**
 * How an agent lives on what it has. It falls as soon as its money falls, and rises only when
 * there is a quarter more than a threshold asks for: so it does not waver between two states.
 */
import { Msat } from "@farthing/protocol"
import { Schema } from "effect"
import type { Runway } from "./Runway.ts"
import type { Trigger } from "./Trigger.ts"

/**
 * - `active`: thinks whenever something happens, and spends within its limits
 * - `low_balance`: the money lasts for less than `low_balance_days`; thinks as before, but what it
 *   would give away waits for a person
 * - `hibernating`: less is left than `hibernate_threshold_sats`; its heartbeat only looks at the
 *   wallet, and it thinks where somebody speaks to it
 * - `dormant`: cannot pay for a thought; watches its wallet and its mentions, which costs nothing
 */
export const LifeState = Schema.Literals(["dormant", "hibernating", "low_balance", "active"])
export type LifeState = typeof LifeState.Type

export interface Thresholds {
  readonly lowBalanceDays: number
  readonly hibernateBelow: Msat.Msat
}

/** What a state allows. */
export interface Conduct {
  readonly thinksOn: (trigger: Trigger["_tag"]) => boolean
  /** Whether money may leave for anything but thoughts without a person's word. */
  readonly gives: boolean
}

const conducts: Readonly<Record<LifeState, Conduct>> = {
  active: { thinksOn: () => true, gives: true },
  low_balance: { thinksOn: () => true, gives: false },
  hibernating: { thinksOn: (trigger) => trigger !== "Heartbeat", gives: false },
  dormant: { thinksOn: () => false, gives: false }
}

export const conductOf = (state: LifeState): Conduct => conducts[state]

type Means = Pick<Runway, "balance" | "days" | "perThought">

/** What more than a threshold is needed to rise above it. */
const margin = 1.25

/** The state that follows; the first one if there was none. */
export const next = (
  previous: LifeState | undefined,
  means: Means,
  thresholds: Thresholds
): LifeState => {
  const best = stateAt(means, thresholds, 1)
  if (previous === undefined || rank(previous) > rank(best)) return best
  const worst = stateAt(means, thresholds, margin)
  return rank(previous) < rank(worst) ? worst : previous
}

/** By thresholds that are so many times as high. */
const stateAt = (
  { balance, days, perThought }: Means,
  { hibernateBelow, lowBalanceDays }: Thresholds,
  times: number
): LifeState => {
  if (balance < perThought * times) return "dormant"
  if (balance < hibernateBelow * times) return "hibernating"
  if (days < lowBalanceDays * times) return "low_balance"
  return "active"
}

/** More is better. */
export const rank = (state: LifeState): number => LifeState.literals.indexOf(state)
