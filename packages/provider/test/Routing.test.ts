import { assert, describe, it } from "@effect/vitest"
import { type InferenceBackend, Backends } from "@farthing/provider"
import type { ProviderEvent } from "@farthing/provider/ProviderEvent"
import * as Routing from "@farthing/provider/Routing"
import { Array as Arr, Effect, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Market from "./support/Market.ts"

const unreachable = Market.fault("unreachable")

/** A backend whose answer to a check is the test's to decide, and which counts what it is asked. */
const switchable = (
  name: string,
  models: ReadonlyArray<string>,
  play: Market.Play = Market.echo
) => {
  const scripted = Market.scripted([play])
  let answer: Effect.Effect<
    ReadonlyArray<string>,
    InferenceBackend.InferenceError
  > = Effect.succeed(models)
  let checks = 0
  return {
    ...scripted,
    name,
    models: Effect.suspend(() => {
      checks++
      return answer
    }),
    checks: () => checks,
    answers: (next: typeof answer) => {
      answer = next
    },
    dies: () => {
      answer = Effect.fail(unreachable)
    },
    returns: () => {
      answer = Effect.succeed(models)
    }
  }
}

/** A routing that is kept up in the time of the test. */
const routed = Effect.fnUntraced(function* (
  backends: Arr.NonEmptyReadonlyArray<InferenceBackend.Shape>,
  options: { readonly models?: ReadonlyArray<string>; readonly capacity?: number } = {}
) {
  const told: Array<ProviderEvent> = []
  let changes = 0
  const routing = yield* Routing.make({
    backend: Backends.inOrder(backends),
    options: { models: options.models, capacity: options.capacity ?? 4 },
    tell: (event) => Effect.sync(() => told.push(event))
  })
  yield* Effect.forkScoped(routing.tend(Effect.sync(() => changes++)))
  yield* TestClock.adjust("1 millis")
  return {
    ...routing,
    told,
    changes: () => changes,
    ask: (model: string) =>
      Stream.runDrain(routing.backend.infer({ model, prompt: "hello", maxTokens: 50 })),
    healthy: () =>
      routing
        .health()
        .filter(({ isHealthy }) => isHealthy)
        .map(({ name }) => name)
  }
})

describe("what is on offer", () => {
  it.effect("is what the healthy backends serve, in their order, cut to what the owner sells", () =>
    Effect.gen(function* () {
      const first = switchable("first", ["a", "b"])
      const second = switchable("second", ["b", "c", "d"])
      const all = yield* routed([first, second])
      assert.deepStrictEqual(all.models(), ["a", "b", "c", "d"])
      const some = yield* routed([first, second], { models: ["d", "a", "x"] })
      assert.deepStrictEqual(some.models(), ["d", "a"])
      first.dies()
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(all.models(), ["b", "c", "d"])
      assert.deepStrictEqual(some.models(), ["d"])
      first.returns()
      yield* TestClock.adjust("40 seconds")
      assert.deepStrictEqual(all.models(), ["a", "b", "c", "d"])
    })
  )

  it.effect("is nothing where nothing that answers is for sale, and the owner is told", () =>
    Effect.gen(function* () {
      const { capacity, models, told } = yield* routed([switchable("first", ["a"])], {
        models: ["x"]
      })
      assert.deepStrictEqual([models(), capacity()], [[], 0])
      assert.deepStrictEqual(told, [
        { _tag: "Trouble", message: "the backend has a, and none of them is on offer" }
      ])
    })
  )
})

describe("a job", () => {
  it.effect("goes to the first that serves its model, and to no other", () =>
    Effect.gen(function* () {
      const backends = [switchable("first", ["a"]), switchable("second", ["a", "b"])] as const
      const { ask } = yield* routed(backends)
      yield* ask("a")
      yield* ask("b")
      assert.deepStrictEqual(
        backends.map(({ inferred }) => inferred()),
        [1, 1]
      )
    })
  )

  it.effect("goes to one that ails only when the healthy ones have failed", () =>
    Effect.gen(function* () {
      const first = switchable("first", ["a"])
      const second = switchable("second", ["a"], Market.fails("refused"))
      const { ask, healthy } = yield* routed([first, second])
      first.dies()
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(healthy(), ["second"])
      yield* ask("a")
      assert.deepStrictEqual([first.inferred(), second.inferred()], [1, 1])
    })
  )

  it.effect("of a model that nobody serves any more fails for good", () =>
    Effect.gen(function* () {
      const only = switchable("only", ["a"])
      const { ask } = yield* routed([only])
      only.answers(Effect.succeed(["b"]))
      yield* TestClock.adjust("30 seconds")
      const error = yield* Effect.flip(ask("a"))
      assert.deepStrictEqual([error.reason, error.isTransient], ["model_unavailable", false])
    })
  )

  it.effect("is tried before a backend was looked at for the first time", () =>
    Effect.gen(function* () {
      const slow = switchable("slow", ["a"])
      slow.answers(Effect.never)
      const { ask, models } = yield* routed([slow])
      assert.deepStrictEqual(models(), [])
      yield* ask("a")
      assert.strictEqual(slow.inferred(), 1)
    })
  )
})

describe("a backend", () => {
  it.effect("is not given up for one check that fails, or is slow", () =>
    Effect.gen(function* () {
      const only = switchable("only", ["a"])
      const { changes, healthy, told } = yield* routed([only])
      for (const hiccup of [
        Effect.fail(unreachable),
        Effect.die("a bug"),
        Effect.delay(Effect.succeed(["a"]), "11 seconds")
      ]) {
        only.answers(Effect.suspend(() => Effect.andThen(Effect.sync(only.returns), hiccup)))
        const checks = only.checks()
        yield* TestClock.adjust("50 seconds")
        assert.isAtLeast(only.checks() - checks, 2)
        assert.deepStrictEqual(healthy(), ["only"])
      }
      assert.deepStrictEqual([changes(), told], [1, []])
    })
  )

  it.effect(
    "is given up after three in a row, seconds apart, and is back after the first that succeeds",
    () =>
      Effect.gen(function* () {
        const only = switchable("only", ["a"])
        const { capacity, health, models, told } = yield* routed([only])
        only.dies()
        yield* TestClock.adjust("30 seconds")
        assert.deepStrictEqual([models(), capacity()], [["a"], 4])
        assert.strictEqual(health()[0]?.trouble, unreachable.message)
        yield* TestClock.adjust("4 seconds")
        assert.deepStrictEqual([models(), capacity()], [[], 0])
        only.returns()
        yield* TestClock.adjust("5 seconds")
        assert.deepStrictEqual([models(), capacity()], [["a"], 4])
        assert.deepStrictEqual(told, [
          { _tag: "Ailing", backend: "only", message: unreachable.message },
          { _tag: "Well", backend: "only" }
        ])
      })
  )

  it.effect(
    "that stays away is asked ever more rarely, and never less than twice a minute or so",
    () =>
      Effect.gen(function* () {
        const only = switchable("only", ["a"])
        yield* routed([only])
        only.dies()
        yield* TestClock.adjust("5 minutes")
        const checks = only.checks()
        yield* TestClock.adjust("1 hour")
        assert.isAtLeast(only.checks() - checks, 100)
        assert.isAtMost(only.checks() - checks, 150)
        only.returns()
        yield* TestClock.adjust("36 seconds")
        assert.isAtLeast(only.checks() - checks, 101)
      })
  )

  it.effect("that fails a job is looked at there and then", () =>
    Effect.gen(function* () {
      const only = switchable("only", ["a"], Market.fails("unreachable"))
      const { ask, models } = yield* routed([only])
      only.dies()
      yield* Effect.flip(ask("a"))
      yield* TestClock.adjust("4 seconds")
      assert.deepStrictEqual(models(), [])
    })
  )

  it.effect("that has too much to do, or will not do a job, is not suspected", () =>
    Effect.gen(function* () {
      for (const reason of ["overloaded", "refused", "prompt_too_long"] as const) {
        const only = switchable("only", ["a"], Market.fails(reason))
        const { ask } = yield* routed([only])
        yield* Effect.flip(ask("a"))
        yield* TestClock.adjust("20 seconds")
        assert.strictEqual(only.checks(), 1)
      }
    })
  )
})

describe("the capacity", () => {
  it.effect("is the share of the backends that have something to sell", () =>
    Effect.gen(function* () {
      const backends = [
        switchable("first", ["a"]),
        switchable("second", ["a"]),
        switchable("third", ["b"])
      ] as const
      const { capacity } = yield* routed(backends, { capacity: 10 })
      const partly = yield* routed(backends, { capacity: 10, models: ["a"] })
      const one = yield* routed(backends, { capacity: 1 })
      assert.deepStrictEqual([capacity(), partly.capacity(), one.capacity()], [10, 7, 1])
      backends[0].dies()
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual([capacity(), partly.capacity(), one.capacity()], [7, 4, 1])
      backends[1].dies()
      backends[2].dies()
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual([capacity(), partly.capacity(), one.capacity()], [0, 0, 0])
    })
  )
})

describe("what is known", () => {
  it.effect("is waited for: all, or a moment longer than one that is healthy", () =>
    Effect.gen(function* () {
      const slow = switchable("slow", ["a"])
      slow.answers(Effect.never)
      const { known } = yield* routed([slow, switchable("quick", ["b"])])
      let isKnown = false
      yield* Effect.forkScoped(
        Effect.andThen(
          known,
          Effect.sync(() => (isKnown = true))
        )
      )
      yield* TestClock.adjust("500 millis")
      assert.isFalse(isKnown)
      yield* TestClock.adjust("1 second")
      assert.isTrue(isKnown)
    })
  )
})
