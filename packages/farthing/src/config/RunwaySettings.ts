/** What may be spent, and when it is time to worry. */
import type { Limits } from "@farthing/budget"
import type { Msat } from "@farthing/protocol"
import { Option } from "effect"
import type * as Sections from "./Sections.ts"
import type { Values } from "./Setting.ts"

export interface RunwaySettings {
  readonly limits: Limits.Limits
  /** Per day: what an agent is taken to spend until that is measured. */
  readonly dailyBurn: Msat.Msat
  readonly lowBalanceDays: number
  readonly hibernateThreshold: Msat.Msat
}

export const of = (runway: Values<typeof Sections.sections.runway>): RunwaySettings => ({
  limits: limitsOf(runway),
  dailyBurn: runway.daily_burn_sats,
  lowBalanceDays: runway.low_balance_days,
  hibernateThreshold: runway.hibernate_threshold_sats
})

const limitsOf = (runway: Values<typeof Sections.sections.runway>): Limits.Limits => ({
  ...present("daily", runway.daily_limit_sats),
  ...present("perTick", runway.per_tick_limit_sats),
  ...present("perJob", runway.per_job_limit_sats),
  ...present("perProviderDaily", runway.per_provider_daily_sats),
  ...present("firstSpend", runway.first_spend_limit_sats),
  ...present("unprovenDaily", runway.unproven_daily_limit_sats),
  ...present("unresolved", runway.max_unresolved_sats),
  ...present("lifetime", runway.lifetime_limit_sats),
  ...present("approvalAbove", runway.approval_above_sats),
  reserve: runway.reserve_sats,
  maxFee: runway.max_fee_sats,
  maxFeePercent: runway.max_fee_percent,
  wait: runway.budget_wait,
  timeZone: runway.time_zone
})

/** A limit that is left out does not exist. */
const present = <K extends keyof Limits.Limits>(
  name: K,
  limit: Option.Option<Msat.Msat>
): { readonly [N in K]?: Msat.Msat } =>
  Option.match(limit, {
    onNone: () => ({}),
    onSome: (amount) => ({ [name]: amount }) as { readonly [N in K]: Msat.Msat }
  })
