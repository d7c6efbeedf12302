import { assert, describe, it } from "@effect/vitest"
import { Key } from "@farthing/protocol"
import { Relay } from "@farthing/relay"
import { Clock, Effect, Fiber, Layer, Option, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Sqlite } from "@farthing/sqlite"
import { Discovery, layer, type Options } from "../src/Discovery.ts"
import { announce } from "./TestAnnouncing.ts"
import { passing } from "./TestTime.ts"

/** With a database that is gone afterwards. */
const discovery = (options: Partial<Options> = {}) =>
  layer({ network: "regtest", ...options }).pipe(
    Layer.provide(Sqlite.layer({ filename: ":memory:" }))
  )

const market = discovery().pipe(Layer.provideMerge(Relay.layerMemory))

const found = Effect.flatMap(Discovery, (discovery) => discovery.discover("3 seconds"))

const names = Effect.map(
  Effect.flatMap(found, ({ all }) => all),
  (providers) => providers.map(({ name }) => name)
)

describe("discovery", () => {
  it.effect("answers at once with everybody that the relays have", () =>
    Effect.gen(function* () {
      yield* announce({ name: "one" })
      yield* announce({ name: "two" }, { by: Key.generate() })
      assert.deepStrictEqual((yield* names).toSorted(), ["one", "two"])
    }).pipe(Effect.provide(market))
  )

  it.effect("waits for a first one, but no longer than it may", () =>
    Effect.gen(function* () {
      const first = yield* Effect.forkChild(names, { startImmediately: true })
      yield* TestClock.adjust("2 seconds")
      yield* announce({ name: "late" })
      assert.deepStrictEqual(yield* Fiber.join(first), ["late"])
    }).pipe(Effect.provide(market))
  )

  it.effect("finds nobody in the time it has", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* passing(names), [])
      assert.isAtLeast(yield* Clock.currentTimeMillis, 3000)
    }).pipe(Effect.provide(market))
  )

  it.effect("keeps the newest word of each offer", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("1 minute")
      yield* announce({ name: "old" }, { at: 50 })
      assert.deepStrictEqual(yield* names, ["old"])
      yield* announce({ name: "new" }, { at: 51 })
      yield* announce({ name: "older" }, { at: 49 })
      yield* announce({ name: "another offer", identifier: "second" }, { at: 40 })
      yield* Effect.repeat(Effect.yieldNow, { times: 20 })
      assert.deepStrictEqual((yield* names).toSorted(), ["another offer", "new"])
    }).pipe(Effect.provide(market))
  )

  it.effect("forgets who goes offline or lets the announcement expire", () =>
    Effect.gen(function* () {
      const other = Key.generate()
      yield* announce({ name: "leaving" })
      yield* announce({ name: "fading", expiresAt: Option.some(60) }, { by: other })
      assert.strictEqual((yield* names).length, 2)
      yield* announce({ name: "leaving", online: false }, { at: 1 })
      yield* Effect.repeat(Effect.yieldNow, { times: 20 })
      assert.deepStrictEqual(yield* names, ["fading"])
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* passing(names), [])
    }).pipe(Effect.provide(market))
  )

  it.effect("leaves out other networks and other jobs, and takes who names no network", () =>
    Effect.gen(function* () {
      yield* announce({ name: "mainnet", network: Option.some("mainnet") }, { by: Key.generate() })
      yield* announce({ name: "images", kinds: [5100] }, { by: Key.generate() })
      yield* announce({ name: "unnamed", network: Option.none() }, { by: Key.generate() })
      assert.deepStrictEqual(yield* names, ["unnamed"])
    }).pipe(Effect.provide(market))
  )

  it.effect("remembers a bounded number, and makes room when offers die", () =>
    Effect.gen(function* () {
      for (let n = 0; n < 3; n++)
        yield* announce(
          { name: String(n), expiresAt: Option.some(60) },
          { by: Key.generate(), at: n }
        )
      assert.strictEqual((yield* names).length, 2)
      yield* TestClock.adjust("61 seconds")
      yield* announce({ name: "fresh" }, { by: Key.generate() })
      assert.deepStrictEqual(yield* passing(names), ["fresh"])
    }).pipe(Effect.provide(discovery({ capacity: 2 }).pipe(Layer.provideMerge(Relay.layerMemory))))
  )
})

describe("a clock that is wrong", () => {
  const hint = Effect.map(passing(found), ({ clockHint }) => Option.getOrElse(clockHint, () => ""))

  it.effect("is suspected where the market's newest word lies far ahead", () =>
    Effect.gen(function* () {
      yield* announce({ network: Option.some("mainnet") }, { at: 3600 })
      assert.include(yield* hint, "slow")
    }).pipe(Effect.provide(market))
  )

  it.effect("is suspected where it lies far behind", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("2 hours")
      yield* announce({ network: Option.some("mainnet") }, { at: 60 })
      assert.include(yield* hint, "fast")
    }).pipe(Effect.provide(market))
  )

  it.effect("is not suspected where somebody sells", () =>
    Effect.gen(function* () {
      yield* announce({}, { at: 3600 })
      assert.strictEqual(yield* hint, "")
    }).pipe(Effect.provide(market))
  )
})

describe("watching", () => {
  it.effect("tells who sells, and then who comes, changes and goes", () =>
    Effect.gen(function* () {
      const discovery = yield* Discovery
      yield* announce({ name: "here" })
      yield* names
      const watching = yield* discovery.watch.pipe(
        Stream.map(({ announcement, name }) => `${name} ${announcement.online}`),
        Stream.take(3),
        Stream.runCollect,
        Effect.forkChild({ startImmediately: true })
      )
      yield* announce({ name: "new" }, { by: Key.generate() })
      yield* announce({ name: "here", online: false }, { at: 1 })
      assert.deepStrictEqual(yield* Fiber.join(watching), ["here true", "new true", "here false"])
    }).pipe(Effect.provide(market))
  )
})

const unreachable = new Relay.RelayError({
  reason: new Relay.Unreachable({
    urls: ["ws://127.0.0.1:1"],
    message: "ws://127.0.0.1:1: connection refused"
  })
})

/** A relay that is nothing but its subscriptions. */
const withSubscribe = (subscribe: Relay.Shape["subscribe"]) =>
  discovery().pipe(
    Layer.provide(
      Layer.succeed(Relay.Relay, {
        urls: ["ws://127.0.0.1:1"],
        connected: Effect.succeed([]),
        difference: () => Effect.succeedNone,
        maxEventBytes: Effect.succeed(48_000),
        publish: () => Effect.die("nothing is published"),
        query: () => Effect.fail(unreachable),
        subscribe
      })
    )
  )

describe("the relays", () => {
  it.effect("that do not answer are named", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(passing(found))
      assert.include(error.message, "ws://127.0.0.1:1")
    }).pipe(Effect.provide(withSubscribe(() => Stream.never)))
  )

  it.effect("that refuse are told of at once, and asked again the next time", () => {
    let asked = 0
    const refused = new Relay.RelayError({
      reason: new Relay.Refused({ message: "restricted: members only" })
    })
    return Effect.gen(function* () {
      assert.include((yield* Effect.flip(found)).message, "members only")
      assert.include((yield* Effect.flip(found)).message, "members only")
      assert.strictEqual(asked, 2)
    }).pipe(
      Effect.provide(
        withSubscribe(() => {
          asked++
          return Stream.fail(refused)
        })
      )
    )
  })

  it.effect("are asked once for any number of searches at a time", () => {
    let asked = 0
    return Effect.gen(function* () {
      const relay = yield* Relay.Relay
      yield* announce()
      const counting = Layer.succeed(Relay.Relay, {
        ...relay,
        subscribe: (...args) => {
          asked++
          return relay.subscribe(...args)
        }
      })
      yield* Effect.all([names, names, names], { concurrency: 3 }).pipe(
        Effect.provide(discovery().pipe(Layer.provide(counting)))
      )
      assert.strictEqual(asked, 1)
    }).pipe(Effect.provide(Relay.layerMemory))
  })
})
