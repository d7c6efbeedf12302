/** The people of a market on this machine: each with a home, a wallet and a key of its own. */
import { type BankServer, Devnet } from "@farthing/devnet"
import { ComputeProvider } from "@farthing/provider"
import { Context, Effect, Layer } from "effect"
import { Market } from "farthing"

export interface Place {
  /** Becomes the home. */
  readonly folder: string
  /** The market's relay. */
  readonly relay: string
  readonly account: BankServer.Connection
}

const environmentOf = ({ account, folder, relay }: Place) => ({
  FARTHING_HOME: folder,
  ...Devnet.environment(relay, account)
})

/** Somebody who sells, from when it is online until the scope closes. */
export const seller = Effect.fnUntraced(function* (
  place: Place,
  offer: Market.Offer,
  backendUrl: string | undefined
) {
  const context = yield* Layer.build(
    Market.seller(offer).pipe(
      Layer.provide(Market.backend(backendUrl)),
      Market.livingIn(environmentOf(place))
    )
  )
  const provider = Context.get(context, ComputeProvider.ComputeProvider)
  yield* provider.online
  return provider
})

/** Somebody who buys, with what else is set in its environment. */
export const customer = (place: Place, settings: Readonly<Record<string, string>>) =>
  Layer.build(Market.customer.pipe(Market.livingIn({ ...environmentOf(place), ...settings })))
