/** The devnet's relay, and our client at it. */
import { NostrEvent } from "@farthing/protocol"
import { Relay, UnixTime } from "@farthing/relay"
import { Effect, Stream } from "effect"
import * as Alternate from "../src/Alternate.ts"
import * as Events from "../src/Events.ts"
import * as Processes from "../src/Processes.ts"
import { atLeast, atMost, measured, type Row } from "../src/Row.ts"
import { median } from "../src/Statistics.ts"
import { timed, timedSync } from "../src/Stopwatch.ts"
import * as Wire from "../src/Wire.ts"

const publishing = Effect.fnUntraced(function* (url: string) {
  const wire = yield* Wire.connect(url)
  const events = Events.notes(10_000, yield* UnixTime.now)
  const { wall } = yield* timed(Effect.promise(() => wire.publish(events)))
  return {
    what: "the devnet's relay: events published, each on disk before its OK",
    unit: "events/s",
    value: events.length / wall,
    bar: atLeast("value", 4_000)
  }
})

const hop = Effect.fnUntraced(function* (url: string) {
  const [author, listener] = yield* Effect.all([Wire.connect(url), Wire.connect(url)])
  const now = yield* UnixTime.now
  listener.send(["REQ", "live", { kinds: [1], since: now, limit: 0 }])
  yield* Effect.promise(() => listener.listen((frame) => frame.startsWith('["EOSE"')))
  const millis: Array<number> = []
  for (const event of Events.notes(300, now)) {
    const heard = listener.listen((frame) => frame.includes(event.id))
    const { wall } = yield* timed(
      Effect.promise(async () => {
        author.send(["EVENT", event])
        await heard
      })
    )
    millis.push(wall * 1_000)
  }
  return {
    what: "the devnet's relay: from publisher to subscriber, p50",
    unit: "ms",
    value: median(millis),
    bar: atMost("value", 2)
  }
})

const query = Effect.fnUntraced(function* (url: string) {
  const wire = yield* Wire.connect(url)
  const millis: Array<number> = []
  for (let round = 0; round < 100; round++) {
    const { wall } = yield* timed(Effect.promise(() => wire.ask({ kinds: [1], limit: 50 })))
    millis.push(wall * 1_000)
  }
  return {
    what: "the devnet's relay: the newest 50 of 100,000 events, p50",
    unit: "ms",
    value: median(millis),
    bar: atMost("value", 2)
  }
})

export const server: Row = {
  name: "relay",
  title: "the devnet's relay",
  measure: Effect.gen(function* () {
    const url = yield* Processes.relay
    const published = yield* publishing(url)
    const hopped = yield* hop(url)
    const wire = yield* Wire.connect(url)
    const more = Events.notes(90_000, (yield* UnixTime.now) - 60)
    yield* Effect.promise(() => wire.publish(more))
    return measured([published, hopped, yield* query(url)])
  })
}

const stored = 20_000

/** How fast stored events come through the client, per second of this process's processor. */
const reading = (url: string, verify?: () => boolean) =>
  Effect.gen(function* () {
    const relay = yield* Relay.make({ urls: [url], ...(verify === undefined ? {} : { verify }) })
    const { cpu } = yield* timed(
      relay.subscribe([{ kinds: [1] }]).pipe(Stream.take(stored), Stream.runDrain)
    )
    return stored / cpu
  }).pipe(Effect.scoped)

/** The least that has to be done with the same frames. */
const checking = (frames: ReadonlyArray<string>) =>
  Effect.sync(() => {
    const { cpu } = timedSync(() => {
      for (const frame of frames) NostrEvent.verify(JSON.parse(frame)[2])
    })
    return stored / cpu
  })

export const client: Row = {
  name: "client",
  title: "the relay client",
  measure: Effect.gen(function* () {
    const url = yield* Processes.relay
    const wire = yield* Wire.connect(url)
    const events = Events.notes(stored, yield* UnixTime.now)
    yield* Effect.promise(() => wire.publish(events))
    const frames = events.map((event) => JSON.stringify(["EVENT", "stored", event]))
    const verified = yield* Alternate.medians({
      rounds: 5,
      ours: reading(url),
      baseline: checking(frames)
    })
    const unverified = yield* Effect.replicateEffect(
      reading(url, () => true),
      5
    )
    return measured([
      {
        what: `${stored} stored events through the client`,
        unit: "events/CPU-s",
        value: verified.ours,
        baseline: { name: "parse, id and signature alone", value: verified.baseline },
        bar: atLeast("ratio", 0.8)
      },
      {
        what: "the same, signatures not counted",
        unit: "events/CPU-s",
        value: median(unverified),
        bar: atLeast("value", 50_000)
      }
    ])
  })
}
