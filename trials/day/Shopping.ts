/** How a customer of the day buys: it comes, takes up what it left, buys, and goes. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Treasury } from "@farthing/budget"
import { ComputeClient } from "@farthing/compute"
import { Msat } from "@farthing/protocol"
import { Context, Effect, Layer } from "effect"
import { Market } from "farthing"
import type * as Town from "./Town.ts"

/** The most that one costs, with the fee. */
const budget = Msat.make(20_000)

/** Lives in a home for as long as it has something to do there. */
const visit = Effect.fnUntraced(function* <A>(
  environment: Town.Environment,
  todo: (client: ComputeClient.Shape) => Effect.Effect<A>
) {
  const customer = Market.customer.pipe(
    Market.livingIn(environment),
    Layer.provide(NodeServices.layer)
  )
  const client = Context.get(yield* Layer.build(customer), ComputeClient.ComputeClient)
  return yield* todo(client)
}, Effect.scoped)

/** What came of a purchase: `delivered`, or the error. */
export const buy = (environment: Town.Environment, purchase: string) =>
  visit(environment, (client) =>
    client
      .requestInference({
        purchase: Treasury.PurchaseId.make(purchase),
        prompt: `What was a farthing, ${purchase}?`,
        budget
      })
      .pipe(
        Effect.match({ onSuccess: () => "delivered", onFailure: ({ _tag }) => _tag }),
        Effect.tap(recover(client))
      )
  ).pipe(Effect.orDie)

/** Collects what is late; what hangs on somebody who is away is left for later. */
const recover = (client: ComputeClient.Shape) => Effect.ignore(client.recover)

export const takeUp = (environment: Town.Environment) =>
  visit(environment, recover).pipe(Effect.orDie)
