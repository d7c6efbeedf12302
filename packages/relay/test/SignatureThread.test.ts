import { assert, describe, it } from "@effect/vitest"
import type { NostrEvent } from "@farthing/protocol"
import { Deferred, Effect, Stream } from "effect"
import { Relay } from "../src/index.ts"
import * as SignatureThread from "../src/SignatureThread.ts"
import { forged, ids, note } from "./fixtures.ts"
import * as TestRelay from "./TestRelay.ts"

/** With the signature of another event. */
const missigned = (created_at: number) => ({ ...note({ created_at }), sig: note().sig })

const miswritten = (created_at: number) => forged(note({ created_at }))

/** Every tenth is not genuine. */
const mixture = (count: number, counterfeit = missigned): ReadonlyArray<NostrEvent.NostrEvent> =>
  Array.from({ length: count }, (_, index) =>
    index % 10 === 0 ? counterfeit(index) : note({ created_at: index })
  )

const genuineOnes = (events: ReadonlyArray<NostrEvent.NostrEvent>) =>
  events.filter((_, index) => index % 10 !== 0)

describe("SignatureThread", () => {
  it.live("tells signatures of their authors from others", () =>
    Effect.gen(function* () {
      const thread = yield* SignatureThread.make
      const events = mixture(100)
      assert.deepStrictEqual(yield* thread.signedOf(events), genuineOnes(events))
      assert.isEmpty(yield* thread.signedOf([]))
    })
  )

  it.live("answers whoever asks at the same time with their own", () =>
    Effect.gen(function* () {
      const thread = yield* SignatureThread.make
      const all = [mixture(30), mixture(7), mixture(20)]
      const signed = yield* Effect.forEach(all, thread.signedOf, { concurrency: "unbounded" })
      assert.deepStrictEqual(signed, all.map(genuineOnes))
    })
  )

  it.live("answers nobody once it has ended", () =>
    Effect.gen(function* () {
      const thread = yield* Effect.scoped(SignatureThread.make)
      const error = yield* Effect.flip(thread.signedOf([note()]))
      assert.strictEqual(error._tag, "SignatureThreadUnavailable")
    })
  )
})

describe("a relay that has much stored", () => {
  it.live("is believed no more than one that has little", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      const relay = yield* Relay.make({ urls: [server.url] })
      const events = [...mixture(2_000), ...mixture(2_000, miswritten)]
      server.stored.push(...events)
      const heard = yield* relay.query([{ kinds: [1] }])
      assert.sameMembers([...ids(heard)], [...ids(genuineOnes(events))])
    })
  )

  it.live("is heard to the end before it is said so, however few wait at a time", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      const relay = yield* Relay.make({ urls: [server.url], bufferSize: 1_000 })
      const events = mixture(4_000)
      server.stored.push(...events)
      const heard = new Set<string>()
      const stored = yield* Deferred.make<number>()
      const onStored = Effect.suspend(() => Deferred.succeed(stored, heard.size))
      yield* relay.subscribe([{ kinds: [1] }], { onStored: Effect.asVoid(onStored) }).pipe(
        Stream.runForEach(({ id }) => Effect.sync(() => heard.add(id))),
        Effect.forkScoped
      )
      assert.strictEqual(yield* Deferred.await(stored), 3_600)
      assert.deepStrictEqual(heard, new Set(ids(genuineOnes(events))))
    })
  )
})
