import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import * as Spans from "../src/Spans.ts"

const nap = (name: string, millis: number) => Effect.sleep(millis).pipe(Effect.withSpan(name))

describe("Spans", () => {
  it.effect("are added up by name, and begun anew once they are taken", () =>
    Effect.gen(function* () {
      const { take, tracer } = Spans.collector()
      const naps = Effect.all([nap("short", 10), nap("long", 100), nap("short", 5)])
      yield* Effect.forkChild(naps.pipe(Effect.withTracer(tracer)), { startImmediately: true })
      yield* TestClock.adjust(112)
      assert.deepStrictEqual(take(), { short: 10, long: 100 })
      yield* TestClock.adjust(10)
      assert.deepStrictEqual(take(), { short: 5 })
    })
  )
})
