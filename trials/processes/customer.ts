/**
 * A customer in a process of its own, made of the product's layers with a fuse between. It takes
 * up what an earlier life has left, buys what it is told to, and looks at its books.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Treasury } from "@farthing/budget"
import { ComputeClient } from "@farthing/compute"
import { Msat } from "@farthing/protocol"
import { Effect, Layer, Schedule, Stream } from "effect"
import { Config, Market } from "farthing"
import * as Ahead from "./Ahead.ts"
import * as Fuse from "./Fuse.ts"
import * as FusedDatabase from "./FusedDatabase.ts"
import * as FusedMarket from "./FusedMarket.ts"
import * as Lines from "./Lines.ts"
import * as Task from "./Task.ts"

/** As `Market.treasury`, but that a dead owner is missed and a clock trusted sooner. */
const treasury = Layer.unwrap(
  Effect.map(Config.Config, ({ compute, network, runway }) =>
    Treasury.layer({
      network,
      limits: runway.limits,
      payTimeout: compute.paymentTimeout,
      lease: "1500 millis",
      clockMargin: "1 second"
    })
  )
)

/** As `Market.customer`. */
const customer = Market.computeClient.pipe(
  Layer.provideMerge(treasury),
  Layer.provideMerge(FusedMarket.wallet),
  Layer.provideMerge(FusedMarket.relay),
  Layer.provideMerge(Market.signer),
  Layer.provideMerge(FusedDatabase.layer)
)

const isAtRest = Effect.fnUntraced(function* ({ locksReturn = false }: Task.Customer) {
  const client = yield* ComputeClient.ComputeClient
  const treasury = yield* Treasury.Treasury
  const { held } = yield* treasury.status
  const jobs = yield* client.jobs({ limit: 100_000 })
  const open = jobs.filter(({ state }) => ComputeClient.underWay.includes(state))
  if (open.length === 0) return held === 0
  const waits = yield* Effect.forEach(open, ({ purchase }) =>
    Effect.map(treasury.find(purchase), (spends) =>
      spends.some((spend) => canOnlyWait(spend, locksReturn))
    )
  )
  return waits.every((only) => only)
})

/** A lock that the wallet does not know may yet be one, for as long as a lock can last. */
const canOnlyWait = ({ isLock, state }: Treasury.SpendRecord, locksReturn: boolean): boolean =>
  isLock && (state === "unknown" || (locksReturn && state === "held"))

/** Recovers, as a person would do it again and again, until nothing is left open. */
const takeUp = Effect.fnUntraced(function* (task: Task.Customer) {
  const client = yield* ComputeClient.ComputeClient
  yield* client.recover.pipe(
    Effect.andThen(isAtRest(task)),
    Effect.catch(({ message }) => Effect.as(Effect.logDebug(message), false)),
    Effect.repeat({ until: (rests) => rests, schedule: Schedule.spaced("400 millis") })
  )
})

/** What came of a purchase, in words: the same for one that is asked for again. */
const buy = Effect.fnUntraced(function* (wish: Task.Purchase) {
  const client = yield* ComputeClient.ComputeClient
  const request: ComputeClient.InferenceRequest = {
    purchase: Treasury.PurchaseId.make(wish.id),
    prompt: wish.prompt,
    settlement: [wish.settlement],
    budget: Msat.make(50_000)
  }
  const bought = wish.stream
    ? Stream.runDrain(client.streamInference(request))
    : client.requestInference(request)
  const as = yield* Effect.match(bought, {
    onSuccess: () => "delivered",
    onFailure: ({ _tag, message }) => `${_tag}: ${message}`
  })
  yield* Effect.sync(() => Lines.say({ _tag: "Ended", purchase: wish.id, as }))
})

/** What is wrong with the ledger, by itself and by what the wallet says. */
const audit = Effect.gen(function* () {
  const treasury = yield* Treasury.Treasury
  const { findings } = yield* treasury.audit.pipe(Effect.retry(Schedule.spaced("100 millis")))
  return findings.map(({ kind, message }) => `${kind}: ${message}`)
})

const live = Effect.fnUntraced(function* (task: Task.Customer) {
  const fuse = yield* Fuse.Fuse
  yield* takeUp(task)
  yield* Effect.forEach(task.purchases, buy, {
    concurrency: task.atOnce,
    discard: true
  })
  yield* takeUp(task)
  // A look at the books is no step of a purchase.
  fuse.disarm()
  const findings = yield* audit
  yield* Effect.sync(() => Lines.say({ _tag: "Done", findings }))
})

Task.customer.pipe(
  Effect.flatMap((task) =>
    live(task).pipe(
      Effect.provide(
        customer.pipe(Market.livingIn(process.env), Layer.provideMerge(Fuse.layer(task)))
      ),
      Ahead.by(task.ahead)
    )
  ),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain()
)
