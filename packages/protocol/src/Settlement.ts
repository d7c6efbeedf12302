/** How money and result are exchanged. A mode that is not named on the wire is `upfront`. */
import { Schema } from "effect"

export const Settlement = Schema.Literals(["upfront", "escrow", "sealed"])

export type Settlement = typeof Settlement.Type
