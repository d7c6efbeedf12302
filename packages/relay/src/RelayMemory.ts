/**
 * A relay in this process, for tests: keeps, replaces, filters and forwards events as NIP-01
 * says, and refuses forged ones.
 */
import { Filter, NostrEvent } from "@farthing/protocol"
import { Effect, Option, Queue, Stream } from "effect"
import type { PublishReport, Shape } from "./Relay.ts"
import { QuorumMissed, RelayError } from "./RelayError.ts"
import * as UnixTime from "./UnixTime.ts"

const url = "memory:"

export const make: Effect.Effect<Shape> = Effect.sync(() => {
  /** By id, or by address for kinds of which the newest replaces the others. */
  const events = new Map<string, NostrEvent.NostrEvent>()
  const listeners = new Set<(event: NostrEvent.NostrEvent) => void>()

  const storedFor = (
    filters: ReadonlyArray<Filter.Filter>,
    now: number
  ): ReadonlyArray<NostrEvent.NostrEvent> => {
    const living = [...events.values()]
      .filter((event) => !NostrEvent.isExpired(event, now))
      .toSorted(NostrEvent.newestFirst)
    const wanted = filters.flatMap((filter) =>
      living.filter((event) => Filter.matches(filter, event)).slice(0, filter.limit)
    )
    return [...new Set(wanted)].toSorted(NostrEvent.newestFirst)
  }

  const take = (event: NostrEvent.NostrEvent, now: number): { ok: boolean; message: string } => {
    if (!NostrEvent.verify(event)) return { ok: false, message: "invalid: id or signature" }
    if (NostrEvent.isExpired(event, now)) return { ok: false, message: "invalid: expired" }
    if (!NostrEvent.isEphemeral(event.kind)) {
      const address = NostrEvent.addressOf(event) ?? event.id
      const held = events.get(address)
      if (held?.id === event.id) return { ok: true, message: "duplicate: have it" }
      if (held !== undefined && NostrEvent.newestFirst(held, event) < 0)
        return { ok: true, message: "duplicate: have a newer one" }
      events.set(address, event)
    }
    for (const tell of listeners) tell(event)
    return { ok: true, message: "" }
  }

  return {
    urls: [url],
    connected: Effect.succeed([url]),
    maxEventBytes: Effect.succeed(48_000),
    publish: (event) =>
      Effect.flatMap(UnixTime.now, (now): Effect.Effect<PublishReport, RelayError> => {
        const { message, ok } = take(event, now)
        return ok
          ? Effect.succeed({ event, outcomes: [{ _tag: "Accepted", url, message }] })
          : Effect.fail(
              new RelayError({ reason: new QuorumMissed({ accepted: 0, quorum: 1, message }) })
            )
      }),
    subscribe: (filters, options) =>
      Stream.unwrap(
        Effect.gen(function* () {
          const live = yield* Queue.unbounded<NostrEvent.NostrEvent>()
          const tell = (event: NostrEvent.NostrEvent): void => {
            if (Filter.anyMatches(filters, event)) Queue.offerUnsafe(live, event)
          }
          const stored = storedFor(filters, yield* UnixTime.now)
          yield* Effect.acquireRelease(
            Effect.sync(() => listeners.add(tell)),
            () => Effect.sync(() => listeners.delete(tell))
          )
          return Stream.fromIterable(stored).pipe(
            Stream.concat(Stream.drain(Stream.fromEffect(options?.onStored ?? Effect.void))),
            Stream.concat(Stream.fromQueue(live))
          )
        })
      ),
    query: (filters) => Effect.map(UnixTime.now, (now) => storedFor(filters, now)),
    difference: (_, filter, held) =>
      Effect.map(UnixTime.now, (now) => {
        const known = new Set(held.map(({ id }) => id))
        const missing = storedFor([filter], now).filter(({ id }) => !known.has(id))
        return Option.some(missing.map(({ id }) => id))
      })
  }
})
