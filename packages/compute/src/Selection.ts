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

/** What the policies look at. */
export type Candidate = Pick<Provider.Provider, "models" | "price" | "pubkey" | "record">

/**
 * The providers to ask, best first; each provider once, however many offers it announces. Where a
 * model is asked for, their price is what that model costs.
 */
export const rank = (
  providers: ReadonlyArray<Provider.Provider>,
  wish: Wish
): ReadonlyArray<Provider.Provider> => {
  const { model, policy = "cheapest" } = wish.selection
  const priced =
    model === undefined ? providers : providers.map((one) => Provider.forModel(one, model))
  if (typeof policy !== "function") return rankBy(priced, wish, policy)
  const isEligible = isEligibleFor(wish)
  return inOrder(priced, wish, () => policy(priced.filter(isEligible)))
}

/** The same by a policy that has a name, for whatever it can judge. */
export const rankBy = <A extends Candidate>(
  candidates: ReadonlyArray<A>,
  wish: Wish,
  policy: Policy
): ReadonlyArray<A> =>
  inOrder(candidates, wish, (isEligible, limit) =>
    best(candidates, policies[policy], limit, (one) => isEligible(one) && !isAvoided(one, wish))
  )

/** Those that the selection names first, and then the rest as somebody orders it. */
const inOrder = <A extends Candidate>(
  candidates: ReadonlyArray<A>,
  wish: Wish,
  rest: (isEligible: Predicate, limit: number) => ReadonlyArray<A>
): ReadonlyArray<A> => {
  const limit = wish.limit ?? Number.POSITIVE_INFINITY
  const { order = [] } = wish.selection
  const isEligible = isEligibleFor(wish)
  const first = order.flatMap((pubkey) =>
    best(candidates, cheapest, 1, (one) => one.pubkey === pubkey && isEligible(one))
  )
  return onePerKey([...first, ...rest(isEligible, limit)], limit)
}

/** Who fits the selection at a price within the budget, or at one that is not known. */
export const isEligibleFor = (wish: Wish): Predicate => {
  const isWanted = isWantedBy(wish.selection)
  const isAffordable = isWithin(mostOf(wish))
  return (one) => isAffordable(one) && isWanted(one)
}

/** The cheapest provider whose price is known and within the budget. */
export const selectCheapestProvider = (
  providers: ReadonlyArray<Provider.Provider>,
  budgetSats: number
): Option.Option<Provider.Provider> => {
  const isAffordable = isWithin(Sat.toMsat(Sat.make(budgetSats)))
  return Option.fromUndefinedOr(
    best(providers, cheapest, 1, (one) => Option.isSome(one.price) && isAffordable(one))[0]
  )
}

/** The lowest price that anybody asks. */
export const lowestPrice = (providers: ReadonlyArray<Candidate>): Option.Option<Msat.Msat> =>
  Option.flatMap(
    Option.fromUndefinedOr(best(providers, cheapest, 1, () => true)[0]),
    (one) => one.price
  )

type Predicate = (provider: Candidate) => boolean

/** Who fits the selection, whatever the price. */
export const isWantedBy = (selection: Selection): Predicate => {
  const only = selection.only === undefined ? undefined : new Set(selection.only)
  const ignore = new Set(selection.ignore)
  const { model } = selection
  return (provider) =>
    (only === undefined || only.has(provider.pubkey)) &&
    (ignore.size === 0 || !ignore.has(provider.pubkey)) &&
    (model === undefined || provider.models.includes(model))
}

/** The most that an offer may ask. */
export const mostOf = ({ budget, selection }: Wish): Msat.Msat =>
  Msat.min(budget, selection.maxPrice ?? Msat.most)

/** A price that is not known may be within anything: the invoice will tell. */
const isWithin =
  (most: Msat.Msat): Predicate =>
  ({ price }) =>
    Option.isNone(price) || price.value <= most

const isAvoided = (provider: Candidate, { now }: Wish): boolean => Provider.isAvoided(provider, now)

const onePerKey = <A extends Candidate>(
  providers: ReadonlyArray<A>,
  limit: number
): ReadonlyArray<A> => {
  const seen = new Map<Key.PublicKey, A>()
  for (const provider of providers) {
    if (seen.size >= limit) break
    if (!seen.has(provider.pubkey)) seen.set(provider.pubkey, provider)
  }
  return [...seen.values()]
}

type Measure = (provider: Candidate) => number

/** What counts first, and what decides where that is equal; smaller is better. */
type Order = readonly [Measure, ...ReadonlyArray<Measure>]

const price: Measure = ({ price }) =>
  Option.isSome(price) ? price.value : Number.POSITIVE_INFINITY

const wait: Measure = ({ record }) => record.medianMillis ?? Number.POSITIVE_INFINITY

/** Laplace's rule: a newcomer has one chance in two. */
const chanceOfDelivery = (record: Provider.Record): number =>
  (record.delivered + 1) /
  (record.delivered + record.lost + record.refunded + record.rejected + record.refused + 2)

/** The chance that nothing is delivered; of a newcomer it is one half. */
export const riskOf = (record: Provider.Record): number => 1 - chanceOfDelivery(record)

const risk: Measure = ({ record }) => riskOf(record)

const expectedCost: Measure = (provider) =>
  (price(provider) / chanceOfDelivery(provider.record)) *
  (1 + (provider.record.medianMillis ?? 0) / 10_000)

const cheapest: Order = [price, risk, wait]

const policies: Readonly<globalThis.Record<Policy, Order>> = {
  cheapest,
  fastest: [wait, price, risk],
  reliable: [risk, price, wait],
  balanced: [expectedCost, price]
}

/** Equal ones stand in the order of their keys, so that nothing depends on chance. */
const compare =
  (order: Order) =>
  (a: Candidate, b: Candidate): number => {
    for (const measure of order) {
      const x = measure(a)
      const y = measure(b)
      if (x !== y) return x < y ? -1 : 1
    }
    return a.pubkey < b.pubkey ? -1 : a.pubkey > b.pubkey ? 1 : 0
  }

/** The best `limit` of those that fit, in order, with the best offer of each provider. */
const best = <A extends Candidate>(
  providers: ReadonlyArray<A>,
  order: Order,
  limit: number,
  fits: Predicate
): ReadonlyArray<A> =>
  limit < providers.length
    ? bestFew(providers, order, limit, fits)
    : onePerKey(providers.filter(fits).toSorted(compare(order)), limit)

/** One pass with a short list: a few of very many are wanted, and most are worse at first sight. */
const bestFew = <A extends Candidate>(
  providers: ReadonlyArray<A>,
  order: Order,
  limit: number,
  fits: Predicate
): ReadonlyArray<A> => {
  const inOrder = compare(order)
  const kept: Array<A> = []
  let last: A | undefined
  let worst = Number.POSITIVE_INFINITY
  for (const provider of providers) {
    if (order[0](provider) > worst || !fits(provider)) continue
    if (last !== undefined && inOrder(provider, last) >= 0) continue
    const same = kept.find((one) => one.pubkey === provider.pubkey)
    if (same !== undefined) {
      if (inOrder(provider, same) >= 0) continue
      kept.splice(kept.indexOf(same), 1)
    }
    const place = kept.findIndex((one) => inOrder(provider, one) < 0)
    kept.splice(place < 0 ? kept.length : place, 0, provider)
    if (kept.length > limit) kept.pop()
    last = kept[limit - 1]
    if (last !== undefined) worst = order[0](last)
  }
  return kept
}
