/** How money and result are exchanged. A mode that is not named on the wire is `upfront`. */
import { Schema } from "effect"

export const Settlement = Schema.Literals(["upfront", "escrow", "sealed"])

export type Settlement = typeof Settlement.Type

/** The first of what is wanted that is offered; undefined if there is none. */
export const choose = (
  wanted: ReadonlyArray<Settlement>,
  offered: ReadonlyArray<Settlement>
): Settlement | undefined => wanted.find((mode) => offered.includes(mode))

/** In seconds: what the lock of an escrow has to last for beyond the time that its job may take. */
export const lockMargin = 600

/** In seconds: at a lock's end nobody delivers and nobody releases, since it may be over any moment. */
export const lastSeconds = 300
