/** What a request costs: a model may have a price of its own. Pure. */
import type { Msat } from "@farthing/protocol"
import type { Resolved } from "./ProviderOptions.ts"

type Terms = Pick<Resolved, "price" | "modelPrices">

/** Of one request for a model. */
export const of = ({ modelPrices, price }: Terms, model: string): Msat.Msat =>
  modelPrices.get(model) ?? price

/**
 * As it is announced: the general price is that of the first model, because a request that names
 * none gets that one.
 */
export const announced = (terms: Terms, models: ReadonlyArray<string>) => {
  const [first] = models
  return {
    price: first === undefined ? terms.price : of(terms, first),
    modelPrices: Object.fromEntries(models.map((model) => [model, of(terms, model)]))
  }
}
