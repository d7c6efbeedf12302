/**
 * The ids that a subscription has passed on, in bounded memory, so that nothing is repeated when
 * several relays send it or a relay sends it again after a reconnection.
 */

export interface SeenIds {
  readonly has: (id: string) => boolean
  /**
   * While `filling` (relays are still sending what they stored) hardly anything is forgotten:
   * a relay that is asked again starts from the beginning.
   */
  readonly add: (id: string, filling: boolean) => void
  /**
   * Every event that arrived at or after this unix second is remembered; `undefined` as long as
   * nothing was forgotten. A relay that is asked again is not asked for older events.
   */
  readonly horizon: () => number | undefined
}

/** Ids that came one after the other; they are forgotten together. */
interface Generation {
  readonly ids: Set<string>
  /** Every event that arrived at or after this unix second is in it, or in a younger one. */
  readonly since: number | undefined
}

const generationSize = 8_192

/** At least so many are remembered. */
const remembered = 32_768
const rememberedWhileFilling = 262_144

/** `now` is the time in unix seconds. */
export const make = (now: () => number): SeenIds => {
  let young: Generation = { ids: new Set(), since: undefined }
  /** The younger ones first. */
  let aged: ReadonlyArray<Generation> = []
  let horizon: number | undefined

  const grow = (filling: boolean): void => {
    const most = (filling ? rememberedWhileFilling : remembered) / generationSize
    const all = [young, ...aged]
    aged = all.slice(0, most)
    if (aged.length < all.length) horizon = aged.at(-1)?.since
    young = { ids: new Set(), since: now() + 1 }
  }

  return {
    has: (id) => young.ids.has(id) || aged.some(({ ids }) => ids.has(id)),
    add: (id, filling) => {
      if (young.ids.size >= generationSize) grow(filling)
      young.ids.add(id)
    },
    horizon: () => horizon
  }
}
