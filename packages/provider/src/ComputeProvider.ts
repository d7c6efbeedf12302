/**
 * The provider's side of the market: announces itself, quotes, sees the money come in, infers
 * and delivers.
 */
import { Treasury } from "@farthing/budget"
import { Channel, Msat, type NostrEvent, Sat, Settlement } from "@farthing/protocol"
import { Relay, Signer, UnixTime } from "@farthing/relay"
import { Wallet } from "@farthing/wallet"
import { Context, Duration, Effect, Layer, Schema, Stream } from "effect"
import { randomUUID } from "node:crypto"
import * as Answers from "./Answers.ts"
import * as Errands from "./Errands.ts"
import * as EventLog from "./EventLog.ts"
import { InferenceBackend } from "./InferenceBackend.ts"
import * as Invoicing from "./Invoicing.ts"
import type { JobState } from "./Job.ts"
import * as Judgement from "./Judgement.ts"
import * as Locks from "./Locks.ts"
import * as Metrics from "./Metrics.ts"
import * as Mode from "./Mode.ts"
import * as Money from "./Money.ts"
import * as Presence from "./Presence.ts"
import type * as Readiness from "./Readiness.ts"
import * as Routing from "./Routing.ts"
import { type BookUnavailable, ProviderBook } from "./ProviderBook.ts"
import type { ProviderEvent } from "./ProviderEvent.ts"
import { type Options, type Resolved, resolve } from "./ProviderOptions.ts"
import * as Refunds from "./Refunds.ts"
import * as Reception from "./Reception.ts"
import * as Till from "./Till.ts"
import * as Tracing from "./Tracing.ts"
import * as Workshop from "./Workshop.ts"

export type { ProviderEvent } from "./ProviderEvent.ts"
export type { Options } from "./ProviderOptions.ts"

export interface Status {
  readonly online: boolean
  readonly channel: NostrEvent.EventId
  readonly models: ReadonlyArray<string>
  /** Quotes that can still be paid. */
  readonly unpaid: number
  readonly waiting: number
  readonly running: number
  /** Delivered, and their money is not taken yet. */
  readonly awaiting: number
  /** Ever, and their money was taken. */
  readonly delivered: number
  /** Ever delivered, and their money went back or never came. */
  readonly unclaimed: number
  /** Ever not delivered, their money having been locked and not taken. */
  readonly returned: number
  /** Paid jobs that could not be done, and whose money customers may ask back. */
  readonly owed: number
  /** Ever. */
  readonly refunded: number
  /** Ever paid, and neither delivered nor asked back while the refund was on offer. */
  readonly lost: number
  /** Ever received, less what is owed or was given back. */
  readonly earned: Msat.Msat
}

export interface Shape {
  readonly publicKey: NostrEvent.NostrEvent["pubkey"]
  readonly channel: NostrEvent.EventId
  /** Waits until it is announced and takes requests. */
  readonly online: Effect.Effect<void>
  readonly status: Effect.Effect<Status, ProviderError>
  /** Whether it can sell now, and what is in its way. */
  readonly readiness: Effect.Effect<Readiness.Readiness>
  /** What happens from now on; the last few events before are told first. */
  readonly events: Stream.Stream<ProviderEvent>
}

export class ComputeProvider extends Context.Service<ComputeProvider, Shape>()(
  "@farthing/provider/ComputeProvider"
) {}

/**
 * Sells until the scope closes; then it finishes what is paid and says that it is gone. The
 * Treasury pays refunds: one of the provider's own, over the same wallet.
 */
export const make = Effect.fnUntraced(function* (given: Options) {
  const options = resolve(given)
  const relay = yield* Relay.Relay
  const signer = yield* Signer.Signer
  const wallet = yield* Wallet.Wallet
  const treasury = yield* Treasury.Treasury
  const backend = yield* InferenceBackend
  const book = yield* ProviderBook
  const provider = signer.publicKey
  const rails = yield* requireAble(wallet, options)

  const walletTrouble = yield* Effect.cachedWithTTL(troubleOf(wallet), walletBelieved)
  const log = yield* EventLog.make
  const { report, tell } = log
  const owner = randomUUID()
  const requestAge = Math.ceil(Duration.toSeconds(options.requestAge))

  const tracing = yield* Tracing.make(options)
  const routing = yield* Routing.make({ backend, options, tell })
  const presence = yield* Presence.make({ relay, signer, routing, book, options, rails, tell })
  const answers = Answers.make({ relay, signer, channel: presence.channel })
  const locks = yield* Locks.make({
    provider,
    wallet,
    signer,
    book,
    channel: presence.channel,
    tracing,
    tell
  })
  const workshop = yield* Workshop.make({
    owner,
    provider,
    backend: routing.backend,
    capacity: routing.capacity,
    book,
    relay,
    signer,
    wallet,
    locks,
    answers,
    tracing,
    options,
    tell
  })
  const money = Money.make({ wallet, workshop, locks, options })
  const till = Till.make({ wallet, money, tell })
  const refunds = yield* Refunds.make({
    provider,
    treasury,
    wallet,
    book,
    answers,
    channel: presence.channel,
    options,
    tell
  })
  const reception = Reception.make({
    provider,
    invoicing: Invoicing.make({ wallet, book, options, tell }),
    book,
    presence,
    routing,
    answers,
    workshop,
    till,
    refunds,
    locks,
    tracing,
    options,
    ways: Settlement.waysOf(options.settlements, rails),
    tell
  })

  yield* Metrics.show({
    isOnline: log.isOnline,
    running: () => workshop.load().running,
    waiting: () => workshop.load().waiting,
    unpaid: till.unpaid,
    capacity: routing.capacity,
    backends: routing.health
  })

  /** A request that is refused need not be known any more once it is too old to be heard. */
  const forget = Effect.gen(function* () {
    const now = yield* UnixTime.now
    const refused = now - requestAge - Judgement.clockAhead - clocksApart
    yield* book.prune(provider, { refused, quoted: now - rememberQuotes })
  })

  /** Strangers' requests are what the book would grow by. */
  const keepTheBookSmall = forget.pipe(
    Effect.catch(report),
    Effect.andThen(Effect.sleep("10 minutes")),
    Effect.forever
  )

  /** Quotes from before this process may have been paid, or may still be. */
  const expectOpenQuotes = Effect.gen(function* () {
    const longAgo = (yield* UnixTime.now) - rememberQuotes
    const quoted = yield* book.unpaid(provider, longAgo)
    yield* Effect.forEach(quoted, till.expect, { discard: true })
    const recently = (yield* UnixTime.now) - requestAge
    const awaited = yield* book.quotes(provider, recently)
    yield* Effect.forkScoped(reception.sayAgain(awaited))
  })

  /** Those of other processes too, each of which may die before its quotes are paid. */
  const expectQuotesOfOthers = Effect.gen(function* () {
    let since = yield* UnixTime.now
    while (true) {
      yield* Effect.sleep(options.lease)
      const now = yield* UnixTime.now
      const quoted = yield* book.unpaid(provider, since - clocksApart)
      yield* Effect.forEach(quoted, till.expect, { discard: true })
      since = now
    }
  }).pipe(Effect.catch(report))

  /** What was said in our channel a moment ago, and what is said from now on. */
  const messages = Effect.gen(function* () {
    const since = (yield* UnixTime.now) - requestAge
    const recent = Channel.providerFilter(presence.channel, { since })
    const earlier = [...(yield* refunds.filters), ...(yield* locks.filters)]
    return relay.subscribe([recent, ...earlier])
  }).pipe(Stream.unwrap)

  const quote = messages.pipe(
    Stream.mapEffect((event) => reception.receive(event).pipe(Effect.catch(report)), {
      concurrency: atOnce,
      unordered: true
    }),
    Stream.runDrain,
    Effect.tapError(report),
    Effect.retry(Errands.untilItAnswers),
    Effect.ignore
  )

  const followHealth = routing.tend(Effect.andThen(workshop.fit, presence.stir))
  const announce = presence.keepUp
  const takePayments = till.watch
  const inferAndDeliver = workshop.tend
  const giveBack = refunds.tend
  const claim = locks.tend

  /** Customers go elsewhere from the first moment on; meanwhile what is paid is finished. */
  const stop = Effect.gen(function* () {
    const finish = Effect.timeoutOption(workshop.idle, options.stopWithin)
    yield* Effect.all([presence.leave, finish], { concurrency: "unbounded", discard: true })
    yield* workshop.close
  })

  /** A bug in one of the loops must end neither the others nor itself. */
  const serve = (loops: ReadonlyArray<Effect.Effect<void>>) =>
    Effect.forEach(
      loops,
      (loop) =>
        loop.pipe(
          Effect.catchDefect((defect) => report({ message: `a bug: ${String(defect)}` })),
          Effect.andThen(Effect.sleep("1 second")),
          Effect.forever
        ),
      { concurrency: "unbounded" }
    ).pipe(tracing.untraced, Effect.forkScoped)

  // Undone from the last to the first: nothing new is taken, and what is paid is finished.
  yield* expectOpenQuotes
  yield* refunds.remind
  yield* serve([inferAndDeliver, followHealth])
  yield* Effect.addFinalizer(() => stop.pipe(Effect.catch(report)))
  yield* serve([announce, quote, takePayments, expectQuotesOfOthers, claim, giveBack])
  yield* serve([keepTheBookSmall])

  return ComputeProvider.of({
    publicKey: provider,
    channel: presence.channel,
    online: log.online,
    events: log.events,
    status: Effect.gen(function* () {
      const counts = yield* book.counts(provider)
      const jobs = (state: JobState) => counts.find((count) => count.state === state)?.jobs ?? 0
      return {
        online: log.isOnline(),
        channel: presence.channel,
        models: routing.models(),
        unpaid: till.unpaid(),
        ...workshop.load(),
        awaiting: jobs("awaiting") + jobs("claiming"),
        delivered: jobs("delivered"),
        unclaimed: jobs("unpaid"),
        returned: jobs("returned"),
        owed: jobs("owed"),
        refunded: jobs("refunded"),
        lost: jobs("lost"),
        earned: Msat.sum(counts.map(({ earned }) => earned))
      }
    }).pipe(Effect.mapError(({ message }) => new ProviderError({ message }))),
    readiness: Effect.gen(function* () {
      const connected = yield* relay.connected
      return {
        relays: relay.urls.map((url) => ({ url, connected: connected.includes(url) })),
        walletTrouble: yield* walletTrouble,
        backends: routing.health(),
        announced: log.isOnline(),
        capacity: routing.capacity(),
        ...workshop.load()
      }
    })
  })
})

export const layer = (
  options: Options
): Layer.Layer<
  ComputeProvider,
  ProviderError | BookUnavailable,
  Relay.Relay | Signer.Signer | Wallet.Wallet | Treasury.Treasury | InferenceBackend | ProviderBook
> => Layer.effect(ComputeProvider, make(options))

/** What was said of the wallet is not asked again for so long, however often somebody looks. */
const walletBelieved = "5 seconds"

/** Why the wallet does not answer, if it does not. */
const troubleOf = (wallet: Wallet.Shape): Effect.Effect<string | undefined> =>
  wallet.info.pipe(
    Effect.as(undefined),
    Effect.timeout("5 seconds"),
    Effect.catch(({ message }) => Effect.succeed(message))
  )

/** Messages that are looked at at once; the rest waits in the relay's buffer. */
const atOnce = 64

/** A quote that nobody has paid within a week will not be; in seconds. */
const rememberQuotes = 7 * 24 * 60 * 60

/** By how much the clocks of two processes of one provider may differ; in seconds. */
const clocksApart = 60

/** What is promised has to be kept: by a wallet of the same network that can do it. Its rails. */
const requireAble = Effect.fnUntraced(function* (
  wallet: Wallet.Shape,
  { modelPrices, network, price, settlements }: Resolved
) {
  const info = yield* wallet.info.pipe(
    Effect.mapError(({ message }) => new ProviderError({ message }))
  )
  if (info.network !== network)
    return yield* new ProviderError({
      message: `the wallet lives on ${info.network}, the provider is to sell on ${network}`
    })
  if (settlements.length === 0)
    return yield* new ProviderError({ message: "no settlement is offered: nothing can be sold" })
  const { hold, htlc } = info.capabilities
  const beyond = settlements.filter((mode) => !hold && Mode.isLocked(mode))
  const missing = beyond.filter((mode) => mode === "sealed" || !htlc)
  if (missing.length > 0)
    return yield* new ProviderError({
      message: `the wallet makes no hold invoices, which ${missing.join(" and ")} needs`
    })
  const broken = [price, ...modelPrices.values()].find((amount) => !Sat.isWhole(amount))
  if (htlc && broken !== undefined)
    return yield* new ProviderError({
      message: `the wallet is on Spark, which moves whole sats alone: ${broken} msats are no price`
    })
  return Mode.railsOf(info.capabilities)
})

/** The provider cannot begin to sell, or cannot read its book. */
export class ProviderError extends Schema.TaggedError<ProviderError>()("ProviderError", {
  message: Schema.String
}) {}
