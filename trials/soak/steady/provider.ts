/** A process that sells, as the product does it, to one customer that asks more than people do. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { ComputeProvider, EmbeddedBackend } from "@farthing/provider"
import { Effect, Layer } from "effect"
import { Market } from "farthing"
import * as Attendant from "../../flood/Attendant.ts"
import { handles } from "./Handles.ts"

const offer: Market.Offer = { requestsPerMinute: 1_000_000, queue: 1_000 }

const seller = Market.seller(offer).pipe(
  Layer.provide(EmbeddedBackend.layer),
  Market.livingIn(process.env),
  Layer.provide(NodeServices.layer)
)

const program = Effect.gen(function* () {
  const provider = yield* ComputeProvider.ComputeProvider
  yield* provider.online
  yield* Attendant.serve({ status: provider.status, handles })
})

NodeRuntime.runMain(Effect.provide(program, seller))
