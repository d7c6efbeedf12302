/** A process that sells, as the product does it. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { ComputeProvider, EmbeddedBackend } from "@farthing/provider"
import { Effect, Layer } from "effect"
import { Market } from "farthing"
import { price } from "./Answers.ts"
import * as Attendant from "./Attendant.ts"

/** Quotes are forgotten soon, so that what piles up does so within the first minutes. */
const offer: Market.Offer = {
  priceMsats: price,
  invoiceExpiry: "2 minutes",
  unpaidInAll: 5_000
}

const seller = Market.seller(offer).pipe(
  Layer.provide(EmbeddedBackend.layer),
  Market.livingIn(process.env),
  Layer.provide(NodeServices.layer)
)

const program = Effect.gen(function* () {
  const provider = yield* ComputeProvider.ComputeProvider
  yield* provider.online
  yield* Attendant.serve({
    counter: Effect.succeed({ publicKey: provider.publicKey, channel: provider.channel }),
    status: provider.status
  })
})

NodeRuntime.runMain(Effect.provide(program, seller))
