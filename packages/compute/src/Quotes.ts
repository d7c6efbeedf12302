/** Asks the providers of a round at once, and puts their offers in order. */
import { Array as Arr, Effect, Order } from "effect"
import { mostTelling } from "./Fallback.ts"
import { negotiate } from "./Negotiation.ts"
import type { Provider } from "./Provider.ts"
import type { Purchase } from "./Purchase.ts"

/** The offers that came, the best first; equal ones in the order of the selection. */
export const bestOffers = Effect.fnUntraced(function* (
  purchase: Purchase,
  round: Arr.NonEmptyReadonlyArray<Provider>
) {
  const results = yield* Effect.forEach(
    round,
    (provider) => Effect.result(negotiate(purchase, provider, round.length > 1)),
    { concurrency: "unbounded" }
  )
  const [offers, failures] = Arr.partition(results, (result) => result)
  if (Arr.isArrayNonEmpty(offers))
    return Arr.sortWith(offers, (offer) => offer.amount, Order.Number)
  if (Arr.isArrayNonEmpty(failures)) return yield* mostTelling(failures)
  return yield* Effect.die("a round has at least one provider")
})
