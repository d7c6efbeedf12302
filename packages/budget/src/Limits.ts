/**
 * What may be spent, and the pure judgement whether a wish fits. A limit that is absent does not
 * exist; 0 means nothing may be spent.
 */
import { Msat } from "@farthing/protocol"
import { Duration, Schema } from "effect"

export interface Limits {
  readonly daily?: Msat.Msat
  readonly perTick?: Msat.Msat
  readonly perJob?: Msat.Msat
  readonly perProviderDaily?: Msat.Msat
  /** The most that a provider gets before it has delivered anything. */
  readonly firstSpend?: Msat.Msat
  /** The same for all such providers together, per day. */
  readonly unprovenDaily?: Msat.Msat
  /** The most that may be reserved, under way or unknown at once. */
  readonly unresolved?: Msat.Msat
  readonly lifetime?: Msat.Msat
  /** Above this a person has to approve. */
  readonly approvalAbove?: Msat.Msat
  /** What has to stay in the wallet. */
  readonly reserve: Msat.Msat
  /** The larger of the two fee limits applies. */
  readonly maxFee: Msat.Msat
  /** In percent of the amount, with at most four decimals. */
  readonly maxFeePercent: number
  /** How long a refusal that is caused only by amounts held may wait for them. */
  readonly wait: Duration.Duration
  /** IANA name: where a day begins. */
  readonly timeZone: string
}

/** The names that people know the limits by: those of the configuration. */
export const LimitName = Schema.Literals([
  "budget",
  "daily_limit_sats",
  "per_tick_limit_sats",
  "per_job_limit_sats",
  "per_provider_daily_sats",
  "first_spend_limit_sats",
  "unproven_daily_limit_sats",
  "max_unresolved_sats",
  "lifetime_limit_sats",
  "reserve_sats",
  "frozen"
])
export type LimitName = typeof LimitName.Type

/** How much of something is gone, and how much is held for spends whose end is not yet known. */
export interface Usage {
  readonly spent: Msat.Msat
  readonly held: Msat.Msat
}

export const unused: Usage = { spent: Msat.zero, held: Msat.zero }

/** What was spent with a provider and what it delivered for it. */
export interface ProviderTotals {
  readonly today: Usage
  readonly ever: Usage
  /** The cost of everything it was paid for and delivered. */
  readonly delivered: Msat.Msat
}

/** What may leave the wallet, and what has left it since the wallet was asked. */
export interface Funds {
  readonly spendable: Msat.Msat
  readonly spentSince: Msat.Msat
}

/** Everything that a wish is measured against. */
export interface Totals {
  readonly today: Usage
  readonly tick: Usage
  /** Its `held` is all that is unresolved. */
  readonly lifetime: Usage
  readonly unprovenToday: Usage
  /** Undefined while the payee is not known yet. */
  readonly provider: ProviderTotals | undefined
  /** Undefined if nothing has to stay in the wallet. */
  readonly funds: Funds | undefined
}

/** One limit and how much of it is used. */
export interface LimitStatus extends Usage {
  readonly limit: LimitName
  readonly most: Msat.Msat
}

/** A limit that a wish would break. */
export interface Refusal extends LimitStatus {
  readonly asked: Msat.Msat
  /** Only amounts held stand in the way: it may fit once they are resolved. */
  readonly mayPass: boolean
}

/** The first limit that a wish would break; one that no waiting can help comes first. */
export const judge = (limits: Limits, asked: Msat.Msat, totals: Totals): Refusal | undefined => {
  const broken = statuses(limits, totals).filter((status) => asked > leftOf(status))
  const hopeless = broken.find((status) => asked > Msat.left(status.most, status.spent))
  const refusal = hopeless ?? broken[0]
  return refusal && { ...refusal, asked, mayPass: hopeless === undefined }
}

/** Every limit that exists, with its use. */
export const statuses = (limits: Limits, totals: Totals): ReadonlyArray<LimitStatus> => {
  const { today, tick, lifetime, unprovenToday, provider, funds } = totals
  return [
    ...status("lifetime_limit_sats", limits.lifetime, lifetime),
    ...status("daily_limit_sats", limits.daily, today),
    ...status("per_tick_limit_sats", limits.perTick, tick),
    ...status("per_job_limit_sats", limits.perJob, unused),
    ...status("max_unresolved_sats", limits.unresolved, unresolved(totals)),
    ...(provider === undefined
      ? []
      : [
          ...status("per_provider_daily_sats", limits.perProviderDaily, provider.today),
          ...status("first_spend_limit_sats", mostFor(limits, provider), provider.ever),
          ...(isProven(provider)
            ? []
            : status("unproven_daily_limit_sats", limits.unprovenDaily, unprovenToday))
        ]),
    ...(funds === undefined
      ? []
      : status("reserve_sats", funds.spendable, {
          spent: funds.spentSince,
          held: lifetime.held
        }))
  ]
}

/** The limits that do not depend on a tick, a job or a provider. */
export const general = (
  limits: Limits,
  totals: Pick<Totals, "lifetime" | "today" | "unprovenToday">
): ReadonlyArray<LimitStatus> => [
  ...status("daily_limit_sats", limits.daily, totals.today),
  ...status("lifetime_limit_sats", limits.lifetime, totals.lifetime),
  ...status("unproven_daily_limit_sats", limits.unprovenDaily, totals.unprovenToday),
  ...status("max_unresolved_sats", limits.unresolved, unresolved(totals))
]

const unresolved = ({ lifetime }: Pick<Totals, "lifetime">): Usage => ({
  spent: Msat.zero,
  held: lifetime.held
})

const status = (
  limit: LimitName,
  most: Msat.Msat | undefined,
  used: Usage
): ReadonlyArray<LimitStatus> =>
  most === undefined ? [] : [{ limit, most, spent: used.spent, held: used.held }]

export const leftOf = (status: Usage & { readonly most: Msat.Msat }): Msat.Msat =>
  Msat.left(Msat.left(status.most, status.spent), status.held)

/** What the daily limit still allows; undefined without one. */
export const leftOfDay = (limits: Limits, today: Usage): Msat.Msat | undefined =>
  limits.daily === undefined ? undefined : leftOf({ ...today, most: limits.daily })

/** A provider that has delivered something it was paid for. */
export const isProven = (provider: ProviderTotals): boolean => provider.delivered > 0

/**
 * What a provider may get from us altogether: the first spend while it is unproven, then twice
 * what it has delivered, so that trust grows with deliveries and stops growing with losses.
 */
const mostFor = (limits: Limits, provider: ProviderTotals): Msat.Msat | undefined =>
  limits.firstSpend === undefined
    ? undefined
    : Msat.max(limits.firstSpend, atMostTwice(provider.delivered))

const atMostTwice = (amount: Msat.Msat): Msat.Msat =>
  Msat.add(amount, Msat.min(amount, Msat.left(Msat.most, amount)))

const parts = 1_000_000n

/**
 * The fee that may be paid on top of `amount`: the larger of the two fee limits, but with the
 * amount no more than `cap`. The percentage is taken as whole millionths of the amount and the
 * result rounded up to the next msat, both without floating point.
 */
export const allowedFee = (limits: Limits, amount: Msat.Msat, cap: Msat.Msat): Msat.Msat => {
  const millionths = BigInt(Math.round(limits.maxFeePercent * 10_000))
  const share = (BigInt(amount) * millionths + parts - 1n) / parts
  const percent = share > BigInt(Msat.most) ? Msat.most : Msat.make(Number(share))
  return Msat.min(Msat.max(limits.maxFee, percent), Msat.left(cap, amount))
}

/** The caller's cap, or what a job may cost if that is less. */
export const capOf = (
  limits: Limits,
  cap: Msat.Msat
): { readonly limit: LimitName; readonly most: Msat.Msat } =>
  limits.perJob !== undefined && limits.perJob < cap
    ? { limit: "per_job_limit_sats", most: limits.perJob }
    : { limit: "budget", most: cap }
