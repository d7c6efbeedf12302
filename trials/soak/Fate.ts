/** All that goes wrong in a soak, decided by one seed: who dies when, and what the relay does. */
import type * as Fuse from "../processes/Fuse.ts"
import * as Lot from "../processes/Lot.ts"
import { type Deed, forward, type Frame, type Manner } from "../src/OtherRelay.ts"

export interface Fate {
  /** At how many points from its birth on this life of somebody ends; undefined: it does not. */
  readonly doomOf: (name: string) => Fuse.Doom | undefined
  readonly misbehaviour: Manner
}

/** How many lives of a customer may be cut short before one is left alone. */
const mostDeaths = 4

export const make = (seed: number): Fate => {
  const lots = new Map<string, Lot.Lot>()
  const lives = new Map<string, number>()

  const lotOf = (name: string): Lot.Lot => {
    const lot = lots.get(name) ?? Lot.of(`${seed}/${name}`)
    lots.set(name, lot)
    return lot
  }

  const doomOf = (name: string): Fuse.Doom | undefined => {
    const lot = lotOf(name)
    const life = (lives.get(name) ?? 0) + 1
    lives.set(name, life)
    // A market dies seldom: everybody waits for it.
    if (name === "market") return { at: 300 + lot.below(4_000) }
    if (name.startsWith("provider")) return { at: 50 + lot.below(2_500) }
    return life > mostDeaths || lot.oneIn(4) ? undefined : { at: 1 + lot.below(2_500) }
  }

  const relay = lotOf("relay")

  /** What becomes of a message that was going its way. */
  const deedsWith = (frame: Frame): ReadonlyArray<Deed> => {
    const deed = forward(frame)
    if (relay.oneIn(1_500)) return []
    if (relay.oneIn(300)) return [deed, deed]
    if (relay.oneIn(300)) return [{ _tag: "Later", millis: 20 + relay.below(400), deed }]
    if (relay.oneIn(5_000)) return [{ _tag: "Break", frame }]
    return [deed]
  }

  return {
    doomOf,
    misbehaviour: () => ({ onClient: deedsWith, onRelay: deedsWith })
  }
}
