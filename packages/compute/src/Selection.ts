/** Which providers are asked, in what order. */
import type { Key, Msat } from "@farthing/protocol"
import type { Provider } from "./Provider.ts"

export type Policy = "cheapest" | "fastest" | "reliable" | "balanced"

export interface Selection {
  readonly policy?: Policy | ((providers: ReadonlyArray<Provider>) => ReadonlyArray<Provider>)
  readonly only?: ReadonlyArray<Key.PublicKey>
  readonly ignore?: ReadonlyArray<Key.PublicKey>
  /** Asked first, in this order; the policy orders the rest. */
  readonly order?: ReadonlyArray<Key.PublicKey>
  readonly maxPrice?: Msat.Msat
  readonly model?: string
  /** Whether the next provider is asked when one does not come to a payment. */
  readonly fallbacks?: boolean
  /** How many providers are asked at once; the best invoice is taken. */
  readonly quotes?: number
}
