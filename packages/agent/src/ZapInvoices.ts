/** Where a zap's invoice comes from: the wallet service of whoever is zapped (NIP-57, LUD-06, LUD-16). */
import type { Msat, NostrEvent } from "@farthing/protocol"
import { Context, Effect, Layer, Schema } from "effect"

export interface ZapWish {
  /** `name@host`, as the recipient's profile says. */
  readonly lud16: string
  readonly amount: Msat.Msat
  /** The signed zap request (kind 9734), to which the invoice commits. */
  readonly request: NostrEvent.NostrEvent
}

export interface Shape {
  /** An invoice (BOLT 11) over exactly this amount, for this request. */
  readonly fetch: (wish: ZapWish) => Effect.Effect<string, ZapUnavailable>
}

export class ZapInvoices extends Context.Service<ZapInvoices, Shape>()(
  "@farthing/agent/ZapInvoices"
) {}

/** No zaps can be sent from here. */
export const layerNone: Layer.Layer<ZapInvoices> = Layer.succeed(ZapInvoices)({
  fetch: () => Effect.fail(new ZapUnavailable({ message: "No zaps can be sent from here." }))
})

/** There is no invoice for the zap, or none that may be paid; nothing was paid. */
export class ZapUnavailable extends Schema.TaggedError<ZapUnavailable>()("ZapUnavailable", {
  message: Schema.String
}) {}
