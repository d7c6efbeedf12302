import { assert, describe, it } from "@effect/vitest"
import { type Filter, Key, type NostrEvent } from "@farthing/protocol"
import { Effect, Queue, Stream } from "effect"
import { Relay, UnixTime } from "../src/index.ts"
import * as Paging from "../src/Paging.ts"
import { following, ids, note, unsigned } from "./fixtures.ts"
import * as TestRelay from "./TestRelay.ts"

/** A relay that sends so few stored events for a filter, and a client that believes every signature. */
const capped = Effect.fnUntraced(function* (cap: number, stored: Iterable<NostrEvent.NostrEvent>) {
  const server = yield* TestRelay.make
  server.behaviour.cap = cap
  server.stored.push(...stored)
  const relay = yield* Relay.make({ urls: [server.url], verify: () => true })
  return { server, relay }
})

const second = 1_700_000_000

/** Unsigned events, so many in each second. */
const crowded = (
  count: number,
  perSecond: number,
  from = second
): ReadonlyArray<NostrEvent.NostrEvent> =>
  unsigned(count).map((event, index) => ({
    ...event,
    created_at: from + Math.floor(index / perSecond)
  }))

describe("a relay that sends fewer events than it has", () => {
  it.live("is read backwards, to the last one", () =>
    Effect.gen(function* () {
      const stored = unsigned(1_234)
      const { relay, server } = yield* capped(100, stored)
      const events = yield* relay.query([{ kinds: [1] }])
      assert.sameMembers([...ids(events)], [...ids(stored)])
      assert.isAtMost(server.framesOf("REQ").length, 14)
      yield* server.until(() => server.framesOf("CLOSE").length === server.framesOf("REQ").length)
    })
  )

  it.live("loses nothing where a page ends within a second", () =>
    Effect.gen(function* () {
      const stored = crowded(700, 30)
      const { relay } = yield* capped(100, stored)
      assert.sameMembers([...ids(yield* relay.query([{ kinds: [1] }]))], [...ids(stored)])
    })
  )

  it.live("is asked for fewer authors at a time about a second that is too full", () =>
    Effect.gen(function* () {
      const authors = Array.from({ length: 5 }, () => Key.publicKeyOf(Key.generate()))
      const stored = crowded(400, 300).map((event, index) => ({
        ...event,
        pubkey: authors[index % authors.length]!
      }))
      const { relay } = yield* capped(100, stored)
      assert.sameMembers([...ids(yield* relay.query([{ kinds: [1], authors }]))], [...ids(stored)])
    })
  )

  it.live("is asked for as many as it says that it sends about a second that is too full", () =>
    Effect.gen(function* () {
      const stored = crowded(400, 300)
      const { relay, server } = yield* capped(100, stored)
      server.behaviour.information = { limitation: { max_limit: 1_000 } }
      yield* relay.maxEventBytes
      server.behaviour.onRequest = (_, filters) => {
        server.behaviour.cap = filters.some(({ limit = 0 }) => limit > 100) ? 1_000 : 100
        return undefined
      }
      assert.sameMembers([...ids(yield* relay.query([{ kinds: [1] }]))], [...ids(stored)])
    })
  )

  it.live("that cannot be asked for fewer costs what it withholds, and no more", () =>
    Effect.gen(function* () {
      const stored = crowded(400, 300)
      const { relay } = yield* capped(100, stored)
      const events = yield* relay.query([{ kinds: [1] }])
      const older = events.filter(({ created_at }) => created_at === second)
      const newer = events.filter(({ created_at }) => created_at > second)
      assert.lengthOf(older, 100)
      assert.lengthOf(newer, 100)
    })
  )

  it("is said to withhold some of a second only where it sends no more than somebody might", () => {
    const withheld: Array<number> = []
    const read = (count: number, maxLimit?: number) => {
      const paging = Paging.make({
        maxLimit: () => maxLimit,
        onOutOfReach: () => withheld.push(count)
      })
      const answer = (before = Paging.makeAnswer()) => {
        for (const event of crowded(count, count)) before.note(event, true)
        return before
      }
      const edge = new Set(answer().edge())
      paging.add([{ filter: {}, until: second, downTo: second, left: Infinity, edge }], count)
      while (paging.next() !== undefined) paging.advance(answer(paging.answer()))
    }
    read(73)
    read(100)
    read(100, 5_000)
    read(100, 100)
    assert.deepStrictEqual(withheld, [100, 100])
  })

  it("costs a bounded memory, whatever it says was of one second", () => {
    const answer = Paging.makeAnswer()
    for (const event of crowded(50_000, 50_000)) answer.note(event, false)
    answer.note({ created_at: second, id: "x".repeat(100_000) }, false)
    assert.strictEqual(answer.count(), 50_001)
    assert.isBelow(answer.edge().length, 40_000)
  })

  it.live("is asked for no more than is wanted", () =>
    Effect.gen(function* () {
      const stored = unsigned(1_000)
      const { relay, server } = yield* capped(100, stored)
      const events = yield* relay.query([{ kinds: [1], limit: 250 }])
      assert.deepStrictEqual(ids(events), ids(stored.slice(-250).toReversed()))
      assert.lengthOf(server.framesOf("REQ"), 3)
      const since = second + 900
      assert.lengthOf(yield* relay.query([{ kinds: [1], since }]), 100)
    })
  )

  it.live("is read backwards for each of several filters", () =>
    Effect.gen(function* () {
      const stored = unsigned(900).map((event, index) => ({ ...event, kind: 1 + (index % 3) }))
      const { relay } = yield* capped(100, stored)
      const filters: ReadonlyArray<Filter.Filter> = [{ kinds: [1] }, { kinds: [2], limit: 200 }]
      const events = yield* relay.query(filters)
      assert.lengthOf(
        events.filter(({ kind }) => kind === 1),
        300
      )
      assert.lengthOf(
        events.filter(({ kind }) => kind === 2),
        200
      )
    })
  )

  it.live("is not read for ever where it ignores what it is asked", () =>
    Effect.gen(function* () {
      const { relay, server } = yield* capped(100, [])
      const noise = unsigned(100)
      server.behaviour.onRequest = () => {
        for (const event of noise) server.stored.push(event)
        for (const client of server.clients)
          for (const [, id] of server.framesOf("REQ").slice(-1))
            for (const event of noise) client.send(JSON.stringify(["EVENT", id, event]))
        return undefined
      }
      assert.lengthOf(yield* relay.query([{ kinds: [7] }]), 0)
      assert.isAtMost(server.framesOf("REQ").length, 25)
    })
  )

  it.live("brings all that came while it was away", () =>
    Effect.gen(function* () {
      const { relay, server } = yield* capped(100, [])
      const inbox = yield* following(relay, [{ kinds: [1] }])
      yield* server.down
      const missed = crowded(1_000, 30, yield* UnixTime.now)
      server.stored.push(...missed)
      yield* server.up
      assert.sameMembers([...ids(yield* Queue.takeN(inbox, 1_000))], [...ids(missed)])
      const last = note()
      server.forward(last)
      assert.strictEqual((yield* Queue.take(inbox)).id, last.id)
    })
  )

  it.live("and dies again and again loses and repeats none of 10,000 events", () =>
    Effect.gen(function* () {
      const { relay, server } = yield* capped(500, [])
      const now = yield* UnixTime.now
      const events = crowded(10_000, 300, now - 40)
      const inbox = yield* following(relay, [{ kinds: [1] }])
      const received: Array<NostrEvent.NostrEvent> = []
      for (let life = 0; life < 5; life++) {
        const all = events.slice(life * 2_000, (life + 1) * 2_000)
        for (const event of all.slice(0, 800)) server.forward(event)
        yield* server.down
        server.stored.push(...all.slice(800))
        yield* server.up
        received.push(...(yield* Queue.takeN(inbox, all.length)))
      }
      const last = note({ created_at: now })
      server.forward(last)
      assert.strictEqual((yield* Queue.take(inbox)).id, last.id)
      assert.strictEqual(new Set(ids(received)).size, events.length)
    })
  )

  it.live("is read as fast as the events are taken, and each comes once", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      server.behaviour.cap = 100
      const stored = unsigned(2_000)
      server.stored.push(...stored)
      const relay = yield* Relay.make({ urls: [server.url], verify: () => true, bufferSize: 256 })
      const taken = yield* relay.subscribe([{ kinds: [1] }]).pipe(
        Stream.tap(() => Effect.yieldNow),
        Stream.take(stored.length),
        Stream.runCollect
      )
      assert.sameMembers([...ids(taken)], [...ids(stored)])
    })
  )
})

describe("a relay with limits", () => {
  it.live("is asked for no larger limit than every relay takes, or than it states", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      const relay = yield* Relay.make({ urls: [server.url] })
      yield* relay.query([{ kinds: [1], limit: 10_000 }])
      assert.deepInclude(server.framesOf("REQ")[0]?.[2], { limit: 500 })
      const other = yield* TestRelay.make
      other.behaviour.information = { limitation: { max_limit: 5_000 } }
      const informed = yield* Relay.make({ urls: [other.url] })
      yield* informed.maxEventBytes
      yield* informed.query([{ kinds: [1], limit: 10_000 }])
      assert.deepInclude(other.framesOf("REQ")[0]?.[2], { limit: 5_000 })
    })
  )

  it.live("gets filters one by one where it refuses them together", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      const stored = [note({ kind: 1 }), note({ kind: 2 })]
      server.stored.push(...stored)
      server.behaviour.onRequest = (_, filters) =>
        filters.length > 1 ? "error: too many filters" : undefined
      const relay = yield* Relay.make({ urls: [server.url] })
      const events = yield* relay.query([{ kinds: [1] }, { kinds: [2] }])
      assert.sameMembers([...ids(events)], [...ids(stored)])
    })
  )

  it.live("gets the next subscription as soon as it has room", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      const running = () => server.framesOf("REQ").length - server.framesOf("CLOSE").length
      server.behaviour.information = { limitation: { max_subscriptions: 2 } }
      const relay = yield* Relay.make({ urls: [server.url] })
      yield* relay.maxEventBytes
      let most = 0
      server.behaviour.onRequest = () => {
        most = Math.max(most, running())
        return undefined
      }
      const kinds = [1, 2, 3, 4, 5, 6]
      for (const kind of kinds) server.stored.push(note({ kind }))
      const found = yield* Effect.forEach(kinds, (kind) => relay.query([{ kinds: [kind] }]), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(
        found.map(([event]) => event?.kind),
        kinds
      )
      assert.isAtMost(most, 2)
    })
  )
})
