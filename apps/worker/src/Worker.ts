/**
 * Agents and a provider as a service, from its start until it is told to stop.
 *
 * ```
 *   settings ─ logs ─ telemetry ─ premises ─┬─ readiness ─ endpoints
 *                                           ├─ fleet      agents, each at its time
 *                                           └─ shop       opens once the wallet answers
 * ```
 *
 * Told to stop, it closes the shop and lets no tick begin: absence is announced, nothing new is taken,
 * and what is paid or thought is finished. Who asks over HTTP is answered until the end. Whoever tells
 * it a second time, and the deadline, end it at once: what is left stands in the books and is taken up
 * on the next start.
 */
import { ComputeProvider } from "@farthing/provider"
import { Wallet } from "@farthing/wallet"
import {
  Cause,
  Context,
  Duration,
  Effect,
  Exit,
  Fiber,
  Layer,
  Metric,
  Option,
  Schema,
  Scope
} from "effect"
import { Agents, Config, Home, Identity, Market, Telemetry } from "farthing"
import manifest from "../package.json" with { type: "json" }
import * as Endpoints from "./Endpoints.ts"
import * as Fleet from "./Fleet.ts"
import * as Left from "./Left.ts"
import * as Logs from "./Logs.ts"
import * as Readiness from "./Readiness.ts"
import * as Selling from "./Selling.ts"
import { Signals } from "./Signals.ts"

export interface Options {
  /** Another configuration than the home's. */
  readonly config?: string
  /** What goes before the configuration. */
  readonly offer?: Market.Offer
}

/** Metrics of this worker alone, whatever else its process does. */
const metrics = Layer.sync(Metric.MetricRegistry, () => new Map())

/** Who sells has a key of its own; who only has agents is the home's customer. */
const identity = Layer.unwrap(
  Effect.map(Config.Config, ({ worker }) =>
    worker.sells ? Identity.layerProvider : Identity.layer
  )
)

const settings = ({ config }: Options) =>
  identity.pipe(
    Layer.provideMerge(Config.layer(config === undefined ? {} : { path: config })),
    Layer.provideMerge(Home.layer)
  )

const watched = Telemetry.layer({
  serviceName: "farthing-worker",
  serviceVersion: manifest.version
}).pipe(Layer.provideMerge(Logs.layer), Layer.provideMerge(metrics))

/** Who sells is paid into it; agents may all have wallets of their own. */
const wallet = Layer.unwrap(
  Effect.map(Config.Config, ({ worker }) => (worker.sells ? Market.wallet : Market.anyWallet))
)

const agents = (options: Options) =>
  Fleet.layer(options).pipe(
    Layer.provideMerge(Agents.schedule),
    Layer.provideMerge(Agents.household),
    Layer.provideMerge(wallet),
    Layer.provideMerge(Market.marketplace)
  )

/** All that is there before anything is sold or thought, and after. Built anew for each worker. */
const premises = (options: Options) =>
  Layer.fresh(
    Endpoints.layer.pipe(
      Layer.provideMerge(Readiness.layer),
      Layer.provideMerge(Market.configuredBackend()),
      Layer.provideMerge(Market.salesBook),
      Layer.provideMerge(agents(options)),
      Layer.provideMerge(watched),
      Layer.provideMerge(settings(options))
    )
  )

/** Sells, and lets agents live, until it is told to stop, and then as long as the deadline allows. */
export const run = Effect.fnUntraced(function* (options: Options = {}) {
  const scope = yield* Scope.make()
  return yield* Layer.buildWithScope(premises(options), scope).pipe(
    Effect.flatMap((context) => Effect.provideContext(work(scope, options.offer), context)),
    // Who is cut short waits for nothing.
    Effect.onExit((exit) => (isCutShort(exit) ? Effect.void : Scope.close(scope, exit)))
  )
})

/** One tick of every agent; nothing is sold, and nobody can ask over HTTP. */
export const once = Effect.fnUntraced(function* (options: Options = {}) {
  const failed = yield* Effect.gen(function* () {
    const fleet = yield* Fleet.Fleet
    const signals = yield* Signals
    return yield* Effect.raceFirst(
      fleet.once,
      Effect.andThen(signals.next, new CutShort({ by: "signal", left: Left.nothing }))
    )
  }).pipe(
    Effect.provide(
      Layer.fresh(
        agents(options).pipe(Layer.provideMerge(watched), Layer.provideMerge(settings(options)))
      )
    )
  )
  if (failed.length > 0) return yield* new TicksFailed({ agents: failed })
})

const work = Effect.fnUntraced(function* (scope: Scope.Scope, offer: Market.Offer = {}) {
  const { worker } = yield* Config.Config
  const fleet = yield* Fleet.Fleet
  const readiness = yield* Readiness.Readiness
  const signals = yield* Signals
  const shop = yield* Scope.fork(scope)
  yield* readiness.tends(fleet)
  const opening = worker.sells ? readiness.until("announced") : Effect.void
  yield* Effect.forkIn(Effect.andThen(Effect.timeoutOption(opening, forTheShop), fleet.run), scope)
  const signal = yield* Effect.raceFirst(
    Effect.andThen(worker.sells ? open(shop, scope, offer) : Effect.void, Effect.never),
    signals.next
  )
  yield* stop(shop, signal)
})

/** Agents may want to buy of their own house: so long they wait until it is announced. */
const forTheShop = Duration.minutes(1)

/** A wallet that is away for now is waited for; one that is wrong ends the worker. */
const open = Effect.fnUntraced(function* (
  shop: Scope.Scope,
  scope: Scope.Scope,
  offer: Market.Offer
) {
  const { worker } = yield* Config.Config
  const readiness = yield* Readiness.Readiness
  yield* readiness.until("wallet")
  yield* requireNetwork
  const seller = Market.computeProvider({ stopWithin: worker.stopWithin, ...offer })
  const provider = Context.get(
    yield* Layer.buildWithScope(seller, shop),
    ComputeProvider.ComputeProvider
  )
  yield* Effect.forkIn(Selling.log(provider), scope)
  yield* readiness.sells(provider)
})

/** Fails where no waiting helps; a wallet that is away again by now is the provider's concern. */
const requireNetwork = Effect.gen(function* () {
  const { network } = yield* Config.Config
  const wallet = yield* Wallet.Wallet
  const info = yield* Effect.option(wallet.info)
  if (Option.exists(info, (info) => info.network !== network))
    return yield* new WrongNetwork({ configured: network })
})

/** What letting go of unfinished jobs may take beyond the deadline that the jobs have. */
const lettingGo = Duration.seconds(3)

const stop = Effect.fnUntraced(function* (shop: Scope.Closeable, signal: string) {
  const { stopWithin } = (yield* Config.Config).worker
  const fleet = yield* Fleet.Fleet
  const readiness = yield* Readiness.Readiness
  const signals = yield* Signals
  yield* readiness.stops
  yield* Effect.logInfo("stopping").pipe(
    Effect.annotateLogs({ signal, within: Duration.format(stopWithin) })
  )
  const closing = yield* Effect.forkDetach(
    Effect.all([Scope.close(shop, Exit.void), Effect.timeoutOption(fleet.drain, stopWithin)], {
      concurrency: "unbounded"
    })
  )
  const cutBy = yield* Effect.raceAllFirst([
    Effect.as(Fiber.join(closing), Option.none()),
    Effect.as(signals.next, Option.some("signal" as const)),
    Effect.as(Effect.sleep(Duration.sum(stopWithin, lettingGo)), Option.some("deadline" as const))
  ])
  const left = yield* Left.find
  if (Option.isSome(cutBy)) return yield* new CutShort({ by: cutBy.value, left })
  if (!Left.isNothing(left)) return yield* new LeftUndone({ left })
  yield* Effect.logInfo("stopped")
})

const isCutShort = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isFailure(exit) && Cause.squash(exit.cause) instanceof CutShort

/** The wallet is on another network than the configuration. */
export class WrongNetwork extends Schema.TaggedError<WrongNetwork>()("WrongNetwork", {
  configured: Schema.String
}) {
  override get message(): string {
    return `The wallet is not on ${this.configured}, which is the configured network. Set the key network, or FARTHING_NETWORK, or use another wallet.`
  }
}

/** Of one tick of every agent, some failed; the log says why. */
export class TicksFailed extends Schema.TaggedError<TicksFailed>()("TicksFailed", {
  /** Their names. */
  agents: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return `the tick has failed of: ${this.agents.join(", ")}`
  }
}

/** The worker stopped in order, but its work took longer than it may wait. */
export class LeftUndone extends Schema.TaggedError<LeftUndone>()("LeftUndone", {
  left: Left.Left
}) {
  override get message(): string {
    return `stopped at the deadline: ${Left.inTheBooks(this.left)}`
  }
}

/** The worker ended at once, and closed nothing. */
export class CutShort extends Schema.TaggedError<CutShort>()("CutShort", {
  by: Schema.Literals(["signal", "deadline"]),
  left: Left.Left
}) {
  override get message(): string {
    const why = this.by === "signal" ? "by a second signal" : "because stopping took too long"
    return `ended at once, ${why}: ${Left.inTheBooks(this.left)}`
  }
}
