/**
 * Which way of settling a provider is asked for: one, the first that the customer prefers and both
 * sides can do. A quote that wants another one was not asked for. Pure.
 */
import { Settlement } from "@farthing/protocol"
import type { Wallet } from "@farthing/wallet"
import { Option } from "effect"

/** A mode that is not asked for, and why. */
export interface Skipped {
  readonly mode: Settlement.Settlement
  readonly because: string
}

/** What is left of the customer's preferences, in their order. */
export interface Usable {
  readonly ways: ReadonlyArray<Settlement.Way>
  readonly skipped: ReadonlyArray<Skipped>
}

export interface Means {
  /** On which the wallet can lock money; undefined where nobody had to ask it. */
  readonly rails: ReadonlyArray<Settlement.Rail> | undefined
  /** How many providers are asked at once. */
  readonly quotes: number
}

/** Whether anything but paying first is wanted, so that the wallet has to be asked. */
export const needsLock = (wanted: ReadonlyArray<Settlement.Settlement>): boolean =>
  wanted.some((mode) => mode !== "upfront")

/** On what a wallet can lock money: over Spark first, which costs no fee. */
export const railsOf = ({
  htlc,
  lock
}: Wallet.Info["capabilities"]): ReadonlyArray<Settlement.Rail> => [
  ...(htlc ? (["spark"] as const) : []),
  ...(lock ? (["lightning"] as const) : [])
]

/** What the customer's own side can do of what it prefers. */
export const usable = (wanted: ReadonlyArray<Settlement.Settlement>, means: Means): Usable => {
  const skipped = wanted.flatMap((mode) => {
    const because = obstacle(mode, means)
    return because === undefined ? [] : [{ mode, because }]
  })
  const left = wanted.filter((mode) => obstacle(mode, means) === undefined)
  return { ways: Settlement.waysOf(left, means.rails ?? []), skipped }
}

const obstacle = (
  mode: Settlement.Settlement,
  { quotes, rails = [] }: Means
): string | undefined => {
  if (mode === "upfront") return undefined
  // What is sealed comes with a hold invoice.
  if (rails.length === 0 || (mode === "sealed" && !rails.includes("lightning")))
    return "the wallet cannot lock money"
  return quotes > 1 ? "it is for a single provider, and several are asked at once" : undefined
}

/** What this provider is asked for; none if it offers nothing of it. */
export const choose = (
  ways: Usable["ways"],
  offered: ReadonlyArray<Settlement.Way>
): Option.Option<Settlement.Way> => Option.fromUndefinedOr(Settlement.choose(ways, offered))

/** The preferences that a provider's way comes after, with the reasons. */
export const passedOver = (
  { skipped, ways }: Usable,
  chosen: Settlement.Way
): ReadonlyArray<Skipped> => {
  const before = ways.slice(0, ways.indexOf(chosen)).map(Settlement.modeOf)
  const others = new Set(before.filter((mode) => mode !== Settlement.modeOf(chosen)))
  return [
    ...skipped,
    ...Array.from(others, (mode) => ({ mode, because: "the provider does not offer it" }))
  ]
}

export const inWords = (skipped: ReadonlyArray<Skipped>): string =>
  skipped.map(({ because, mode }) => `${mode}: ${because}`).join("; ")
