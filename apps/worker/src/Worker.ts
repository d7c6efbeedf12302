/**
 * A provider as a service, from its start until it is told to stop.
 *
 * ```
 *   settings ─ logs ─ telemetry ─ premises ─ readiness ─ endpoints
 *                                    │            │
 *                                    └── shop ────┘      opens once the wallet answers
 * ```
 *
 * Told to stop, it closes the shop first: absence is announced, nothing new is taken, and what is
 * paid is finished. Who asks over HTTP is answered until the end. Whoever tells it a second time,
 * and the deadline, end it at once: what is left stands in the books and is taken up on the next
 * start.
 */
import { ComputeProvider, ProviderBook } from "@farthing/provider"
import type { JobState } from "@farthing/provider/Job"
import { Signer } from "@farthing/relay"
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
import { Config, Home, Identity, Market, Telemetry } from "farthing"
import manifest from "../package.json" with { type: "json" }
import * as Endpoints from "./Endpoints.ts"
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

const settings = ({ config }: Options) =>
  Identity.layerProvider.pipe(
    Layer.provideMerge(Config.layer(config === undefined ? {} : { path: config })),
    Layer.provideMerge(Home.layer)
  )

const watched = Telemetry.layer({
  serviceName: "farthing-worker",
  serviceVersion: manifest.version
}).pipe(Layer.provideMerge(Logs.layer), Layer.provideMerge(metrics))

/** All that is there before anything is sold, and after. Built anew for each worker. */
const premises = (options: Options) =>
  Layer.fresh(
    Endpoints.layer.pipe(
      Layer.provideMerge(Readiness.layer),
      Layer.provideMerge(Market.configuredBackend()),
      Layer.provideMerge(Market.salesBook),
      Layer.provideMerge(Market.premises),
      Layer.provideMerge(watched),
      Layer.provideMerge(settings(options))
    )
  )

/** Sells until it is told to stop, and then as long as the deadline allows. */
export const run = Effect.fnUntraced(function* (options: Options = {}) {
  const scope = yield* Scope.make()
  return yield* Layer.buildWithScope(premises(options), scope).pipe(
    Effect.flatMap((context) => Effect.provideContext(work(scope, options.offer), context)),
    // Who is cut short waits for nothing.
    Effect.onExit((exit) => (isCutShort(exit) ? Effect.void : Scope.close(scope, exit)))
  )
})

const work = Effect.fnUntraced(function* (scope: Scope.Scope, offer: Market.Offer = {}) {
  const signals = yield* Signals
  const shop = yield* Scope.fork(scope)
  const signal = yield* Effect.raceFirst(
    Effect.andThen(open(shop, scope, offer), Effect.never),
    signals.next
  )
  yield* stop(shop, signal)
})

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
  const readiness = yield* Readiness.Readiness
  const signals = yield* Signals
  yield* readiness.stops
  yield* Effect.logInfo("stopping").pipe(
    Effect.annotateLogs({ signal, within: Duration.format(stopWithin) })
  )
  const closing = yield* Effect.forkDetach(Scope.close(shop, Exit.void))
  const cutBy = yield* Effect.raceAllFirst([
    Effect.as(Fiber.join(closing), Option.none()),
    Effect.as(signals.next, Option.some("signal" as const)),
    Effect.as(Effect.sleep(Duration.sum(stopWithin, lettingGo)), Option.some("deadline" as const))
  ])
  const left = yield* unfinished
  if (Option.isSome(cutBy)) return yield* new CutShort({ by: cutBy.value, left })
  if (left > 0) return yield* new LeftUndone({ left })
  yield* Effect.logInfo("stopped")
})

/** Jobs that are paid, or whose money is locked, and that wait for us. */
const unfinished = Effect.gen(function* () {
  const book = yield* ProviderBook.ProviderBook
  const { publicKey } = yield* Signer.Signer
  const counts = yield* book.counts(publicKey)
  return counts.filter(({ state }) => isOurTurn.has(state)).reduce((sum, { jobs }) => sum + jobs, 0)
})

const isOurTurn: ReadonlySet<JobState> = new Set([
  "paid",
  "running",
  "answered",
  "claiming",
  "returning"
])

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

const inTheBooks = (left: number): string =>
  `${left === 1 ? "1 paid job is" : `${left} paid jobs are`} left in the books, and taken up on the next start`

/** The worker stopped in order, but its jobs took longer than it may wait. */
export class LeftUndone extends Schema.TaggedError<LeftUndone>()("LeftUndone", {
  /** Paid jobs without an end. */
  left: Schema.Int
}) {
  override get message(): string {
    return `stopped at the deadline: ${inTheBooks(this.left)}`
  }
}

/** The worker ended at once, and closed nothing. */
export class CutShort extends Schema.TaggedError<CutShort>()("CutShort", {
  by: Schema.Literals(["signal", "deadline"]),
  /** Paid jobs without an end. */
  left: Schema.Int
}) {
  override get message(): string {
    const why = this.by === "signal" ? "by a second signal" : "because stopping took too long"
    return `ended at once, ${why}: ${inTheBooks(this.left)}`
  }
}
