/** A customer and one provider that follows a script, alone in a market place of their own. */
import type { ComputeClient, Provider } from "@farthing/compute"
import { Msat } from "@farthing/protocol"
import { Effect } from "effect"
import * as Peer from "./Peer.ts"
import * as People from "./People.ts"
import * as Stage from "./Stage.ts"

/** What the provider announces. */
export const price = Msat.make(5_000)

/** The most that the customer pays, with the fee. */
export const budget = Msat.make(50_000)

export interface Terms {
  readonly profile?: Partial<Peer.Profile>
  readonly environment?: People.Environment
}

export const meet = Effect.fnUntraced(function* (script: Peer.Script, terms: Terms = {}) {
  const place = yield* Stage.place()
  const peer = yield* opens(place, terms, script)
  const customer = yield* People.customer(place, { environment: terms.environment ?? {} })
  return { place, peer, customer }
})

/** A provider that follows a script, in a place where others are, too. */
export const opens = (place: Stage.Place, { profile }: Terms, script: Peer.Script) =>
  Peer.open(place, { name: "rogue", price, ...profile }, script)

type Buyer = Pick<People.Customer, "client">

export const buy = ({ client }: Buyer, wish: Partial<ComputeClient.InferenceRequest> = {}) =>
  client.requestInference({ prompt: "hello", budget, ...wish })

/** How the provider has done, as the customer knows it. */
export const recordOf = Effect.fnUntraced(function* (
  { client }: Buyer,
  { pubkey }: Pick<Peer.Peer, "pubkey">
) {
  const providers = yield* client.discoverProviders()
  const known = providers.find((provider) => provider.pubkey === pubkey)
  return known === undefined ? yield* Effect.die("The provider is not known") : known.record
})

/** The parts of a record that say what a provider did, without when and how fast. */
export const deedsOf = ({ delivered, jobs, lost, refused, rejected }: Provider.Record) => ({
  jobs,
  delivered,
  lost,
  refused,
  rejected
})
