/** The relay as the libraries of others see it: each does all that it is made for. */
import { assert, describe, it } from "@effect/vitest"
import { RelayServer } from "@farthing/devnet"
import { Effect, Queue } from "effect"
import type { Event, EventTemplate } from "nostr-tools/core"
import { finalizeEvent, generateSecretKey, getPublicKey } from "nostr-tools/pure"
import * as Applesauce from "./Applesauce.ts"
import type { Connect } from "./Client.ts"
import * as Ndk from "./Ndk.ts"
import * as Nostrify from "./Nostrify.ts"
import * as NostrTools from "./NostrTools.ts"

const clients: ReadonlyArray<readonly [name: string, connect: Connect]> = [
  ["nostr-tools", NostrTools.connect],
  ["NDK", Ndk.connect],
  ["applesauce", Applesauce.connect],
  ["nostrify", Nostrify.connect]
]

const at = 1_700_000_000

const ids = (events: ReadonlyArray<Event>) => events.map(({ id }) => id).toSorted()

for (const [name, connect] of clients)
  describe(`${name}`, () => {
    const stage = (auth: "none" | "required" = "none") =>
      Effect.gen(function* () {
        const { url } = yield* RelayServer.make({ auth })
        const secret = generateSecretKey()
        const open = Effect.acquireRelease(
          Effect.promise(() => connect(url, secret)),
          (client) => Effect.sync(() => client.close())
        )
        const sign = (template: Partial<EventTemplate>) =>
          finalizeEvent({ kind: 1, created_at: at, tags: [], content: "", ...template }, secret)
        return { author: getPublicKey(secret), client: yield* open, open, sign }
      })

    it.live("publishes, and finds by every field what it published", () =>
      Effect.gen(function* () {
        const { author, client, sign } = yield* stage()
        const events = [0, 1, 2, 3].map((n) =>
          sign({ created_at: at + n, kind: 1 + (n % 2), tags: [["t", `t${n}`]], content: `${n}` })
        )
        for (const event of events) yield* Effect.promise(() => client.publish(event))
        const [first, second, third, fourth] = events
        if (!first || !second || !third || !fourth) return assert.fail()
        const cases = [
          [{ ids: [first.id, third.id] }, [first, third]],
          [{ authors: [author], limit: 3 }, [second, third, fourth]],
          [{ kinds: [2] }, [second, fourth]],
          [{ "#t": ["t1", "t2"] }, [second, third]],
          [{ kinds: [1, 2], since: at + 1, until: at + 2 }, [second, third]],
          [{ authors: ["0".repeat(64)] }, []]
        ] as const
        for (const [filter, expected] of cases) {
          const found = yield* Effect.promise(() => client.query(filter as never))
          assert.deepEqual(ids(found), ids(expected), JSON.stringify(filter))
        }
      })
    )

    it.live("hears what others publish", () =>
      Effect.gen(function* () {
        const { client, open, sign } = yield* stage()
        const writer = yield* open
        const heard = yield* Queue.unbounded<Event>()
        const filter = { kinds: [42], "#e": ["a".repeat(64)] }
        yield* Effect.promise(() =>
          client.subscribe(filter, (event) => Queue.offerUnsafe(heard, event))
        )
        for (const content of ["one", "two"]) {
          const event = sign({ kind: 42, tags: [["e", "a".repeat(64)]], content })
          yield* Effect.promise(() => writer.publish(sign({ kind: 42, content })))
          yield* Effect.promise(() => writer.publish(event))
          assert.strictEqual((yield* Queue.take(heard)).id, event.id)
        }
      })
    )

    it.live("finds the newest version of what is replaceable", () =>
      Effect.gen(function* () {
        const { author, client, sign } = yield* stage()
        const version = (n: number) =>
          sign({ kind: 30_023, created_at: at + n, tags: [["d", "x"]], content: `${n}` })
        for (const n of [0, 1, 2]) yield* Effect.promise(() => client.publish(version(n)))
        const found = yield* Effect.promise(() =>
          client.query({ kinds: [30_023], authors: [author], "#d": ["x"] })
        )
        assert.deepEqual(ids(found), [version(2).id])
      })
    )

    it.live("authenticates when it has to", () =>
      Effect.gen(function* () {
        const { client, sign } = yield* stage("required")
        const event = sign({ content: "hello" })
        yield* Effect.promise(() => client.publish(event))
        const found = yield* Effect.promise(() => client.query({ ids: [event.id] }))
        assert.deepEqual(ids(found), [event.id])
      })
    )

    it.live("learns that an event is refused", () =>
      Effect.gen(function* () {
        const { client, sign } = yield* stage()
        yield* Effect.flip(
          Effect.tryPromise(() => client.publish(sign({ created_at: 4_000_000_000 })))
        )
      })
    )
  })
