/** A provider in a process of its own, made of the product's layers with a fuse between. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Settlement } from "@farthing/protocol"
import { ComputeProvider, RefundTreasury, SqlProviderBook } from "@farthing/provider"
import { Effect, Layer } from "effect"
import { Config, Market } from "farthing"
import * as Ahead from "./Ahead.ts"
import * as Backends from "./Backends.ts"
import * as Fuse from "./Fuse.ts"
import * as FusedDatabase from "./FusedDatabase.ts"
import * as FusedMarket from "./FusedMarket.ts"
import * as Lines from "./Lines.ts"
import * as Task from "./Task.ts"

/** As `Market.refundTreasury`, but that a dead owner is missed sooner, and all clocks are one. */
const refundTreasury = Layer.unwrap(
  Effect.map(Config.Config, ({ compute, network }) =>
    RefundTreasury.layer({
      network,
      payTimeout: compute.paymentTimeout,
      lease: "1500 millis",
      clockMargin: "1 second"
    })
  )
)

/** As `Market.seller`, but that a dead owner is missed and an unpaid quote given up sooner. */
const seller = ({ backend, invoiceSeconds, lot, name, price }: Task.Provider) =>
  Layer.unwrap(
    Effect.map(Config.Config, ({ network }) =>
      ComputeProvider.layer({
        name,
        network,
        priceMsats: price,
        settlement: Settlement.Settlement.literals,
        // What is not paid may not keep others out.
        maxUnpaidSealed: 1_000,
        lease: "1 second",
        invoiceExpiry: `${invoiceSeconds} seconds`
      })
    )
  ).pipe(
    Layer.provide(SqlProviderBook.layer),
    Layer.provide(refundTreasury),
    Layer.provideMerge(FusedMarket.wallet),
    Layer.provideMerge(FusedMarket.relay),
    Layer.provideMerge(Market.signer),
    Layer.provideMerge(FusedDatabase.layer),
    Layer.provide(Backends.layer(backend, lot))
  )

const live = Effect.gen(function* () {
  const provider = yield* ComputeProvider.ComputeProvider
  yield* provider.online
  yield* Effect.sync(() => Lines.say({ _tag: "Ready", of: { provider: provider.publicKey } }))
  return yield* Effect.never
})

Task.provider.pipe(
  Effect.flatMap((task) =>
    live.pipe(
      Effect.provide(
        seller(task).pipe(Market.livingIn(process.env), Layer.provideMerge(Fuse.layer(task)))
      ),
      Ahead.by(task.ahead)
    )
  ),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain()
)
