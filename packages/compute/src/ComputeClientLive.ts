/**
 * The market's customer: buys an inference, from discovery to receipt.
 *
 *     discover - select - reserve - request - quote - check - pay - deliver - settle
 *
 * Until a payment is submitted every failure is free, and the next provider may be asked. From
 * then on the purchase ends with the result, or with an error that tells what it cost.
 */
import { Treasury } from "@farthing/budget"
import type { Settlement } from "@farthing/protocol"
import type { Duration } from "effect"
import { Array as Arr, Context, Effect, Option, Queue, RcRef, Stream } from "effect"
import { Wallet } from "@farthing/wallet"
import { logged } from "./Bookkeeping.ts"
import type { ComputeError } from "./ComputeError.ts"
import * as Continuation from "./Continuation.ts"
import type { ComputeOptions } from "./ComputeOptions.ts"
import * as Discovery from "./Discovery.ts"
import { inTurn } from "./Fallback.ts"
import { fulfil } from "./Fulfilment.ts"
import type { InferenceRequest, Progress } from "./Inference.ts"
import type { JobTransport } from "./JobTransport.ts"
import { Journal } from "./Journal.ts"
import * as Metrics from "./Metrics.ts"
import * as Mode from "./Mode.ts"
import type { Provider } from "./Provider.ts"
import type { Query } from "./ProviderList.ts"
import * as Purchase from "./Purchase.ts"
import { bestOffers } from "./Quotes.ts"
import * as Recovery from "./Recovery.ts"
import { discover, knownProviders, requireMode, select, withRecord } from "./Search.ts"

type Requirements = Discovery.Discovery | JobTransport | Journal | Treasury.Treasury | Wallet.Wallet

/** How often the journal hears that a purchase is still at work: well within a lease. */
const signOfLife = "3 seconds"

export const make = Effect.fnUntraced(function* (options: ComputeOptions) {
  const context = yield* Effect.context<Requirements>()
  const journal = Context.get(context, Journal)
  const discovery = Context.get(context, Discovery.Discovery)
  const live = new Set<Purchase.Purchase>()

  /** Beats while at least one purchase is at work. */
  const heart = yield* RcRef.make({
    acquire: Effect.suspend(() => logged(journal.keepAlive(Array.from(live, ({ id }) => id)))).pipe(
      Effect.delay(signOfLife),
      Effect.forever,
      Effect.forkScoped
    )
  })

  const rails = yield* rememberedRails(Context.get(context, Wallet.Wallet))

  const purchaseOf = (request: InferenceRequest, delivery: Purchase.Delivery) =>
    Effect.acquireRelease(
      Effect.tap(Purchase.make(request, options, delivery, rails), (purchase) =>
        Effect.sync(() => live.add(purchase))
      ),
      (purchase) => Effect.sync(() => live.delete(purchase))
    ).pipe(Effect.tap(RcRef.get(heart)))

  const run = (request: InferenceRequest, delivery: Purchase.Delivery) =>
    purchaseOf(request, delivery).pipe(
      Effect.flatMap(buy),
      Effect.scoped,
      Effect.provideContext(context)
    )

  return {
    discoverProviders: Effect.fn("ComputeClient.discoverProviders")(
      (within: Duration.Input = options.discoveryTimeout) =>
        knownProviders(within).pipe(Effect.provideContext(context))
    ),

    listProviders: Effect.fn("ComputeClient.listProviders")((query: Query = {}) =>
      Effect.flatMap(journal.records, (records) => discovery.list(query, records))
    ),

    watchProviders: discovery.watch.pipe(
      Stream.mapEffect(withRecord),
      Stream.provideContext(context)
    ),

    requestInference: Effect.fn("ComputeClient.requestInference")((request: InferenceRequest) =>
      run(request, { stream: false, tell: () => Effect.void })
    ),

    streamInference: (request: InferenceRequest) =>
      Stream.callback<Progress, ComputeError>((queue) =>
        run(request, {
          stream: true,
          tell: (progress) => Effect.asVoid(Queue.offer(queue, progress))
        }).pipe(
          Effect.flatMap((receipt) => Queue.offer(queue, { _tag: "Done", receipt })),
          Effect.andThen(Queue.end(queue)),
          Effect.withSpan("ComputeClient.streamInference")
        )
      ),

    recover: Recovery.recover(options, (id) =>
      Array.from(live).some((purchase) => purchase.id === id)
    ).pipe(Effect.provideContext(context), Effect.withSpan("ComputeClient.recover")),

    jobs: Effect.fn("ComputeClient.jobs")((page?: Page) =>
      journal.jobs(page?.limit ?? defaultPage)
    ),

    findJob: Effect.fn("ComputeClient.findJob")((prefix: string) => journal.findJob(prefix)),

    receipts: Effect.fn("ComputeClient.receipts")((page?: Page) =>
      journal.receipts(page?.limit ?? defaultPage)
    )
  }
})

/** On what the wallet can lock money: what it once said, or else what it says now. */
const rememberedRails = (wallet: Wallet.Shape) =>
  Effect.sync(() => {
    let known: ReadonlyArray<Settlement.Rail> | undefined
    return Effect.suspend(() =>
      known !== undefined
        ? Effect.succeed(known)
        : wallet.info.pipe(
            Effect.map(({ capabilities }) => (known = Mode.railsOf(capabilities))),
            Effect.mapError(({ message }) => new Treasury.WalletUnavailable({ message }))
          )
    )
  })

interface Page {
  readonly limit?: number
}

/** How many jobs or receipts are told where nobody says how many. */
const defaultPage = 100

/** The purchase, from discovery to receipt. */
const buy = Effect.fnUntraced(function* (purchase: Purchase.Purchase) {
  const earlier = purchase.isNew ? Option.none() : yield* Continuation.goOn(purchase)
  return Option.isSome(earlier) ? earlier.value : yield* Metrics.counted(buyNow(purchase))
})

const buyNow = Effect.fnUntraced(function* (purchase: Purchase.Purchase) {
  yield* requireMode(purchase)
  const providers = yield* discover(purchase)
  const rounds = yield* select(purchase, providers)
  return yield* inTurn(rounds, (round) => attempt(purchase, round))
})

/** Asks some providers at once, and buys from the one with the best offer. */
const attempt = (purchase: Purchase.Purchase, round: Arr.NonEmptyReadonlyArray<Provider>) =>
  Effect.gen(function* () {
    const offers = yield* bestOffers(purchase, round)
    const eligible = purchase.selection.fallbacks ? offers : Arr.of(offers[0])
    return yield* inTurn(eligible, (offer) => fulfil(purchase, offer))
  }).pipe(Effect.scoped)
