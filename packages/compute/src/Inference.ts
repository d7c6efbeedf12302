/** What a customer asks for, and what it is told while that goes on. */
import type { Treasury } from "@farthing/budget"
import type { Key, Msat, Settlement } from "@farthing/protocol"
import type { Provider } from "./Provider.ts"
import type { Receipt } from "./Receipt.ts"
import type { Selection } from "./Selection.ts"

/** What is wanted, and the most that it may cost (invoice and fee together). */
export interface InferenceRequest {
  readonly prompt: string
  readonly maxTokens?: number
  readonly budget: Msat.Msat
  readonly model?: string
  /** How it may be settled, in order of preference; default: that of the client. */
  readonly settlement?: ReadonlyArray<Settlement.Settlement>
  /** The one provider to buy from, as `discoverProviders` told of it; saves the discovery. */
  readonly provider?: Provider
  readonly tick?: Treasury.TickId
  /**
   * Names the purchase across restarts: asked for again, it is gone on with, and what was
   * delivered already is not paid for twice.
   */
  readonly purchase?: Treasury.PurchaseId
  /** A person has agreed to the cost. */
  readonly approved?: boolean
  readonly selection?: Selection
}

/** What a purchase tells while it goes on. */
export type Progress =
  | {
      readonly _tag: "Stage"
      readonly stage: Stage
      readonly provider?: Key.PublicKey
      readonly message: string
    }
  | { readonly _tag: "Chunk"; readonly text: string }
  /** The text begins anew: every `Chunk` so far is void. */
  | { readonly _tag: "Restarted" }
  | { readonly _tag: "Done"; readonly receipt: Receipt }

export type Stage =
  | "discover"
  | "select"
  | "request"
  | "quote"
  | "check"
  | "reserve"
  | "pay"
  | "deliver"
  | "release"
  | "unseal"
  | "refund"
  | "settle"
