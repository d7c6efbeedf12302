/**
 * The ids that a subscription has passed on, in bounded memory, so that nothing is repeated when
 * several relays send it or a relay sends it again after a reconnection.
 */

export interface SeenIds {
  readonly has: (id: string) => boolean
  /**
   * Whether it is new. While `filling` (relays are still sending what they stored) hardly anything
   * is forgotten: a relay that is asked again starts from the beginning.
   */
  readonly add: (id: string, filling: boolean) => boolean
  /**
   * Every event that arrived at or after this unix second is remembered; `undefined` as long as
   * nothing was forgotten. A relay that is asked again is not asked for older events.
   */
  readonly horizon: () => number | undefined
}

/** Ids that came one after the other; they are forgotten together. */
interface Generation {
  count: number
  /** Every event that arrived at or after this unix second is in it, or in a younger one. */
  readonly since: number | undefined
}

const generationSize = 4_096

/** At least so many are remembered. */
const remembered = 16_384
const rememberedWhileFilling = 262_144

/** `now` is the time in unix seconds. */
export const make = (now: () => number): SeenIds => {
  /** Of all generations, in the order in which they came: a look misses the cache once. */
  const ids = new Set<string>()
  let young: Generation = { count: 0, since: undefined }
  /** The younger ones first. */
  let aged: ReadonlyArray<Generation> = []
  let horizon: number | undefined

  const forget = (generations: ReadonlyArray<Generation>): void => {
    let left = generations.reduce((sum, { count }) => sum + count, 0)
    for (const id of ids) {
      if (left-- === 0) return
      ids.delete(id)
    }
  }

  const grow = (filling: boolean): void => {
    const most = (filling ? rememberedWhileFilling : remembered) / generationSize
    const all = [young, ...aged]
    aged = all.slice(0, most)
    if (aged.length < all.length) {
      forget(all.slice(most))
      horizon = aged.at(-1)?.since
    }
    young = { count: 0, since: now() + 1 }
  }

  return {
    has: (id) => ids.has(id),
    add: (id, filling) => {
      const before = ids.size
      if (ids.add(id).size === before) return false
      if (young.count >= generationSize) grow(filling)
      young.count++
      return true
    },
    horizon: () => horizon
  }
}
