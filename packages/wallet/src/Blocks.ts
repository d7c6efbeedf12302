/**
 * Blocks as a clock: BOLT 11 and NIP-47 count the time of a lock in them. Nobody knows when one
 * comes, so times that follow from heights are rather too early than too late.
 */

/** Between two blocks, on average. */
export const seconds = 600

/** A block height, and the unix second at which it was the newest. */
export interface Tip {
  readonly height: number
  readonly at: number
}

/** The tip of a chain whose blocks come at their average, as a bank counts them. */
export const tipAt = (unixSeconds: number): Tip => ({
  height: Math.floor(unixSeconds / seconds),
  at: unixSeconds
})

/** The unix second of a height; of the time between two blocks nothing is counted on. */
export const timeOf = (height: number, tip: Tip): number =>
  (tipAt(tip.at).height + height - tip.height) * seconds
