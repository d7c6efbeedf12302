/**
 * How long an agent's money lasts: its balance, and the burn that its last ticks show.
 */
import { Msat } from "@farthing/protocol"
import { Option, Schema } from "effect"

/** What one tick cost. */
export const Sample = Schema.Struct({
  /** Unix milliseconds. */
  at: Schema.Int,
  /** All that it cost, what was given away included. */
  cost: Msat.Msat,
  /** What its thought cost. */
  thought: Msat.Msat
})
export interface Sample extends Schema.Schema.Type<typeof Sample> {}

export interface Runway {
  /** What may be spent: the balance without what has to stay in the wallet. */
  readonly balance: Msat.Msat
  /** Per day. */
  readonly burn: Msat.Msat
  /** Otherwise the burn is the configured one. */
  readonly isMeasured: boolean
  /** Until the money is gone; infinite where nothing is burnt. */
  readonly days: number
  /** What one thought costs, as far as is known. */
  readonly perThought: Msat.Msat
}

export interface Wish {
  readonly balance: Msat.Msat
  /** Oldest first. */
  readonly samples: ReadonlyArray<Sample>
  /** Per day: what counts until enough was measured. */
  readonly configuredBurn: Msat.Msat
  /** Per day: more cannot be spent. */
  readonly dailyLimit: Msat.Msat | undefined
}

/** How many ticks are remembered. */
const remembered = 32

/** Fewer say nothing. */
const fewest = 4

const day = 86_400_000

/** A gap counts a day at most: who slept for a month does not burn less for it. */
const longestGap = day

export const of = ({ balance, configuredBurn, dailyLimit, samples }: Wish): Runway => {
  const measured = burnOf(samples)
  const burn = Msat.min(
    Option.getOrElse(measured, () => configuredBurn),
    dailyLimit ?? Msat.most
  )
  return {
    balance,
    burn,
    isMeasured: Option.isSome(measured),
    days: burn === 0 ? Number.POSITIVE_INFINITY : balance / burn,
    perThought: perThought(samples)
  }
}

/** Per day, over the last ticks: what all but the first one cost, over the time between them. */
export const burnOf = (samples: ReadonlyArray<Sample>): Option.Option<Msat.Msat> => {
  if (samples.length < fewest) return Option.none()
  let time = 0
  let cost = 0
  for (let i = 1; i < samples.length; i++) {
    time += Math.min(Math.max(samples[i]!.at - samples[i - 1]!.at, 0), longestGap)
    cost += samples[i]!.cost
  }
  if (time === 0) return Option.none()
  return Option.some(Msat.make(Math.min(Math.ceil((cost / time) * day), Msat.most)))
}

/** The mean, rounded up; at least the smallest amount there is. */
const perThought = (samples: ReadonlyArray<Sample>): Msat.Msat =>
  samples.length === 0
    ? Msat.make(1)
    : Msat.make(
        Math.max(
          1,
          Math.ceil(samples.reduce((sum, { thought }) => sum + thought, 0) / samples.length)
        )
      )

/** One more tick; the oldest ones are forgotten. */
export const add = (samples: ReadonlyArray<Sample>, sample: Sample): ReadonlyArray<Sample> =>
  [...samples, sample].slice(-remembered)
