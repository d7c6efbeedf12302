/**
 * Which way of settling a provider is asked for: one, the first that the customer prefers and both
 * sides can do. An invoice that wants another one was not asked for. Pure.
 */
import { Settlement } from "@farthing/protocol"
import { Option } from "effect"

/** A way of settling that is not asked for, and why. */
export interface Skipped {
  readonly mode: Settlement.Settlement
  readonly because: string
}

/** What is left of the customer's preferences, in their order. */
export interface Usable {
  readonly modes: ReadonlyArray<Settlement.Settlement>
  readonly skipped: ReadonlyArray<Skipped>
}

export interface Means {
  /** Whether the wallet can lock money; undefined where nobody had to ask it. */
  readonly canLock: boolean | undefined
  /** How many providers are asked at once. */
  readonly quotes: number
}

/** Whether anything but paying first is wanted, so that the wallet has to be asked. */
export const needsLock = (wanted: ReadonlyArray<Settlement.Settlement>): boolean =>
  wanted.some((mode) => mode !== "upfront")

/** What the customer's own side can do of what it prefers. */
export const usable = (wanted: ReadonlyArray<Settlement.Settlement>, means: Means): Usable => {
  const skipped = wanted.flatMap((mode) => {
    const because = obstacle(mode, means)
    return because === undefined ? [] : [{ mode, because }]
  })
  return { modes: wanted.filter((mode) => obstacle(mode, means) === undefined), skipped }
}

const obstacle = (mode: Settlement.Settlement, { canLock, quotes }: Means): string | undefined => {
  if (mode === "upfront") return undefined
  if (canLock !== true) return "the wallet cannot lock money"
  return quotes > 1 ? "it is for a single provider, and several are asked at once" : undefined
}

/** What this provider is asked for; none if it offers nothing of it. */
export const choose = (
  modes: Usable["modes"],
  offered: ReadonlyArray<Settlement.Settlement>
): Option.Option<Settlement.Settlement> => Option.fromUndefinedOr(Settlement.choose(modes, offered))

/** The preferences that a provider's mode comes after, with the reasons. */
export const passedOver = (
  { modes, skipped }: Usable,
  chosen: Settlement.Settlement
): ReadonlyArray<Skipped> => [
  ...skipped,
  ...modes
    .slice(0, modes.indexOf(chosen))
    .map((mode) => ({ mode, because: "the provider does not offer it" }))
]

export const inWords = (skipped: ReadonlyArray<Skipped>): string =>
  skipped.map(({ because, mode }) => `${mode}: ${because}`).join("; ")
