/**
 * One subscription over all relays: takes what they send, lets through what is genuine, wanted
 * and new, and hands it on in batches at the consumer's pace.
 */
import { Filter, NostrEvent } from "@farthing/protocol"
import type { Clock, Pull } from "effect"
import { Cause, Duration, Effect, Result } from "effect"
import type { NonEmptyReadonlyArray } from "effect/Array"
import type * as IgnoredFrames from "./IgnoredFrames.ts"
import type { Inquiry } from "./Inquiries.ts"
import type { RelayConnection } from "./RelayConnection.ts"
import { Refused, RelayError, Unreachable } from "./RelayError.ts"
import * as SeenIds from "./SeenIds.ts"
import * as UnixTime from "./UnixTime.ts"
import type * as Verifier from "./Verifier.ts"

export interface Subscription {
  /** Batches of events; ends when the subscription is closed. */
  readonly pull: Pull.Pull<NonEmptyReadonlyArray<NostrEvent.NostrEvent>, RelayError>
  /** Gives up relays that stay silent; ends when no relay is waited for any more. */
  readonly watch: Effect.Effect<void>
  readonly close: () => void
}

export interface Options {
  readonly filters: ReadonlyArray<Filter.Filter>
  readonly connections: ReadonlyArray<RelayConnection>
  readonly verifier: Verifier.Verifier
  readonly ignored: IgnoredFrames.Count
  readonly clock: Clock.Clock
  readonly bufferSize: number
  /** For how long a relay may be silent before its EOSE. */
  readonly storedTimeout: Duration.Input
  /** Runs in the stream, after the stored events; may end it. */
  readonly onStored: Effect.Effect<void, Cause.Done>
  /** Fail if by then no relay has sent all that it had stored. */
  readonly complete: boolean
}

/**
 * How a relay stands to a subscription: `undefined` while its stored events are awaited. One that
 * is `unreachable` or `busy` will be asked again.
 */
type Standing = "stored" | "refused" | "busy" | "unreachable" | "silent" | undefined

interface Leg {
  standing: Standing
  /** Whether the relay could be reached, and has got our question. */
  asked: boolean
  /** When (unix seconds) the relay first had sent all that it had stored. */
  storedAt: number | undefined
  inquiry: Inquiry | undefined
}

/** What waits for the consumer, in frame bytes; small events count by number. */
const maxBufferedBytes = 16 * 1024 * 1024

/** How far events may be back-dated that come while a relay with a `limit` filter is away. */
const limitOverlapSeconds = 60

export const make = (options: Options): Subscription => {
  const { clock, connections, filters, ignored, verifier } = options
  const now = (): number => UnixTime.fromMillis(clock.currentTimeMillisUnsafe())
  const seen = SeenIds.make(now)
  const legs: ReadonlyArray<Leg> = connections.map(() => ({
    standing: undefined,
    asked: false,
    storedAt: undefined,
    inquiry: undefined
  }))
  const silenceMillis = Duration.toMillis(options.storedTimeout)
  const startedAt = clock.currentTimeMillisUnsafe()

  let buffer: Array<NostrEvent.NostrEvent> = []
  let bufferedBytes = 0
  let paused = false
  let stored: "awaited" | "due" | "told" = "awaited"
  let refusal = ""
  let failure: RelayError | undefined
  let closed = false
  let lastSign = startedAt
  let wake: (() => void) | undefined

  const awaken = (): void => {
    const waiting = wake
    wake = undefined
    waiting?.()
  }

  const receive = (raw: unknown, bytes: number): void => {
    lastSign = clock.currentTimeMillisUnsafe()
    if (paused || isSeen(raw)) return
    const decoded = NostrEvent.decode(raw)
    if (Result.isFailure(decoded)) return ignored("event")
    const event = decoded.success
    if (!Filter.anyMatches(filters, event)) return ignored("filter")
    if (!verifier.isGenuine(event)) return ignored("forged")
    seen.add(event.id, stored === "awaited")
    buffer.push(event)
    bufferedBytes += bytes
    if (buffer.length >= options.bufferSize || bufferedBytes >= maxBufferedBytes) pause()
    awaken()
  }

  // An id is seen once its event was verified. Another copy can say nothing new: an id commits
  // to the whole event.
  const isSeen = (raw: unknown): boolean =>
    typeof raw === "object" &&
    raw !== null &&
    "id" in raw &&
    typeof raw.id === "string" &&
    seen.has(raw.id)

  const pause = (): void => {
    paused = true
    for (const leg of legs) leg.inquiry?.pause()
  }

  const resume = (): void => {
    paused = false
    lastSign = clock.currentTimeMillisUnsafe()
    for (const leg of legs) leg.inquiry?.resume()
  }

  /** What to ask a relay for: all of it, and once it has sent that, whatever can be new. */
  const filtersFor = ({ storedAt }: Leg): ReadonlyArray<Filter.Filter> =>
    storedAt === undefined
      ? filters
      : filters.flatMap((filter) => resumed(filter, storedAt, seen.horizon()))

  const stand = (leg: Leg, standing: Standing): void => {
    leg.standing = standing
    review()
  }

  const review = (): void => {
    if (legs.some((leg) => leg.standing === undefined)) return
    if (legs.every((leg) => leg.standing === "refused"))
      failure ??= new RelayError({ reason: new Refused({ message: refusal }) })
    else if (options.complete && legs.every((leg) => leg.standing === "unreachable"))
      failure ??= nobodyThere()
    else if (legs.some(isDone) && stored === "awaited") stored = "due"
    awaken()
  }

  const isDone = (leg: Leg): boolean =>
    leg.standing === "stored" || (leg.standing === "silent" && !options.complete)

  /** The time is up: whoever has not answered is not waited for. */
  const giveUp = (): void => {
    for (const leg of legs) leg.standing ??= leg.asked ? "silent" : "unreachable"
    if (options.complete && !legs.some(isDone)) failure ??= nobodyThere()
    review()
  }

  const nobodyThere = (): RelayError =>
    new RelayError({
      reason: new Unreachable({
        urls: connections.map(({ url }) => url),
        message: connections
          .map(
            (it, index) => `${it.url}: ${legs[index]?.standing === "busy" ? refusal : it.trouble()}`
          )
          .join("; ")
      })
    })

  connections.forEach((connection, index) => {
    const leg = legs[index]!
    leg.inquiry = connection.ask({
      onAsk: () => {
        leg.asked = true
        if (leg.standing === "unreachable" || leg.standing === "busy") leg.standing = undefined
        return filtersFor(leg)
      },
      onEvent: receive,
      onStored: () => {
        leg.storedAt ??= now()
        stand(leg, "stored")
      },
      onRefused: (message) => {
        refusal = message
        stand(leg, "refused")
      },
      onPutOff: (message) => {
        refusal = message
        stand(leg, "busy")
      },
      onUnreachable: () => {
        leg.asked = false
        if (leg.standing === undefined) stand(leg, "unreachable")
      }
    })
  })

  const pull: Subscription["pull"] = Effect.suspend(() => {
    if (buffer.length > 0) {
      const batch = buffer
      buffer = []
      bufferedBytes = 0
      return Effect.succeed(batch as [NostrEvent.NostrEvent, ...Array<NostrEvent.NostrEvent>])
    }
    if (closed) return Cause.done()
    if (paused) resume()
    if (stored === "due") {
      stored = "told"
      return Effect.andThen(options.onStored, pull)
    }
    if (failure !== undefined) return Effect.fail(failure)
    return Effect.andThen(asleep, pull)
  })

  // Woken after the last frame of one read of the socket, so that they come in one batch.
  const asleep = Effect.callback<void>((resume) => {
    wake = () => queueMicrotask(() => resume(Effect.void))
    return Effect.sync(() => (wake = undefined))
  })

  const isAwaiting = (): boolean => stored === "awaited" && failure === undefined && !closed

  const watch = Effect.gen(function* () {
    let deadline = startedAt + 10 * silenceMillis
    while (isAwaiting()) {
      const time = clock.currentTimeMillisUnsafe()
      const left = Math.min((paused ? time : lastSign) + silenceMillis, deadline) - time
      if (left > 0) {
        yield* Effect.sleep(left)
      } else {
        giveUp()
        lastSign = time
        deadline = time + 10 * silenceMillis
      }
    }
  })

  return {
    pull,
    watch,
    close: () => {
      closed = true
      for (const leg of legs) leg.inquiry?.close()
      awaken()
    }
  }
}

/**
 * Beyond the horizon everything was passed on and forgotten; and a limit is for the first time,
 * as more events than that may have come since. The bounded filter goes along, because a clock
 * that is wrong must not keep live events away.
 */
const resumed = (
  filter: Filter.Filter,
  storedAt: number,
  horizon: number | undefined
): ReadonlyArray<Filter.Filter> => {
  const { limit, ...rest } = filter
  if (limit === undefined && horizon === undefined) return [filter]
  const since = Math.max(
    filter.since ?? 0,
    horizon ?? 0,
    limit === undefined ? 0 : storedAt - limitOverlapSeconds
  )
  return [
    { ...rest, limit: limit ?? 1 },
    { ...rest, since }
  ]
}
