/** Relays that die or dawdle, and how little of it their clients notice. */
import { RelayServer } from "@farthing/devnet"
import type { NostrEvent } from "@farthing/protocol"
import { Relay, UnixTime } from "@farthing/relay"
import * as OtherRelay from "@farthing/trials/OtherRelay"
import { Deferred, Effect, Fiber, Ref, Stream } from "effect"
import type { Scope } from "effect"
import * as Alternate from "../src/Alternate.ts"
import * as Duel from "../src/Duel.ts"
import * as Events from "../src/Events.ts"
import * as Hop from "../src/Hop.ts"
import * as Processes from "../src/Processes.ts"
import { atMost, measured, type Row } from "../src/Row.ts"
import { median } from "../src/Statistics.ts"
import { timed } from "../src/Stopwatch.ts"
import * as Wire from "../src/Wire.ts"
import type { Performance } from "../src/Workload.ts"

const published = 10_000
const deaths = 20

/** Of the events, for each life. */
const share = published / deaths

/** Hears everything, and counts. */
const listener = Effect.fnUntraced(function* (url: string, since: number) {
  const relay = yield* Relay.make({ urls: [url] })
  const heard = new Map<NostrEvent.EventId, number>()
  const ready = yield* Deferred.make<void>()
  let next: Deferred.Deferred<void> | undefined
  let all = 0
  yield* relay
    .subscribe([{ kinds: [1], since }], { onStored: Deferred.completeWith(ready, Effect.void) })
    .pipe(
      Stream.runForEach(({ id }) =>
        Effect.sync(() => {
          all++
          heard.set(id, (heard.get(id) ?? 0) + 1)
          if (next !== undefined) Deferred.doneUnsafe(next, Effect.void)
        })
      ),
      Effect.forkScoped
    )
  yield* Deferred.await(ready)
  return {
    /** Waits for another event. */
    another: Effect.suspend(() => {
      next = Deferred.makeUnsafe()
      return Deferred.await(next)
    }),
    heardAll: (count: number) =>
      Effect.repeat(Effect.sleep("10 millis"), { until: () => heard.size >= count }),
    lost: () => published - heard.size,
    repeated: () => all - heard.size
  }
})

/** All that is published is of one second: who reads it has to know that it gets all of it. */
const asStated: OtherRelay.Make = {
  manners: [],
  information: { limitation: { max_limit: 2 * published } }
}

/** Somebody publishes all the time, and the relay between dies again and again. */
export const resume: Row = {
  name: "resume",
  title: "a relay that dies in the middle",
  measure: Effect.gen(function* () {
    const upstream = yield* Processes.relay
    const relay = yield* OtherRelay.make(upstream, asStated)
    const wire = yield* Wire.connect(upstream)
    const now = yield* UnixTime.now
    const events = Events.notes(published, now)
    const publish = (from: number, to: number) =>
      Effect.promise(() => wire.publish(events.slice(from, to)))
    const all = yield* listener(relay.url, now)

    /** A death between two events, and how long it is until somebody who came lately hears the next. */
    const life = Effect.fnUntraced(function* (begin: number) {
      const middle = begin + share / 2
      const { another, heardAll } = yield* listener(relay.url, now)
      yield* publish(begin, middle)
      yield* heardAll(middle)
      const hearing = yield* Effect.forkScoped(timed(another), { startImmediately: true })
      yield* Effect.andThen(relay.down, relay.up)
      yield* publish(middle, begin + share)
      const { wall } = yield* Fiber.join(hearing)
      return wall * 1_000
    }, Effect.scoped)
    const lives = Array.from({ length: deaths }, (_, death) => death * share)
    const millis = yield* Effect.forEach(lives, life)
    yield* Effect.timeoutOption(all.heardAll(published), "5 seconds")
    return measured([
      {
        what: `from the abrupt death of a relay to the next event: median of ${deaths}`,
        unit: "ms",
        value: median(millis),
        bar: atMost("value", 500)
      },
      {
        what: `events lost by who heard all of these deaths, of ${published}`,
        unit: "events",
        value: all.lost(),
        bar: atMost("value", 0)
      },
      {
        what: "events that came to it twice",
        unit: "events",
        value: all.repeated(),
        bar: atMost("value", 0)
      }
    ])
  })
}

const task = { ...Duel.oneAtATime, warmUp: 100, jobs: 100 }

/** Which place of its list a customer gives to the healthy relay is not for it to know. */
const places = 3

/**
 * The median purchase over one relay. The two that ail keep their events in memory, as in the world
 * they have disks of their own: those of the healthy one and of the market are on one, too.
 */
const overHealthy = Effect.gen(function* () {
  return yield* Duel.over([yield* Processes.relay], task)
})

/** The same over two more, of which one dawdles and one dies in the midst of it. */
const overAiling = Effect.fnUntraced(function* (place: number) {
  const healthy = yield* Processes.relay
  const slow = yield* Hop.before(yield* inMemory, 100)
  const dying = yield* OtherRelay.make(yield* inMemory)
  const death = Effect.forkDetach(Effect.delay(dying.down, "300 millis"))
  const all = [dying.url, slow].toSpliced(place, 0, healthy)
  return yield* Duel.over(all, task, Effect.asVoid(death))
})

const inMemory = Effect.map(RelayServer.make(), ({ url }) => url)

const median50 = <E, R>(side: Effect.Effect<Performance, E, R | Scope.Scope>) =>
  Effect.map(Effect.scoped(side), ({ p50 }) => p50)

export const relays: Row = {
  name: "relays",
  title: "three relays, of which one is slow and one dies",
  measure: Effect.gen(function* () {
    const round = yield* Ref.make(0)
    const next = Ref.getAndUpdate(round, (place) => (place + 1) % places)
    const { baseline, ours } = yield* Alternate.medians({
      rounds: 3,
      ours: median50(Effect.flatMap(next, overAiling)),
      baseline: median50(overHealthy)
    })
    return measured([
      {
        what: "a purchase over three relays, one slow, one dying: p50",
        unit: "ms",
        value: ours,
        baseline: { name: "over the healthy one alone", value: baseline },
        bar: atMost("ratio", 1.2)
      }
    ])
  })
}
