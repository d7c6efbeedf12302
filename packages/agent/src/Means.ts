/** What an agent can live on now: its balance, its budget, how long they last, and how it lives. */
import { Treasury } from "@farthing/budget"
import { Msat } from "@farthing/protocol"
import { Effect } from "effect"
import type { AgentState } from "./AgentState.ts"
import type { Body } from "./Body.ts"
import * as LifeState from "./LifeState.ts"
import type { Budget } from "./Observation.ts"
import * as Runway from "./Runway.ts"

export interface Means {
  readonly runway: Runway.Runway
  readonly life: LifeState.LifeState
  readonly budget: Budget
}

/** Asks the wallet and the books; costs nothing. */
export const refresh = Effect.fnUntraced(function* (
  { economy, treasury, wallet }: Pick<Body, "economy" | "treasury" | "wallet">,
  { life, samples }: Pick<AgentState, "life" | "samples">
) {
  const balance = yield* Effect.mapError(
    wallet.balance,
    ({ message }) => new Treasury.WalletUnavailable({ message })
  )
  const { limits, spentToday } = yield* treasury.status
  const daily = limits.find(({ limit }) => limit === "daily_limit_sats")
  const runway = Runway.of({
    balance: Msat.left(balance, economy.reserve),
    samples,
    configuredBurn: economy.burn,
    dailyLimit: daily?.most
  })
  return {
    runway,
    life: LifeState.next(life, runway, economy),
    budget: {
      perTick: economy.perTick,
      spentToday,
      leftToday: daily && Msat.left(Msat.left(daily.most, daily.spent), daily.held)
    }
  } satisfies Means
})
