/** The layers that commands run in: the market of whoever types, from `FARTHING_HOME`. */
import { SqlAgentBook } from "@farthing/agent"
import { Effect, Layer, Option } from "effect"
import { Agents, Config, Home, Identity, Market } from "farthing"
import { ConfigFile } from "./Options.ts"

const config = Layer.unwrap(
  Effect.map(ConfigFile, (file) =>
    Config.layer(Option.match(file, { onNone: () => ({}), onSome: (path) => ({ path }) }))
  )
)

/** Home and configuration: enough to say what is set. */
const settings = config.pipe(Layer.provideMerge(Home.layer))

const agent = Identity.layer.pipe(Layer.provideMerge(settings))

/** Somebody who looks on; without a wallet everything works that moves no money. */
export const onlooker = Market.onlooker.pipe(Layer.provideMerge(agent))

/** For somebody who waits in front of a screen: a wallet that is silent is told of soon. */
const impatiently = Layer.provide(Layer.succeed(Market.WalletPatience)("5 seconds"))

/** Somebody who looks whether all is well. */
export const examiner = Market.onlooker.pipe(impatiently, Layer.provideMerge(agent))

/** An agent that buys. */
export const customer = Market.customer.pipe(Layer.provideMerge(agent))

/** The books alone: what has to work where nothing else does. */
export const books = Market.books.pipe(Layer.provideMerge(settings))

/** The books and the wallet, which can be held against each other. */
export const bookkeeper = Market.bookkeeper.pipe(Layer.provideMerge(settings))

/** The wallet alone. */
export const wallet = Market.wallet.pipe(
  impatiently,
  Layer.provide(Market.database),
  Layer.provideMerge(settings)
)

/** Somebody who pays an invoice by hand. */
export const spender = Market.spender.pipe(Layer.provideMerge(settings))

/** The agents of the home, where they live. */
export const agents = Agents.estate.pipe(Layer.provideMerge(agent))

/** The same for somebody who only looks after them. */
export const keeper = Agents.estate.pipe(impatiently, Layer.provideMerge(agent))

/** What a new agent is written into: the configuration, and the book of all who ever were. */
export const founder = SqlAgentBook.layer.pipe(
  Layer.provide(Market.database),
  Layer.provideMerge(settings)
)

/** Somebody who sells, under a key of its own; a backend that is named goes before the configured. */
export const seller = (offer: Market.Offer, backendUrl: string | undefined) =>
  Market.seller(offer).pipe(
    Layer.provide(Market.configuredBackend(backendUrl)),
    Layer.provideMerge(Identity.layerProvider),
    Layer.provideMerge(settings)
  )
