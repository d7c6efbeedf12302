import { assert, describe, it } from "@effect/vitest"
import { Effect, Metric } from "effect"
import { Relay } from "../src/index.ts"
import { following } from "./fixtures.ts"
import * as TestRelay from "./TestRelay.ts"

const shown = Effect.map(Metric.snapshot, (snapshots) =>
  snapshots.flatMap(({ attributes, id, state, type }) =>
    id === "farthing_relay_connected" && type === "Gauge"
      ? [[attributes?.["relay"], Number(state.value)] as const]
      : []
  )
)

const alone = Effect.provideServiceEffect(
  Metric.MetricRegistry,
  Effect.sync(() => new Map())
)

describe("What is shown of the relays", () => {
  it.live("is which of them are connected, without what their addresses may hide", () =>
    Effect.gen(function* () {
      const server = yield* TestRelay.make
      yield* Effect.gen(function* () {
        const relay = yield* Relay.make({ urls: [`${server.url}/?token=secret`] })
        const connected = (wanted: number) =>
          Effect.repeat(Effect.andThen(Effect.yieldNow, shown), {
            until: ([relay]) => relay?.[1] === wanted
          })
        yield* connected(0)
        yield* following(relay, [{ kinds: [1] }])
        assert.deepStrictEqual(yield* connected(1), [[server.url, 1]])
        yield* server.down
        yield* connected(0)
      }).pipe(Effect.scoped)
      assert.deepStrictEqual(yield* shown, [])
    }).pipe(alone)
  )
})
