/**
 * One subscription over all relays: takes what they send, lets through what is genuine, wanted
 * and new, and hands it on in batches at the consumer's pace. Signatures are checked a batch at a
 * time too: the tables of the curve stay in the processor's cache then.
 */
import { Filter, NostrEvent } from "@farthing/protocol"
import type { Clock, Pull } from "effect"
import { Array as Arr, Cause, Duration, Effect, Result } from "effect"
import type { NonEmptyReadonlyArray } from "effect/Array"
import type * as IgnoredFrames from "./IgnoredFrames.ts"
import type { RelayConnection } from "./RelayConnection.ts"
import * as Reading from "./Reading.ts"
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
  /** Runs in the stream, after what a relay had stored. */
  readonly onRelayStored?: ((url: string) => Effect.Effect<void>) | undefined
  /** Unix seconds: a relay is not asked for what is older. */
  readonly since?: ((url: string) => number | undefined) | undefined
  /** What the consumer has already. */
  readonly isKnown?: ((id: string) => boolean) | undefined
  /** A relay has more events of a unix second than it ever sends. */
  readonly onOutOfReach: (url: string, second: number) => void
}

/** What waits for the consumer, in frame bytes; small events count by number. */
const maxBufferedBytes = 16 * 1024 * 1024

/** So many are checked and handed on at once; then it is others' turn. */
const mostAtOnce = 256

export const make = (options: Options): Subscription => {
  const { clock, connections, filters, ignored, isKnown, onRelayStored, verifier } = options
  const now = (): number => UnixTime.fromMillis(clock.currentTimeMillisUnsafe())
  const seen = SeenIds.make(now)
  const silenceMillis = Duration.toMillis(options.storedTimeout)
  const startedAt = clock.currentTimeMillisUnsafe()

  /** What has arrived; nobody knows yet whether it is genuine. */
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

  const receive = (raw: unknown, bytes: number): boolean => {
    lastSign = clock.currentTimeMillisUnsafe()
    if (paused) return false
    const decoded = NostrEvent.decode(raw)
    if (Result.isFailure(decoded)) return leave("event")
    const event = decoded.success
    if (isTaken(event.id)) return true
    if (!Filter.anyMatches(filters, event)) return leave("filter")
    buffer.push(event)
    bufferedBytes += bytes
    if (buffer.length >= options.bufferSize || bufferedBytes >= maxBufferedBytes) pause()
    awaken()
    return true
  }

  /** Another copy may have arrived before the first was checked; it is known by then. */
  const isGenuine = (event: NostrEvent.NostrEvent): boolean =>
    verifier.isGenuine(event) ? seen.add(event.id, stored !== "told") : leave("forged")

  const leave = (reason: IgnoredFrames.Reason): false => {
    ignored(reason)
    return false
  }

  // An id is seen once its event was verified. Another copy can say nothing new: an id commits
  // to the whole event.
  const isTaken = (id: string): boolean => seen.has(id) || (isKnown !== undefined && isKnown(id))

  const isCopy = (id: string): boolean => {
    if (paused || !isTaken(id)) return false
    lastSign = clock.currentTimeMillisUnsafe()
    return true
  }

  const pause = (): void => {
    paused = true
    for (const reading of readings) reading.pause()
  }

  const resume = (): void => {
    paused = false
    lastSign = clock.currentTimeMillisUnsafe()
    for (const reading of readings) reading.resume()
  }

  const review = (): void => {
    const standings = readings.map((reading) => reading.standing())
    if (readings.length < connections.length || standings.includes(undefined)) return
    if (standings.every((standing) => standing === "refused"))
      failure ??= new RelayError({ reason: new Refused({ message: refusal }) })
    else if (options.complete && standings.every((standing) => standing === "unreachable"))
      failure ??= nobodyThere()
    else if (standings.some(isDone) && stored === "awaited") stored = "due"
    awaken()
  }

  const isDone = (standing: Reading.Standing): boolean =>
    standing === "stored" || (standing === "silent" && !options.complete)

  /** The time is up: whoever has not answered is not waited for. */
  const giveUp = (): void => {
    for (const reading of readings) reading.giveUp()
    if (options.complete && !readings.some((it) => isDone(it.standing()))) failure ??= nobodyThere()
    review()
  }

  const nobodyThere = (): RelayError =>
    new RelayError({
      reason: new Unreachable({
        urls: connections.map(({ url }) => url),
        message: connections.map((it, index) => `${it.url}: ${troubleOf(it, index)}`).join("; ")
      })
    })

  const troubleOf = (connection: RelayConnection, index: number): string =>
    readings[index]?.standing() === "busy" ? refusal : connection.trouble()

  const readings: Array<Reading.Reading> = []
  for (const connection of connections)
    readings.push(
      Reading.make({
        filters: filters.map((filter) => raised(filter, options.since?.(connection.url))),
        connection,
        clock,
        complete: options.complete,
        take: receive,
        isCopy,
        hasRoom: () => buffer.length < options.bufferSize / 2,
        horizon: seen.horizon,
        onChange: () => {
          review()
          if (onRelayStored !== undefined) awaken()
        },
        onRefusal: (message) => (refusal = message),
        onOutOfReach: (second) => options.onOutOfReach(connection.url, second)
      })
    )
  review()

  const pull: Subscription["pull"] = Effect.suspend(() => {
    if (buffer.length > mostAtOnce) return handOn(buffer.splice(0, mostAtOnce))
    if (buffer.length > 0) {
      const rest = buffer
      buffer = []
      bufferedBytes = 0
      return handOn(rest)
    }
    if (closed) return Cause.done()
    if (paused) resume()
    const relay = onRelayStored === undefined ? undefined : untold()
    if (relay !== undefined) return Effect.andThen(onRelayStored!(relay), pull)
    if (stored === "due") {
      stored = "told"
      return Effect.andThen(options.onStored, pull)
    }
    if (failure !== undefined) return Effect.fail(failure)
    return Effect.andThen(asleep, pull)
  })

  const handOn = (arrived: ReadonlyArray<NostrEvent.NostrEvent>): Subscription["pull"] => {
    const batch = arrived.filter(isGenuine)
    for (const reading of readings) reading.proceed()
    if (!Arr.isReadonlyArrayNonEmpty(batch)) return Effect.andThen(Effect.yieldNow, pull)
    return buffer.length === 0 ? Effect.succeed(batch) : Effect.as(Effect.yieldNow, batch)
  }

  const told = new Set<string>()

  /** A relay that has sent all that it had stored, of which nobody was told. */
  const untold = (): string | undefined => {
    const index = readings.findIndex(
      (reading, place) => reading.standing() === "stored" && !told.has(connections[place]!.url)
    )
    const url = connections[index]?.url
    if (url !== undefined) told.add(url)
    return url
  }

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
      for (const reading of readings) reading.close()
      awaken()
    }
  }
}

const raised = (filter: Filter.Filter, since: number | undefined): Filter.Filter =>
  since === undefined || since <= (filter.since ?? 0) ? filter : { ...filter, since }
