/**
 * Finds who sells: the announcements on our relays (NIP-89, kind 31990), kept in the home's
 * database and up to date for as long as somebody is interested, so that a second look costs
 * nothing.
 */
import type { Treasury } from "@farthing/budget"
import type { Key, Network } from "@farthing/protocol"
import { Announcement } from "@farthing/protocol"
import { Relay, UnixTime } from "@farthing/relay"
import type { Scope } from "effect"
import {
  Array as Arr,
  Context,
  Deferred,
  Duration,
  Effect,
  Exit,
  Layer,
  Option,
  RcRef,
  Stream
} from "effect"
import type { Migrator, SqlClient, SqlError } from "effect/sql"
import * as AnnouncementTable from "./AnnouncementTable.ts"
import * as ClockHint from "./ClockHint.ts"
import { type RelayUnavailable, relayUnavailable } from "./ComputeError.ts"
import * as LiveMarket from "./LiveMarket.ts"
import * as Provider from "./Provider.ts"
import * as ProviderList from "./ProviderList.ts"
import * as Selection from "./Selection.ts"
import * as Shortlist from "./Shortlist.ts"

export type { Records, Wanted } from "./Shortlist.ts"

/** Who sells now. */
export interface Found {
  /** How many offers there are. */
  readonly count: number
  /** All of them, without our record. However many they are, all are read. */
  readonly all: Effect.Effect<ReadonlyArray<Provider.Provider>, Treasury.LedgerUnavailable>
  /**
   * The best for a wish with our record of them, best first; as `Selection.rank` of all would
   * have it, and found without reading all, unless the policy is the caller's own function.
   */
  readonly rank: (
    wish: Shortlist.Wanted,
    records: Shortlist.Records
  ) => Effect.Effect<ReadonlyArray<Provider.Provider>, Treasury.LedgerUnavailable>
  /** Everybody who could be paid our way, whatever else was wished. */
  readonly able: (
    wish: Shortlist.Wanted,
    records: Shortlist.Records
  ) => ReadonlyArray<Selection.Candidate>
  /** Present where nobody was found and a clock is the likely reason. */
  readonly clockHint: Option.Option<string>
}

export type DiscoveryError = RelayUnavailable | Treasury.LedgerUnavailable

export interface Shape {
  /**
   * Everybody who sells now. At once if that is known; where it is only remembered, the relays
   * have a moment to say what has changed. Else as soon as the relays have sent what they had and
   * somebody is among it, at the latest after the time given. Where no relay has answered by then
   * they are asked once more: silence is not an empty market.
   */
  readonly discover: (within: Duration.Input) => Effect.Effect<Found, DiscoveryError>
  /** What is remembered of the market, refreshed first if the query says so. */
  readonly list: (
    query: ProviderList.Query,
    records: Shortlist.Records
  ) => Effect.Effect<ProviderList.ProviderList, DiscoveryError>
  /** Everybody who sells now, and then each announcement as it comes. */
  readonly watch: Stream.Stream<Provider.Provider, DiscoveryError>
}

export class Discovery extends Context.Service<Discovery, Shape>()("@farthing/compute/Discovery") {}

export interface Options {
  readonly network: Network.Network
  /** The most offers that are remembered; default 100,000. */
  readonly capacity?: number
  /** Who is heard however many others there are; default: nobody. */
  readonly proven?: Effect.Effect<ReadonlyArray<Key.PublicKey>, { readonly message: string }>
}

/** The subscription outlives the last interest in it by this time. */
const subscriptionTimeToLive = "1 minute"

/** How long relays have that did not answer within the time given, but can be reached. */
const patience = "15 seconds"

/** How long relays have to say what has changed since the market was closed. */
const moment = Duration.seconds(1)

const defaultCapacity = 100_000

export const layer = (
  options: Options
): Layer.Layer<
  Discovery,
  Migrator.MigrationError | SqlError.SqlError,
  Relay.Relay | SqlClient.SqlClient
> => Layer.effect(Discovery, make(options))

export const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<
  Shape,
  Migrator.MigrationError | SqlError.SqlError,
  Relay.Relay | SqlClient.SqlClient | Scope.Scope
> {
  const relay = yield* Relay.Relay
  const table = yield* AnnouncementTable.make(options.network)
  const market: RcRef.RcRef<LiveMarket.LiveMarket, Treasury.LedgerUnavailable> = yield* RcRef.make({
    acquire: LiveMarket.open(
      relay,
      table,
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

  /** Waits for the relays; those that fail are no reason to forget what is remembered. */
  const awaitNews = Effect.fnUntraced(function* (
    { catalogue, failed, settled }: LiveMarket.LiveMarket,
    within: Duration.Input
  ) {
    const isRemembered = catalogue.book.count(yield* UnixTime.now) > 0
    const news = Effect.raceFirst(settled.await, Deferred.await(failed))
    yield* isRemembered
      ? Effect.ignore(
          Effect.timeoutOption(news, Duration.min(Duration.fromInputUnsafe(within), moment))
        )
      : Effect.timeoutOption(news, within)
  })

  const discover: Shape["discover"] = Effect.fnUntraced(function* (within) {
    const entered = yield* enter
    const { catalogue, settled, stored } = entered
    const { book } = catalogue
    if (book.count(yield* UnixTime.now) === 0) yield* settled.close
    if (!settled.isOpen()) yield* awaitNews(entered, within)
    if (!stored.isOpen() && book.count(yield* UnixTime.now) === 0) {
      // Somebody may be found meanwhile, on a relay that never says that it has sent all.
      yield* Effect.raceFirst(requireAnswer, settled.await)
      yield* Effect.timeoutOption(stored.await, patience)
    }
    return found(entered, yield* UnixTime.now)
  }, Effect.scoped)

  const watch: Shape["watch"] = Stream.unwrap(
    Effect.gen(function* () {
      const { catalogue, failed, news } = yield* enter
      const coming = yield* news
      const known = catalogue.book.all(yield* UnixTime.now)
      return Stream.fromIterable(Arr.chunksOf(known, atOnce)).pipe(
        Stream.mapEffect((some) => catalogue.providersOf(some)),
        Stream.flattenIterable,
        Stream.concat(Stream.fromSubscription(coming)),
        Stream.merge(Stream.fromEffectDrain(Deferred.await(failed)))
      )
    })
  )

  const listOf = yield* ProviderList.make(options.network)

  /** Lets the relays say what has changed, and writes it down. */
  const refresh = Effect.fnUntraced(function* (within: Duration.Input) {
    const entered = yield* RcRef.get(market)
    yield* discover(within)
    yield* entered.write
  }, Effect.scoped)

  const list: Shape["list"] = Effect.fnUntraced(function* (query, records) {
    const { online, within } = query
    const refreshed = within === undefined ? Exit.void : yield* Effect.exit(refresh(within))
    const isFresh = within !== undefined && Exit.isSuccess(refreshed)
    const found = yield* listOf(
      online === undefined && isFresh ? { ...query, online: true } : query,
      records,
      yield* UnixTime.now
    )
    // Nothing is remembered, and nobody can be asked.
    if (Exit.isFailure(refreshed) && found.total === 0)
      return yield* Effect.failCause(refreshed.cause)
    return found
  })

  return { discover, list, watch }
})

/** How many providers are read at once where all are wanted. */
const atOnce = 256

const found = ({ catalogue }: LiveMarket.LiveMarket, now: number): Found => {
  const { book } = catalogue
  const count = book.count(now)

  /** What the database does not confirm is forgotten, and others take its place. */
  const rankByName = (
    wish: Shortlist.Wanted,
    records: Shortlist.Records,
    policy: Selection.Policy
  ): Effect.Effect<ReadonlyArray<Provider.Provider>, Treasury.LedgerUnavailable> =>
    Effect.suspend(() => {
      const best = Shortlist.rank(book, records, wish, policy)
      return Effect.flatMap(catalogue.chosenOf(best.map(({ listing }) => listing)), (providers) =>
        providers.length < best.length
          ? rankByName(wish, records, policy)
          : Effect.succeed(
              providers.map((provider, place) => ({
                ...provider,
                price: best[place]!.price,
                record: best[place]!.record
              }))
            )
      )
    })

  return {
    count,
    all: Effect.suspend(() => catalogue.providersOf(book.all(now))),
    rank: (wish, records) => {
      const { policy = "cheapest" } = wish.selection
      if (typeof policy !== "function") return rankByName(wish, records, policy)
      const takers = book.all(now).filter((one) => Shortlist.takesOneOf(wish.settlement, one.ways))
      return Effect.map(catalogue.providersOf(takers), (providers) =>
        Selection.rank(
          providers.map((one) => Provider.withRecord(one, records.get(one.pubkey))),
          wish
        )
      )
    },
    able: (wish, records) => Shortlist.able(book, records, wish),
    clockHint: count === 0 ? ClockHint.of(catalogue.newestWord(), now) : Option.none()
  }
}
