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

const generation = 32_768
const generationWhileFilling = 262_144

/** `now` is the time in unix seconds. */
export const make = (now: () => number): SeenIds => {
  let young = new Set<string>()
  let old = new Set<string>()
  let youngSince: number | undefined
  let horizon: number | undefined
  return {
    has: (id) => young.has(id) || old.has(id),
    add: (id, filling) => {
      if (young.size >= (filling ? generationWhileFilling : generation)) {
        // `old` is forgotten: from the second after it was closed, all is still here.
        if (youngSince !== undefined) horizon = youngSince
        old = young
        young = new Set()
        youngSince = now() + 1
      }
      young.add(id)
    },
    horizon: () => horizon
  }
}
