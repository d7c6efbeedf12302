/** The relay as nostr-tools sees it. */
import { assert, describe, it } from "@effect/vitest"
import { RelayServer } from "@farthing/devnet"
import { Effect, Latch } from "effect"
import type { Filter } from "nostr-tools/filter"
import type { Event, EventTemplate } from "nostr-tools/pure"
import { finalizeEvent, generateSecretKey } from "nostr-tools/pure"
import { Relay, useWebSocketImplementation } from "nostr-tools/relay"
import { WebSocket } from "ws"

useWebSocketImplementation(WebSocket)

const secret = generateSecretKey()
const sign = (template: Partial<EventTemplate>) =>
  finalizeEvent({ kind: 1, created_at: 1_700_000_000, tags: [], content: "", ...template }, secret)

const connect = (url: string) =>
  Effect.acquireRelease(
    Effect.promise(() => Relay.connect(url)),
    (relay) => Effect.sync(() => relay.close())
  )

const stored = (relay: Relay, filter: Filter) =>
  Effect.callback<ReadonlyArray<Event>>((resume) => {
    const events: Array<Event> = []
    const subscription = relay.subscribe([filter], {
      onevent: (event) => events.push(event),
      oneose: () => {
        subscription.close()
        resume(Effect.succeed(events))
      }
    })
  })

describe("nostr-tools", () => {
  it.live("publishes and finds what it published", () =>
    Effect.gen(function* () {
      const { url } = yield* RelayServer.make()
      const relay = yield* connect(url)
      const event = sign({ tags: [["t", "x"]], content: "hello" })
      assert.strictEqual(yield* Effect.promise(() => relay.publish(event)), "")
      const [found] = yield* stored(relay, { "#t": ["x"] })
      assert.strictEqual(found?.sig, event.sig)
    })
  )

  it.live("hears live events of others", () =>
    Effect.gen(function* () {
      const { url } = yield* RelayServer.make()
      const [reader, writer] = [yield* connect(url), yield* connect(url)]
      const ready = Latch.makeUnsafe()
      const event = sign({ kind: 42, tags: [["e", "a".repeat(64)]] })
      const heard = Effect.callback<Event>((resume) => {
        reader.subscribe([{ kinds: [42], "#e": ["a".repeat(64)] }], {
          onevent: (event) => resume(Effect.succeed(event)),
          oneose: () => ready.openUnsafe()
        })
      })
      const publish = ready.await.pipe(Effect.andThen(Effect.promise(() => writer.publish(event))))
      const [{ id }] = yield* Effect.all([heard, publish], { concurrency: 2 })
      assert.strictEqual(id, event.id)
    })
  )

  it.live("learns why an event is refused", () =>
    Effect.gen(function* () {
      const { url } = yield* RelayServer.make()
      const relay = yield* connect(url)
      const late = sign({ created_at: 4_000_000_000 })
      const reason = yield* Effect.flip(
        Effect.tryPromise({ try: () => relay.publish(late), catch: (error) => String(error) })
      )
      assert.include(reason, "invalid: created_at is in the future")
    })
  )

  it.live("authenticates when it has to", () =>
    Effect.gen(function* () {
      const { url } = yield* RelayServer.make({ auth: "required" })
      const relay = yield* connect(url)
      const event = sign({ content: "hello" })
      yield* Effect.flip(Effect.tryPromise(() => relay.publish(event)))
      yield* Effect.promise(() => relay.auth(async (template) => finalizeEvent(template, secret)))
      assert.strictEqual(yield* Effect.promise(() => relay.publish(event)), "")
    })
  )
})
