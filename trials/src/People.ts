/**
 * The people of the market as the product wires them, each with a home and an account of its own.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { Treasury } from "@farthing/budget"
import { ComputeClient } from "@farthing/compute"
import { Devnet } from "@farthing/devnet"
import { type Msat, NwcUri } from "@farthing/protocol"
import { ComputeProvider, EmbeddedBackend } from "@farthing/provider"
import type { InferenceBackend } from "@farthing/provider"
import { Signer } from "@farthing/relay"
import { Wallet } from "@farthing/wallet"
import { Context, Effect, Layer, Redacted } from "effect"
import { Market } from "farthing"
import { join } from "node:path"
import * as Stage from "./Stage.ts"

/** The variables that somebody lives with: home, relays, wallet and whatever is configured. */
export type Environment = Readonly<Record<string, string>>

export interface Who {
  readonly name?: string
  readonly balance?: Msat.Msat
  /** What is configured besides: short time-outs, limits of the budget, other relays. */
  readonly environment?: Environment
  /** Over which relay the wallet is reached that is served on the one given. */
  readonly walletWay?: (relay: string) => string
}

/** Somebody with a home and an account; lives whenever a layer is built for it. */
export interface Person {
  readonly account: Stage.Account
  readonly environment: Environment
}

/** Opens a home and an account in a market place. */
export const person = Effect.fnUntraced(function* (place: Stage.Place, who: Who = {}) {
  const stage = yield* Stage.Stage
  const account = yield* stage.account(who.name ?? "somebody", who.balance)
  return {
    account,
    environment: {
      ...Devnet.environment(place.urls.join(","), account),
      FARTHING_HOME: join(stage.folder, account.account),
      FARTHING_RUNWAY_BUDGET_WAIT: "0 millis",
      ...(who.walletWay === undefined ? {} : yield* walletOver(account, who.walletWay)),
      ...who.environment
    }
  } satisfies Person
})

/** The wallet of an account, reached over other relays. */
const walletOver = Effect.fnUntraced(function* (
  account: Stage.Account,
  way: (relay: string) => string
) {
  const uri = yield* Effect.fromResult(NwcUri.parse(account.nwc))
  const nwc = NwcUri.format({ ...uri, relays: uri.relays.map(way) })
  return { FARTHING_WALLET_NWC_URI: Redacted.value(nwc) }
}, Effect.orDie)

/** Builds what somebody runs, as the product does it, until the scope closes. */
export const live = <A, E, R>(person: Person, layer: Layer.Layer<A, E, R>) =>
  Layer.build(
    layer.pipe(
      Market.livingIn(person.environment),
      Layer.provide([NodeFileSystem.layer, NodePath.layer])
    )
  ).pipe(Effect.orDie)

export type Customer = Effect.Success<ReturnType<typeof customer>>

/** An agent that buys. */
export const customer = Effect.fnUntraced(function* (place: Stage.Place, who: Who = {}) {
  return yield* revive(yield* person(place, { name: "customer", ...who }))
})

/** The same customer in another life: home, books, key and account are those of the one before. */
export const revive = Effect.fnUntraced(function* (person: Person) {
  const context = yield* live(person, Market.customer)
  return {
    ...person,
    client: Context.get(context, ComputeClient.ComputeClient),
    treasury: Context.get(context, Treasury.Treasury),
    wallet: Context.get(context, Wallet.Wallet),
    pubkey: Context.get(context, Signer.Signer).publicKey
  }
})

export interface Sale extends Who {
  readonly offer?: Market.Offer
  /** What infers; default: the embedded backend. */
  readonly backend?: Layer.Layer<InferenceBackend.InferenceBackend>
}

/** A provider that is announced and takes requests. */
export const seller = Effect.fnUntraced(function* (place: Stage.Place, sale: Sale = {}) {
  const owner = yield* person(place, { name: "seller", ...sale })
  const backend = sale.backend ?? EmbeddedBackend.layer
  const context = yield* live(owner, Market.seller(sale.offer).pipe(Layer.provide(backend)))
  const provider = Context.get(context, ComputeProvider.ComputeProvider)
  yield* provider.online
  return { ...owner, provider, wallet: Context.get(context, Wallet.Wallet) }
})
