/**
 * A market of very many announcements over real relays, kept in a real file: found, remembered
 * over a restart, refreshed by what has changed, and bounded under a flood.
 */
import { assert, describe, it } from "@effect/vitest"
import { Discovery } from "@farthing/compute"
import { RelayServer } from "@farthing/devnet"
import { AgentMessage, Announcement, Key, Msat, NostrEvent } from "@farthing/protocol"
import { Relay, UnixTime } from "@farthing/relay"
import { Sqlite } from "@farthing/sqlite"
import { Context, Effect, FileSystem, Layer, Option, Stream } from "effect"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { DatabaseSync } from "node:sqlite"
import { join } from "node:path"

const price = Msat.make

/** A word of a provider, signed; by default it sells from now on for half an hour. */
const word = (
  key: Key.SecretKey,
  at: number,
  change: Partial<Announcement.Announcement> = {}
): NostrEvent.NostrEvent =>
  NostrEvent.sign(
    Announcement.toTemplate(
      {
        identifier: "offer",
        name: "provider",
        about: "",
        picture: Option.none(),
        lud16: Option.none(),
        channel: NostrEvent.EventId.make("c".repeat(64)),
        relays: [],
        network: Option.some("regtest"),
        price: Option.some(price(5_000)),
        models: ["tiny"],
        modelPrices: {},
        kinds: [AgentMessage.textGeneration],
        capabilities: [],
        settlements: ["upfront"],
        tagsAnswers: true,
        online: true,
        expiresAt: Option.some(at + 1_800),
        ...change
      },
      at
    ),
    key
  )

/** A folder for a home, gone afterwards. */
const folder = Effect.flatMap(FileSystem.FileSystem, (fs) =>
  fs.makeTempDirectoryScoped({ prefix: "farthing-discovery-" })
)

const publish = Effect.fnUntraced(function* (
  url: string,
  events: ReadonlyArray<NostrEvent.NostrEvent>
) {
  const relay = yield* Relay.make({ urls: [url] })
  yield* Effect.forEach(events, (event) => relay.publish(event), {
    concurrency: 500,
    discard: true
  })
}, Effect.scoped)

/** One life of somebody who looks for providers; counts what has to be verified. */
const life = <A, E>(
  options: {
    readonly urls: ReadonlyArray<string>
    readonly home: string
    readonly capacity?: number
  },
  look: (discovery: Discovery.Shape, verified: () => number) => Effect.Effect<A, E>
) => {
  let verified = 0
  const verify = (event: NostrEvent.NostrEvent): boolean => {
    verified++
    return NostrEvent.verify(event)
  }
  const { capacity = 100_000, home, urls } = options
  return Layer.build(
    Discovery.layer({ network: "regtest", capacity }).pipe(
      Layer.provide([
        Relay.layer({ urls, verify, storedTimeout: "1 second" }),
        Sqlite.layer({ filename: join(home, "home.db") })
      ])
    )
  ).pipe(
    Effect.flatMap((context) => look(Context.get(context, Discovery.Discovery), () => verified)),
    Effect.scoped
  )
}

const wish = (change: Partial<Discovery.Wanted> = {}) =>
  Effect.map(UnixTime.now, (now): Discovery.Wanted => ({
    budget: price(1_000_000),
    selection: {},
    settlement: ["upfront"],
    limit: 3,
    now,
    ...change
  }))

const cheapest = Effect.fnUntraced(function* (discovery: Discovery.Shape) {
  const { rank } = yield* discovery.discover("10 seconds")
  const ranked = yield* rank(yield* wish(), new Map())
  return ranked.map(({ price }): number | null => Option.getOrNull(price))
})

const rowsIn = (home: string): number => {
  const db = new DatabaseSync(join(home, "home.db"), { readOnly: true })
  const row = db.prepare("SELECT count(*) AS count FROM compute_announcement").get()
  db.close()
  return Number(row?.["count"])
}

const people = (count: number) => Array.from({ length: count }, () => Key.generate())

describe("a market over relays and a file", () => {
  it.live("is found on several relays, each announcement verified once", () =>
    Effect.gen(function* () {
      const now = yield* UnixTime.now
      const home = yield* folder
      const events = people(300).map((key, n) =>
        word(key, now - n, { price: Option.some(price(1_000 + n)) })
      )
      // Relays of which one sends few at a time, and one has only a part.
      const urls = yield* Effect.forEach([{}, { maxLimit: 60, defaultLimit: 60 }, {}], (limits) =>
        Effect.map(RelayServer.make({ limits }), ({ url }) => url)
      )
      yield* publish(urls[0]!, events)
      yield* publish(urls[1]!, events)
      yield* publish(urls[2]!, events.slice(0, 100))
      yield* life({ urls, home }, (discovery, verified) =>
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* cheapest(discovery), [1_000, 1_001, 1_002])
          const { all, count } = yield* discovery.discover("10 seconds")
          assert.strictEqual(count, 300)
          assert.lengthOf(yield* all, 300)
          assert.strictEqual(verified(), 300)
        })
      )
      assert.strictEqual(rowsIn(home), 300)
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.live("opens on what is stored, and asks for no more than what has changed", () =>
    Effect.gen(function* () {
      const now = yield* UnixTime.now
      const home = yield* folder
      const { url } = yield* RelayServer.make()
      const keys = people(200)
      const at = now - 60
      yield* publish(
        url,
        keys.map((key, n) => word(key, at, { price: Option.some(price(1_000 + n)) }))
      )
      const urls = [url]
      yield* life({ urls, home }, (discovery, verified) =>
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* cheapest(discovery), [1_000, 1_001, 1_002])
          assert.strictEqual(verified(), 200)
        })
      )
      yield* publish(url, [
        word(keys[0]!, now, { online: false }),
        word(keys[1]!, now, { price: Option.some(price(9_000)) }),
        word(Key.generate(), now, { price: Option.some(price(1_500)) }),
        // Came late to the relay, and is dated before what `since` asks for.
        word(Key.generate(), now - 3 * 3_600, {
          price: Option.some(price(10)),
          expiresAt: Option.some(now + 600)
        })
      ])
      yield* life({ urls, home }, (discovery, verified) =>
        Effect.gen(function* () {
          const seen = yield* discovery.watch.pipe(
            Stream.filter(({ price }) => Option.contains(price, price1500)),
            Stream.take(1),
            Stream.runCollect
          )
          assert.lengthOf(seen, 1)
          yield* discovery.watch.pipe(
            Stream.filter(({ price }) => Option.contains(price, price10)),
            Stream.take(1),
            Stream.runDrain
          )
          assert.deepStrictEqual(yield* cheapest(discovery), [10, 1_002, 1_003])
          assert.strictEqual(verified(), 4)
        })
      )
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.live("is remembered where no relay can be reached, with its age", () =>
    Effect.gen(function* () {
      const now = yield* UnixTime.now
      const home = yield* folder
      const { url } = yield* RelayServer.make()
      yield* publish(url, [word(Key.generate(), now, { name: "remembered" })])
      yield* life({ urls: [url], home }, cheapest)
      yield* life({ urls: ["ws://127.0.0.1:1"], home }, (discovery) =>
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* cheapest(discovery), [5_000])
          const list = yield* discovery.list({ within: "1 second" }, new Map())
          assert.deepStrictEqual(
            list.entries.map(({ online, provider }) => [provider.name, online]),
            [["remembered", true]]
          )
          assert.isAtLeast(Option.getOrThrow(list.refreshedAt), now)
        })
      )
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.live("is bounded in memory and on disk, however many strangers announce", () =>
    Effect.gen(function* () {
      const now = yield* UnixTime.now
      const home = yield* folder
      const { url } = yield* RelayServer.make()
      const capacity = 200
      for (let wave = 0; wave < 3; wave++)
        yield* publish(
          url,
          people(300).map((key) => word(key, now - wave, { price: Option.some(price(wave)) }))
        )
      yield* life({ urls: [url], home, capacity }, (discovery) =>
        Effect.gen(function* () {
          const { count } = yield* discovery.discover("10 seconds")
          assert.strictEqual(count, capacity)
        })
      )
      assert.isAtMost(rowsIn(home), 2 * capacity)
    }).pipe(Effect.provide(NodeServices.layer))
  )
})

const price10 = price(10)
const price1500 = price(1_500)
