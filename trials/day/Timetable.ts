/** What happens on the day, and when: decided by lot before it begins. Pure. */
import * as Lot from "../processes/Lot.ts"

export interface Options {
  readonly minutes: number
  readonly customers: number
  /** Of each customer. */
  readonly purchases: number
  /** How often each of relay, backend and wallet goes away. */
  readonly outages: number
  /** How often the worker is stopped and started again. */
  readonly restarts: number
  readonly seed: number
}

export type Happening = { /** Seconds after the beginning. */ readonly at: number } & (
  | { readonly _tag: "Purchase"; readonly customer: string; readonly id: string }
  | { readonly _tag: "Outage"; readonly of: Utility; readonly seconds: number }
  | { readonly _tag: "Restart" }
)

export type Utility = "relay" | "backend" | "wallet"

export const nameOf = (customer: number): string => `customer-${customer + 1}`

/** An outage that is shorter need not be noticed; in seconds. */
const shortest = 150

/** In their order. Outages of one and the same do not overlap. */
export const make = (options: Options): ReadonlyArray<Happening> => {
  const { customers, minutes, outages, purchases, restarts, seed } = options
  const lot = Lot.of(`day ${seed}`)
  const day = minutes * 60

  /** A moment in the middle of each of so many parts of the day. */
  const spread = (many: number, share: number): ReadonlyArray<number> =>
    Array.from({ length: many }, (_, part) =>
      Math.floor(((part + 0.2 + lot.next() * share) * day) / many)
    )

  /** In seconds; from a twentieth to three of the part of the day, but long enough to be seen. */
  const goneFor = (part: number): number =>
    Math.max(shortest, Math.floor(part * (0.05 + lot.next() * 0.1)))

  const outagesOf = (of: Utility): ReadonlyArray<Happening> =>
    spread(outages, 0.4).map((at) => ({
      _tag: "Outage",
      of,
      at,
      seconds: goneFor(day / outages)
    }))

  const happenings: ReadonlyArray<Happening> = [
    ...Array.from({ length: customers }, (_, customer) =>
      Array.from({ length: purchases }, (_, purchase): Happening => ({
        _tag: "Purchase",
        at: lot.below(day),
        customer: nameOf(customer),
        id: `${nameOf(customer)}-${purchase + 1}`
      }))
    ).flat(),
    ...outagesOf("relay"),
    ...outagesOf("backend"),
    ...outagesOf("wallet"),
    ...spread(restarts, 0.6).map((at): Happening => ({ _tag: "Restart", at }))
  ]
  return happenings.toSorted((a, b) => a.at - b.at)
}
