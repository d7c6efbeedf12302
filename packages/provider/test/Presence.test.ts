import { assert, describe, it } from "@effect/vitest"
import { Announcement, Msat, NostrEvent } from "@farthing/protocol"
import { InferenceBackend, ProviderBook } from "@farthing/provider"
import * as Presence from "@farthing/provider/Presence"
import type { ProviderEvent } from "@farthing/provider/ProviderEvent"
import { resolve } from "@farthing/provider/ProviderOptions"
import * as Routing from "@farthing/provider/Routing"
import { Relay, Signer, UnixTime } from "@farthing/relay"
import { Effect, Layer, Option, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Market from "./support/Market.ts"

const secret = Market.newSecret()

const world = Layer.merge(Relay.layerMemory, Market.book)

/** A presence that is kept up in the time of the test. */
const present = Effect.gen(function* () {
  const relay = yield* Relay.Relay
  const signer = Signer.make(secret)
  const told: Array<ProviderEvent["_tag"]> = []
  let models: ReadonlyArray<string> | undefined = ["small"]
  const options = resolve({
    name: "tern",
    network: "regtest",
    priceMsats: Msat.make(10_000),
    modelPrices: { large: Msat.make(70_000) }
  })
  const tell = (event: ProviderEvent) => Effect.sync(() => told.push(event._tag))
  const routing = yield* Routing.make({
    backend: {
      name: "scripted",
      models: Effect.suspend(() =>
        models === undefined ? Effect.fail(Market.fault("unreachable")) : Effect.succeed(models)
      ),
      infer: () => Stream.empty
    } satisfies InferenceBackend.Shape,
    options,
    tell
  })
  const presence = yield* Presence.make({
    relay,
    signer,
    book: yield* ProviderBook.ProviderBook,
    routing,
    options,
    rails: ["lightning"],
    tell
  })
  yield* Effect.forkScoped(routing.tend(presence.stir))
  yield* Effect.forkScoped(presence.keepUp)
  yield* TestClock.adjust("1 millis")
  return {
    relay,
    signer,
    told,
    offer: (fresh: ReadonlyArray<string> | undefined) => {
      models = fresh
    },
    announcement: Effect.flatMap(UnixTime.now, (now) =>
      Market.announcementOf(signer.publicKey, now)
    )
  }
})

describe("Presence", () => {
  it.effect("is repeated before it expires", () =>
    Effect.gen(function* () {
      const { announcement, told } = yield* present
      const first = yield* announcement
      assert.isTrue(first?.online)
      yield* TestClock.adjust("4 minutes")
      assert.strictEqual((yield* announcement)?.event.id, first?.event.id)
      yield* TestClock.adjust("2 hours")
      const later = yield* announcement
      assert.isTrue(later?.online)
      assert.isAbove(later?.event.created_at ?? 0, (first?.event.created_at ?? 0) + 6_000)
      assert.deepStrictEqual(told, ["Online"])
    }).pipe(Effect.scoped, Effect.provide(world))
  )

  it.effect("follows the backend: new models, none, and back again", () =>
    Effect.gen(function* () {
      const { announcement, offer, told } = yield* present
      offer(["small", "large"])
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual((yield* announcement)?.models, ["small", "large"])
      offer(undefined)
      yield* TestClock.adjust("1 minute")
      assert.isFalse((yield* announcement)?.online)
      offer(["small"])
      yield* TestClock.adjust("30 seconds")
      assert.isTrue((yield* announcement)?.online)
      offer([])
      yield* TestClock.adjust("30 seconds")
      assert.isFalse((yield* announcement)?.online)
      assert.deepStrictEqual(told, [
        "Online",
        "Ailing",
        "Offline",
        "Well",
        "Online",
        "Trouble",
        "Offline"
      ])
    }).pipe(Effect.scoped, Effect.provide(world))
  )

  it.effect("gives each model its price, and the general one to the default model", () =>
    Effect.gen(function* () {
      const { announcement, offer } = yield* present
      const prices = Effect.map(announcement, (announced) =>
        announced === undefined
          ? []
          : [undefined, "small", "large"].map((model) =>
              Option.getOrUndefined(Announcement.priceOf(announced, model))
            )
      )
      offer(["small", "large"])
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(yield* prices, [10_000, 10_000, 70_000].map(Msat.make))
      offer(["large", "small"])
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(yield* prices, [70_000, 10_000, 70_000].map(Msat.make))
    }).pipe(Effect.scoped, Effect.provide(world))
  )

  it.effect("comes back when another process of the provider says goodbye", () =>
    Effect.gen(function* () {
      const { announcement, relay, signer } = yield* present
      const shown = yield* announcement
      assert.isDefined(shown)
      yield* relay.publish(
        yield* signer.sign(
          Announcement.toTemplate({ ...shown, online: false }, shown.event.created_at + 1)
        )
      )
      assert.isFalse((yield* announcement)?.online)
      yield* TestClock.adjust("30 seconds")
      assert.isTrue((yield* announcement)?.online)
      assert.isTrue(NostrEvent.verify((yield* announcement)?.event ?? shown.event))
    }).pipe(Effect.scoped, Effect.provide(world))
  )
})
