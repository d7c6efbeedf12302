import { assert, describe, it } from "@effect/vitest"
import * as EventStore from "@farthing/devnet/relay/EventStore"
import { Key, type NostrEvent } from "@farthing/protocol"
import { Effect } from "effect"
import { alice, event, file } from "./TestRelay.ts"

const put = (store: EventStore.EventStore, one: NostrEvent.NostrEvent) =>
  store.put(one, JSON.stringify(one))

const committed = (store: EventStore.EventStore) =>
  Effect.callback<unknown>((resume) => store.commit((error) => resume(Effect.succeed(error))))

const everything = (store: EventStore.EventStore) =>
  store.query([{}], { now: 0, maxLimit: 100, defaultLimit: 100 }).map(({ id }) => id)

describe("the store of events", () => {
  it.live("finds what is put before it is committed, and keeps it after", () =>
    Effect.gen(function* () {
      const filename = yield* file
      const one = yield* event()
      yield* Effect.scoped(
        Effect.gen(function* () {
          const store = yield* EventStore.open({ filename })
          assert.strictEqual(put(store, one), "Stored")
          assert.deepEqual(everything(store), [one.id])
          assert.isNull(yield* committed(store))
        })
      )
      const again = yield* EventStore.open({ filename })
      assert.deepEqual(everything(again), [one.id])
      assert.strictEqual(put(again, one), "Duplicate")
    })
  )

  it.live("what is not committed is not there the next time", () =>
    Effect.gen(function* () {
      const filename = yield* file
      const one = yield* event()
      yield* Effect.scoped(Effect.map(EventStore.open({ filename }), (store) => put(store, one)))
      assert.deepEqual(everything(yield* EventStore.open({ filename })), [])
    })
  )

  it.live("an event that cannot be stored leaves nothing, and takes none of the others along", () =>
    Effect.gen(function* () {
      const store = yield* EventStore.open({ filename: yield* file })
      const [one, two] = [yield* event(), yield* event()]
      const broken = { ...(yield* event({ tags: [["t", "x"]] })), created_at: 1.5 }
      put(store, one)
      assert.throws(() => put(store, broken))
      put(store, two)
      assert.isNull(yield* committed(store))
      assert.sameMembers(everything(store), [one.id, two.id])
      assert.strictEqual(store.count([{ "#t": ["x"] }], 0), 0)
    })
  )

  it.live("all who commit at the same time are told", () =>
    Effect.gen(function* () {
      const store = yield* EventStore.open({ filename: yield* file })
      const told = yield* Effect.forEach(
        [1, 2, 3, 4, 5],
        () =>
          event().pipe(
            Effect.tap((one) => Effect.sync(() => put(store, one))),
            Effect.andThen(committed(store))
          ),
        { concurrency: "unbounded" }
      )
      assert.deepEqual(told, [null, null, null, null, null])
      assert.strictEqual(store.count([{ authors: [Key.publicKeyOf(alice)] }], 0), 5)
    })
  )
})
