/** Which providers are asked, in what order. */
import type { Key } from "@farthing/protocol"
import { Msat, Sat } from "@farthing/protocol"
import { Option } from "effect"
import * as Provider from "./Provider.ts"

/**
 * - `cheapest`: by advertised price; a price that is not known comes last.
 * - `fastest`: by our median time from payment to result; newcomers come last.
 * - `reliable`: by the chance of a delivery, as far as our own record tells.
 * - `balanced`: by what one delivered result may be expected to cost, where ten seconds of
 *   waiting weigh like paying twice.
 */
export type Policy = "cheapest" | "fastest" | "reliable" | "balanced"

export interface Selection {
  /**
   * A function orders what is eligible itself, and may leave some out. The built-in policies
   * never choose a provider that lately took money without delivering.
   */
  readonly policy?:
    | Policy
    | ((providers: ReadonlyArray<Provider.Provider>) => ReadonlyArray<Provider.Provider>)
  readonly only?: ReadonlyArray<Key.PublicKey>
  readonly ignore?: ReadonlyArray<Key.PublicKey>
  /** Asked first, in this order, whatever their record; the policy orders the rest. */
  readonly order?: ReadonlyArray<Key.PublicKey>
  readonly maxPrice?: Msat.Msat
  readonly model?: string
  /** Whether the next provider is asked when one does not come to a payment. */
  readonly fallbacks?: boolean
  /** How many providers are asked at once; the best invoice is taken. */
  readonly quotes?: number
}

/** What providers are ranked for. */
export interface Wish {
  /** The most that a result may cost. */
  readonly budget: Msat.Msat
  readonly selection: Selection
  /** Unix seconds. */
  readonly now: number
  /** How many are wanted; finding a few among many is much faster than sorting all. */
  readonly limit?: number
}

/** The providers to ask, best first; each provider once, however many offers it announces. */
export const rank = (
  providers: ReadonlyArray<Provider.Provider>,
  wish: Wish
): ReadonlyArray<Provider.Provider> => {
  const limit = wish.limit ?? Number.POSITIVE_INFINITY
  const affordable = providers.filter(isAffordable(wish)).filter(isWanted(wish.selection))
  const first = named(affordable, wish.selection.order ?? [])
  const rest = first.length === 0 ? affordable : affordable.filter((one) => !first.includes(one))
  return onePerKey([...first, ...byPolicy(rest, wish, limit)], limit)
}

/** The seed of the market: the cheapest provider whose price is known and within the budget. */
export const selectCheapestProvider = (
  providers: ReadonlyArray<Provider.Provider>,
  budgetSats: number
): Option.Option<Provider.Provider> => {
  const budget = Sat.toMsat(Sat.make(budgetSats))
  const priced = providers.filter((provider) =>
    Option.exists(provider.price, (price) => price <= budget)
  )
  return Option.fromUndefinedOr(best(priced, cheapest, 1)[0])
}

/** The lowest price that anybody asks. */
export const lowestPrice = (
  providers: ReadonlyArray<Provider.Provider>
): Option.Option<Msat.Msat> =>
  Option.flatMap(Option.fromUndefinedOr(best(providers, cheapest, 1)[0]), (one) => one.price)

/** Who fits the selection, whatever the price. */
export const isWanted = (selection: Selection): ((provider: Provider.Provider) => boolean) => {
  const only = selection.only === undefined ? undefined : new Set(selection.only)
  const ignore = new Set(selection.ignore)
  const { model } = selection
  return (provider) =>
    (only === undefined || only.has(provider.pubkey)) &&
    !ignore.has(provider.pubkey) &&
    (model === undefined || provider.models.includes(model))
}

const isAffordable = ({ budget, selection }: Wish) => {
  const most = selection.maxPrice === undefined ? budget : Msat.min(budget, selection.maxPrice)
  return (provider: Provider.Provider): boolean =>
    Option.isNone(provider.price) || provider.price.value <= most
}

const named = (
  providers: ReadonlyArray<Provider.Provider>,
  order: ReadonlyArray<Key.PublicKey>
): ReadonlyArray<Provider.Provider> =>
  order.flatMap((pubkey) =>
    best(
      providers.filter((one) => one.pubkey === pubkey),
      cheapest,
      1
    )
  )

const byPolicy = (
  providers: ReadonlyArray<Provider.Provider>,
  { now, selection }: Wish,
  limit: number
): ReadonlyArray<Provider.Provider> => {
  const policy = selection.policy ?? "cheapest"
  if (typeof policy === "function") return policy(providers)
  const trusted = providers.filter((provider) => !Provider.isAvoided(provider, now))
  return best(trusted, policies[policy], limit)
}

const onePerKey = (
  providers: ReadonlyArray<Provider.Provider>,
  limit: number
): ReadonlyArray<Provider.Provider> => {
  const seen = new Map<Key.PublicKey, Provider.Provider>()
  for (const provider of providers) {
    if (seen.size >= limit) break
    if (!seen.has(provider.pubkey)) seen.set(provider.pubkey, provider)
  }
  return [...seen.values()]
}

type Comparator = (a: Provider.Provider, b: Provider.Provider) => number

/** Compares by one number after the other, smaller first; equal ones by key, so never by chance. */
const by =
  (...keys: ReadonlyArray<(provider: Provider.Provider) => number>): Comparator =>
  (a, b) => {
    for (const key of keys) {
      const x = key(a)
      const y = key(b)
      if (x !== y) return x < y ? -1 : 1
    }
    return a.pubkey < b.pubkey ? -1 : a.pubkey > b.pubkey ? 1 : 0
  }

const price = (provider: Provider.Provider): number =>
  Option.getOrElse(provider.price, () => Number.POSITIVE_INFINITY)

const wait = (provider: Provider.Provider): number =>
  provider.record.medianMillis ?? Number.POSITIVE_INFINITY

/** Laplace's rule: a newcomer has one chance in two. */
const chanceOfDelivery = ({ record }: Provider.Provider): number =>
  (record.delivered + 1) / (record.delivered + record.lost + record.rejected + record.refused + 2)

const risk = (provider: Provider.Provider): number => 1 - chanceOfDelivery(provider)

const expectedCost = (provider: Provider.Provider): number =>
  (price(provider) / chanceOfDelivery(provider)) *
  (1 + (provider.record.medianMillis ?? 0) / 10_000)

const cheapest = by(price, risk, wait)

const policies: Readonly<globalThis.Record<Policy, Comparator>> = {
  cheapest,
  fastest: by(wait, price, risk),
  reliable: by(risk, price, wait),
  balanced: by(expectedCost, price)
}

/** The best `limit` in order, with the best offer of each provider. */
const best = (
  providers: ReadonlyArray<Provider.Provider>,
  compare: Comparator,
  limit: number
): ReadonlyArray<Provider.Provider> =>
  providers.length <= limit
    ? onePerKey(providers.toSorted(compare), limit)
    : bestFew(providers, compare, limit)

/** One pass with a short list, because a few of very many are wanted. */
const bestFew = (
  providers: ReadonlyArray<Provider.Provider>,
  compare: Comparator,
  limit: number
): ReadonlyArray<Provider.Provider> => {
  const kept: Array<Provider.Provider> = []
  for (const provider of providers) {
    const last = kept[limit - 1]
    if (last !== undefined && compare(provider, last) >= 0) continue
    const other = kept.findIndex((one) => one.pubkey === provider.pubkey)
    if (other >= 0) {
      if (compare(provider, kept[other]!) >= 0) continue
      kept.splice(other, 1)
    }
    const place = kept.findIndex((one) => compare(provider, one) < 0)
    kept.splice(place < 0 ? kept.length : place, 0, provider)
    if (kept.length > limit) kept.pop()
  }
  return kept
}
