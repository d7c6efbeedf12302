/**
 * One live view of the market: opens on what is stored, hears the relays, and writes down what it
 * hears.
 */
import type { Filter, Key, NostrEvent } from "@farthing/protocol"
import { AgentMessage, Announcement } from "@farthing/protocol"
import { Relay, UnixTime } from "@farthing/relay"
import type { Scope } from "effect"
import { Array as Arr, Deferred, Effect, Latch, Option, PubSub, Stream } from "effect"
import type * as AnnouncementTable from "./AnnouncementTable.ts"
import * as Catalogue from "./Catalogue.ts"
import { type RelayUnavailable, relayUnavailable } from "./ComputeError.ts"
import type { Treasury } from "@farthing/budget"
import type { Provider } from "./Provider.ts"

export interface LiveMarket {
  readonly catalogue: Catalogue.Catalogue
  /** Each announcement as it comes, for as long as somebody listens. */
  readonly news: Effect.Effect<PubSub.Subscription<Provider>, never, Scope.Scope>
  /** Open once the relays have sent what they had. */
  readonly stored: Latch.Latch
  /** Open once the relays have sent what they had and somebody sells. */
  readonly settled: Latch.Latch
  readonly failed: Deferred.Deferred<never, RelayUnavailable>
  /** Writes down what was heard so far. */
  readonly write: Effect.Effect<void, Treasury.LedgerUnavailable>
}

export interface Options extends Omit<Catalogue.Options, "proven"> {
  /** Who is heard however many others there are. */
  readonly proven: Effect.Effect<ReadonlyArray<Key.PublicKey>, { readonly message: string }>
}

/** Seconds to look back; what is older is void unless it says otherwise. */
const lookBack = 7 * 24 * 3600

/** Seconds by which a relay is asked again for what it had sent: words come late, clocks differ. */
const overlap = 3600

/** Words of a relay that came late: the most that are asked for, and how many at once. */
const mostLate = 2_000
const idsAtOnce = 250

/** Nothing is written while relays send what they had stored, unless that takes longer. */
const longestFill = "30 seconds"

/** Between two writes, and after one that failed. */
const writeInterval = "1 second"
const writeRetry = "30 seconds"

/** What is not written by then, when the market closes, will be heard again. */
const lastWrite = "2 seconds"

/** What a slow listener may fall behind. */
const mostNews = 10_000

export const open = Effect.fnUntraced(function* (
  relay: Relay.Shape,
  table: AnnouncementTable.AnnouncementTable,
  options: Options,
  giveUp: Effect.Effect<void>
): Effect.fn.Return<LiveMarket, Treasury.LedgerUnavailable, Scope.Scope> {
  const proven = yield* heardAnyway(options.proven)
  const start = yield* UnixTime.now
  const storedAt = yield* table.storedAt
  const catalogue = yield* Catalogue.open(table, { ...options, proven })
  const { book } = catalogue
  const news = yield* PubSub.sliding<Provider>(mostNews)
  const stored = yield* Latch.make()
  const settled = yield* Latch.make()
  const failed = yield* Deferred.make<never, RelayUnavailable>()
  let listeners = 0

  const settle = Effect.flatMap(UnixTime.now, (now) =>
    stored.isOpen() && book.count(now) > 0 ? settled.open : Effect.void
  )

  const hear = Effect.fnUntraced(function* (events: ReadonlyArray<NostrEvent.NostrEvent>) {
    const told: Array<Provider> = []
    catalogue.hear(events, yield* UnixTime.now, (provider) => {
      if (listeners > 0) told.push(provider())
    })
    if (told.length > 0) yield* PubSub.publishAll(news, told)
    yield* settle
  })

  /** Relays that have sent all that they had, and when (unix seconds) that was. */
  const complete = new Map<string, number>()

  const write = Effect.gen(function* () {
    const reached = [...complete]
    yield* catalogue.write
    for (const [url, at] of reached) {
      yield* table.stored(url, at)
      if (complete.get(url) === at) complete.delete(url)
    }
  })

  const keepWriting = Effect.gen(function* () {
    yield* Effect.timeoutOption(stored.await, longestFill)
    while (true) {
      yield* Effect.catch(write, (error) =>
        Effect.andThen(
          Effect.logWarning("Announcements could not be stored", error.message),
          Effect.sleep(writeRetry)
        )
      )
      yield* Effect.sleep(writeInterval)
    }
  })

  // Before the subscription, so that what it brings last is written too.
  yield* Effect.addFinalizer(() => Effect.ignore(Effect.timeout(write, lastWrite)))
  yield* Effect.forkScoped(keepWriting)

  const filter = { kinds: [Announcement.kind], since: start - lookBack }
  const questions: ReadonlyArray<Filter.Filter> = [
    { ...filter, limit: options.capacity },
    // Relays send the newest first and no more than they like: strangers must not be all of them.
    ...(proven.length === 0 ? [] : [{ ...filter, authors: proven }])
  ]

  const scope = yield* Effect.scope

  /** Asks what `since` cannot ask for: words that came late to a relay, or were dated back. */
  const catchUp = Effect.fnUntraced(
    function* (url: string) {
      const now = yield* UnixTime.now
      const held = book.words(now).filter(({ createdAt }) => createdAt >= filter.since)
      const difference = yield* relay.difference(
        url,
        { ...filter, "#k": [String(AgentMessage.textGeneration)] },
        held.map(({ createdAt, id }) => ({ created_at: createdAt, id }))
      )
      const missing = Option.getOrElse(difference, () => []).filter((id) => !book.knows(id))
      const unknown = yield* table.unknownOf(missing.slice(0, mostLate))
      for (const ids of Arr.chunksOf(unknown, idsAtOnce))
        yield* hear(yield* relay.query([{ ids }], { timeout: "10 seconds" }))
    },
    Effect.catch((error) => Effect.logDebug("What came late to a relay is not known", error))
  )

  const onRelayStored = Effect.fnUntraced(function* (url: string) {
    complete.set(url, yield* UnixTime.now)
    if (storedAt.has(url)) yield* Effect.forkIn(catchUp(url), scope)
  })

  let unanswered = questions.length
  const answered = Effect.suspend(() =>
    --unanswered > 0 ? Effect.void : Effect.andThen(stored.open, settle)
  )

  const ask = (question: Filter.Filter, place: number) =>
    relay
      .subscribe([question], {
        onStored: answered,
        since: (url) => sinceOf(storedAt.get(url), start),
        isKnown: book.knows,
        ...(place === 0 ? { onRelayStored } : {})
      })
      .pipe(Stream.runForEachArray(hear))

  yield* Effect.forEach(questions, ask, { concurrency: "unbounded", discard: true }).pipe(
    Effect.catch((error) => Effect.andThen(Deferred.fail(failed, relayUnavailable(error)), giveUp)),
    Effect.forkScoped({ startImmediately: true })
  )

  const listen = Effect.acquireRelease(
    Effect.sync(() => {
      listeners++
    }),
    () =>
      Effect.sync(() => {
        listeners--
      })
  ).pipe(Effect.andThen(PubSub.subscribe(news)))

  return { catalogue, news: listen, stored, settled, failed, write }
})

/** A date that lies ahead was written by a clock that was wrong: all is asked for again. */
const sinceOf = (storedAt: number | undefined, now: number): number | undefined =>
  storedAt === undefined || storedAt > now ? undefined : storedAt - overlap

/** What a relay takes in one filter. */
const mostAuthors = 500

/** Without the journal everybody is a stranger. */
const heardAnyway = (proven: Options["proven"]) =>
  proven.pipe(
    Effect.map((keys) => keys.slice(0, mostAuthors)),
    Effect.catch(({ message }) =>
      Effect.as(Effect.logWarning("Nobody is known to have delivered", message), [])
    )
  )
