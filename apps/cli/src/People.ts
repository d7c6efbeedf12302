/** The people of a market on this machine: each with a home, a wallet and a key of its own. */
import { ComputeProvider } from "@farthing/provider"
import { Context, Effect, Layer } from "effect"
import { Market } from "farthing"

export interface Place {
  /** Becomes the home. */
  readonly folder: string
  /** Where the market is, and with what wallet it is entered. */
  readonly environment: Readonly<Record<string, string>>
}

const livingAt = ({ environment, folder }: Place) =>
  Market.livingIn({ FARTHING_HOME: folder, ...environment })

/** Somebody who sells, from when it is online until the scope closes. */
export const seller = Effect.fnUntraced(function* (
  place: Place,
  offer: Market.Offer,
  backendUrl: string | undefined
) {
  const context = yield* Layer.build(
    Market.seller(offer).pipe(Layer.provide(Market.backend(backendUrl)), livingAt(place))
  )
  const provider = Context.get(context, ComputeProvider.ComputeProvider)
  yield* provider.online
  return provider
})

/** Somebody who buys, with what else is set in its environment. */
export const customer = (place: Place, settings: Readonly<Record<string, string>>) =>
  Layer.build(
    Market.customer.pipe(livingAt({ ...place, environment: { ...place.environment, ...settings } }))
  )
