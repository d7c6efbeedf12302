/**
 * Finds who sells: the announcements on our relays (NIP-89, kind 31990), kept up to date for as
 * long as somebody is interested, so that a second look costs nothing.
 */
import type { Key, Network, NostrEvent } from "@farthing/protocol"
import { AgentMessage, Announcement } from "@farthing/protocol"
import { Relay, UnixTime } from "@farthing/relay"
import type { Scope } from "effect"
import {
  Context,
  Deferred,
  Duration,
  Effect,
  Latch,
  Layer,
  Option,
  PubSub,
  RcRef,
  Stream
} from "effect"
import * as AnnouncementBook from "./AnnouncementBook.ts"
import { type RelayUnavailable, relayUnavailable } from "./ComputeError.ts"
import type { Provider } from "./Provider.ts"

/** Who sells now, without our record of them. */
export interface Found {
  readonly providers: ReadonlyArray<Provider>
  /** Present where nobody was found and a clock is the likely reason. */
  readonly clockHint: Option.Option<string>
}

export interface Shape {
  /**
   * Everybody who sells now: at once if that is known, else as soon as the relays have sent
   * what they had and somebody is among it, at the latest after the time given. Where no relay
   * has answered by then they are asked once more: silence is not an empty market.
   */
  readonly discover: (within: Duration.Input) => Effect.Effect<Found, RelayUnavailable>
  /** Everybody who sells now, and then each announcement as it comes. */
  readonly watch: Stream.Stream<Provider, RelayUnavailable>
}

export class Discovery extends Context.Service<Discovery, Shape>()("@farthing/compute/Discovery") {}

export interface Options {
  readonly network: Network.Network
  /** The most offers that are remembered; default 10,000. */
  readonly capacity?: number
  /** Who is heard however many others there are; default: nobody. */
  readonly proven?: Effect.Effect<ReadonlyArray<Key.PublicKey>, { readonly message: string }>
}

/** The subscription outlives the last interest in it by this time. */
const subscriptionTimeToLive = "1 minute"

/** Seconds to look back; what is older is void unless it says otherwise. */
const lookBack = 7 * 24 * 3600

/** How long relays have that did not answer within the time given, but can be reached. */
const patience = "15 seconds"

const defaultCapacity = 10_000

export const layer = (options: Options): Layer.Layer<Discovery, never, Relay.Relay> =>
  Layer.effect(Discovery, make(options))

export const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<Shape, never, Relay.Relay | Scope.Scope> {
  const relay = yield* Relay.Relay
  const market: RcRef.RcRef<Market> = yield* RcRef.make({
    acquire: openMarket(
      relay,
      { capacity: defaultCapacity, proven: Effect.succeed([]), ...options },
      Effect.suspend(() => RcRef.invalidate(market))
    ),
    idleTimeToLive: subscriptionTimeToLive
  })

  /** Who enters a market that is closed already leaves it to nobody else. */
  const enter = Effect.gen(function* () {
    const entered = yield* RcRef.get(market)
    if (yield* Deferred.isDone(entered.failed)) yield* RcRef.invalidate(market)
    return entered
  })

  /** A slow relay, or a slow machine, is not an empty market: ask once more before saying so. */
  const requireAnswer = relay
    .query([{ kinds: [Announcement.kind], limit: 1 }], { timeout: patience })
    .pipe(Effect.mapError(relayUnavailable))

  const discover: Shape["discover"] = Effect.fnUntraced(function* (within) {
    const { book, failed, settled, stored } = yield* enter
    if (!book.hasOpen(yield* UnixTime.now)) yield* settled.close
    if (!settled.isOpen())
      yield* settled.await.pipe(
        Effect.raceFirst(Deferred.await(failed)),
        Effect.timeoutOption(within)
      )
    if (!stored.isOpen() && !book.hasOpen(yield* UnixTime.now)) {
      // Somebody may be found meanwhile, on a relay that never says that it has sent all.
      yield* Effect.raceFirst(requireAnswer, settled.await)
      yield* Effect.timeoutOption(stored.await, patience)
    }
    const now = yield* UnixTime.now
    const providers = book.open(now)
    const clockHint = providers.length === 0 ? book.clockHint(now) : Option.none()
    return { providers, clockHint }
  }, Effect.scoped)

  const watch: Shape["watch"] = Stream.unwrap(
    Effect.gen(function* () {
      const { book, failed, news } = yield* enter
      const coming = yield* PubSub.subscribe(news)
      const now = yield* UnixTime.now
      return Stream.fromIterable(book.open(now)).pipe(
        Stream.concat(Stream.fromSubscription(coming)),
        Stream.merge(Stream.fromEffectDrain(Deferred.await(failed)))
      )
    })
  )

  return { discover, watch }
})

/** One live view of the market. */
interface Market {
  readonly book: AnnouncementBook.AnnouncementBook
  readonly news: PubSub.PubSub<Provider>
  /** Open once the relays have sent what they had. */
  readonly stored: Latch.Latch
  /** Open once the relays have sent what they had and somebody sells. */
  readonly settled: Latch.Latch
  readonly failed: Deferred.Deferred<never, RelayUnavailable>
}

const openMarket = Effect.fnUntraced(function* (
  relay: Relay.Shape,
  options: Required<Options>,
  giveUp: Effect.Effect<void>
) {
  const proven = yield* heardAnyway(options.proven)
  const book = AnnouncementBook.make({ ...options, proven: new Set(proven) })
  const news = yield* PubSub.sliding<Provider>(options.capacity)
  const stored = yield* Latch.make()
  const settled = yield* Latch.make()
  const failed = yield* Deferred.make<never, RelayUnavailable>()

  const settle = Effect.flatMap(UnixTime.now, (now) =>
    stored.isOpen() && book.hasOpen(now) ? settled.open : Effect.void
  )

  const hear = (event: NostrEvent.NostrEvent) =>
    Effect.flatMap(UnixTime.now, (now) =>
      Option.match(book.add(event, now), {
        onNone: () => Effect.void,
        onSome: (offer) => Effect.andThen(PubSub.publish(news, offer), settle)
      })
    )

  const start = yield* UnixTime.now
  const recent = { kinds: [Announcement.kind], since: start - lookBack, limit: options.capacity }
  const filters = [
    { ...recent, "#k": [String(AgentMessage.textGeneration)] },
    recent,
    // Relays send the newest first and no more than they like: strangers must not be all of them.
    ...(proven.length === 0 ? [] : [{ ...recent, authors: proven }])
  ]

  yield* relay.subscribe(filters, { onStored: Effect.andThen(stored.open, settle) }).pipe(
    Stream.runForEach(hear),
    Effect.catch((error) => Effect.andThen(Deferred.fail(failed, relayUnavailable(error)), giveUp)),
    Effect.forkScoped({ startImmediately: true })
  )

  return { book, news, stored, settled, failed } satisfies Market
})

/** What a relay takes in one filter. */
const mostAuthors = 500

/** Without the journal everybody is a stranger. */
const heardAnyway = (proven: Required<Options>["proven"]) =>
  proven.pipe(
    Effect.map((keys) => keys.slice(0, mostAuthors)),
    Effect.catch(({ message }) =>
      Effect.as(Effect.logWarning("Nobody is known to have delivered", message), [])
    )
  )
