/**
 * From an invoice to a receipt. Who holds the preimage decides what comes first: the money, or the
 * result.
 */
import * as Escrow from "./Escrow.ts"
import type { Offer } from "./Negotiation.ts"
import type { Purchase } from "./Purchase.ts"
import * as UnderSeal from "./UnderSeal.ts"
import * as Upfront from "./Upfront.ts"

export const fulfil = (purchase: Purchase, offer: Offer) => {
  switch (offer.settlement) {
    case "upfront":
      return Upfront.fulfil(purchase, offer)
    case "escrow":
      return Escrow.fulfil(purchase, offer)
    case "sealed":
      return UnderSeal.fulfil(purchase, offer)
  }
}
