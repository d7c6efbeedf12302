import { assert, describe, it } from "@effect/vitest"
import { Key, Msat } from "@farthing/protocol"
import { Relay, Signer } from "@farthing/relay"
import { Sqlite } from "@farthing/sqlite"
import { Bank } from "@farthing/wallet"
import { Clock, Context, Deferred, Effect, Layer, Queue, Random, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Agent } from "../src/Agent.ts"
import type * as AgentApi from "../src/Agent.ts"
import { AgentBook } from "../src/AgentBook.ts"
import * as Agents from "../src/Agents.ts"
import * as Charter from "../src/Charter.ts"
import type { Means } from "../src/Means.ts"
import * as SqlAgentBook from "../src/SqlAgentBook.ts"
import * as Trigger from "../src/Trigger.ts"
import * as Home from "./support/Home.ts"
import * as Town from "./support/Town.ts"

const book = SqlAgentBook.layer.pipe(
  Layer.provideMerge(Sqlite.layer({ filename: ":memory:", synchronous: "NORMAL" }))
)

const means: Means = {
  life: "active",
  runway: {
    balance: Msat.zero,
    burn: Msat.zero,
    isMeasured: false,
    days: 1,
    perThought: Msat.zero
  },
  budget: { perTick: Msat.zero, spentToday: Msat.zero, leftToday: undefined }
}

/** An agent that only tells when it ticks. */
const idler = (
  id: Key.PublicKey,
  onTick: (trigger: Trigger.Trigger) => Effect.Effect<void>
): AgentApi.Shape => ({
  publicKey: id,
  tick: (trigger) => Effect.as(onTick(trigger), { _tag: "Rested", why: "dormant", means }),
  catchUp: Effect.void,
  view: Effect.never,
  decide: () => Effect.succeed(false),
  pause: Effect.void,
  resume: Effect.void,
  assign: () => Effect.void,
  drop: () => Effect.void
})

const enrol = (count: number, charter: Partial<Charter.Charter> = {}) =>
  Effect.gen(function* () {
    const { members } = yield* AgentBook
    const ids = Array.from({ length: count }, (_, n) =>
      Key.PublicKey.make((n + 1).toString(16).padStart(64, "0"))
    )
    for (const id of ids)
      yield* members.enrol({
        id,
        account: undefined,
        charter: Charter.make({ name: "idler", heartbeatSeconds: 60, jitter: 0, ...charter })
      })
    return ids
  })

describe("many agents over one clock", () => {
  it.effect("tick each at its heartbeat, and one that fails touches no other", () =>
    Effect.gen(function* () {
      const ids = yield* enrol(10)
      const ticks = new Map(ids.map((id) => [id, 0]))
      const agents = yield* Agents.make({
        enter: (id) =>
          Effect.succeed(
            idler(id, () => {
              ticks.set(id, (ticks.get(id) ?? 0) + 1)
              return id === ids[0] ? Effect.die("broken") : Effect.void
            })
          )
      })
      assert.strictEqual(yield* agents.load, 10)
      yield* Effect.forkScoped(agents.run)
      yield* TestClock.adjust("60 seconds")
      assert.deepStrictEqual([...new Set(ticks.values())], [1])
      for (let minute = 0; minute < 10; minute++) yield* TestClock.adjust("60 seconds")
      assert.deepStrictEqual([...new Set(ticks.values())], [11])
    }).pipe(Effect.scoped, Effect.provide(book))
  )

  it.effect("keep one timer, however many they are", () =>
    Effect.gen(function* () {
      yield* enrol(500, { heartbeatSeconds: 3_600 })
      const agents = yield* Agents.make({
        enter: (id) => Effect.succeed(idler(id, () => Effect.void))
      })
      yield* agents.load
      let sleeping = 0
      let most = 0
      const real = yield* Clock.Clock
      const counting: Clock.Clock = Object.assign(Object.create(real), {
        sleep: (duration: Parameters<Clock.Clock["sleep"]>[0]) =>
          Effect.suspend(() => {
            most = Math.max(most, ++sleeping)
            return Effect.ensuring(
              real.sleep(duration),
              Effect.sync(() => sleeping--)
            )
          })
      })
      yield* Effect.forkScoped(Effect.provideService(agents.run, Clock.Clock, counting))
      yield* TestClock.adjust("2 hours")
      assert.strictEqual(most, 1)
    }).pipe(Effect.scoped, Effect.provide(book))
  )

  it.effect("end what they are at before they stop", () =>
    Effect.gen(function* () {
      const [id] = yield* enrol(1)
      const gate = yield* Deferred.make<void>()
      const agents = yield* Agents.make({
        enter: (id) => Effect.succeed(idler(id, () => Deferred.await(gate)))
      })
      yield* agents.load
      yield* Effect.forkScoped(agents.run)
      yield* agents.trigger(id!, Trigger.manual())
      yield* TestClock.adjust("1 second")
      const draining = yield* Effect.forkChild(agents.drain, { startImmediately: true })
      assert.isUndefined(draining.pollUnsafe())
      yield* agents.trigger(id!, Trigger.manual())
      yield* Deferred.succeed(gate, undefined)
      yield* TestClock.adjust("1 hour")
      assert.isDefined(draining.pollUnsafe())
    }).pipe(Effect.scoped, Effect.provide(book))
  )

  it.effect("find what was written to them while nobody was there", () =>
    Effect.gen(function* () {
      const [id] = yield* enrol(1)
      const { post } = yield* AgentBook
      const event = yield* Signer.make(Key.generate()).sign({
        kind: 1,
        tags: [["p", id!]],
        content: "hello?"
      })
      assert.isTrue(yield* post.receive(id!, { kind: "mention", event }, 0))
      assert.isFalse(yield* post.receive(id!, { kind: "mention", event }, 0))
      const heard = yield* Queue.unbounded<Trigger.Trigger>()
      const agents = yield* Agents.make({
        enter: (id) => Effect.succeed(idler(id, (trigger) => Queue.offer(heard, trigger)))
      })
      yield* agents.load
      yield* Effect.forkScoped(agents.run)
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual(yield* Queue.take(heard), { _tag: "Mention", event: event.id })
    }).pipe(Effect.scoped, Effect.provide(book), Random.withSeed("late"))
  )

  it.live("are loaded by the thousand within moments, and cost little while they wait", () =>
    Effect.gen(function* () {
      const count = 2_000
      yield* enrol(count, { heartbeatSeconds: 900 })
      const agents = yield* Agents.make({
        enter: (id) => Effect.succeed(idler(id, () => Effect.void))
      })
      const before = process.memoryUsage().heapUsed
      const begun = yield* Clock.currentTimeMillis
      assert.strictEqual(yield* agents.load, count)
      const millis = (yield* Clock.currentTimeMillis) - begun
      const bytes = (process.memoryUsage().heapUsed - before) / count
      assert.isBelow(millis, 1_000)
      assert.isBelow(bytes, 20_000)
    }).pipe(Effect.scoped, Effect.provide(book))
  )
})

describe("agents on a relay", () => {
  it.live("hear who mentions them and answer, each in a home of its own", () =>
    Effect.gen(function* () {
      const town = yield* Town.open
      const secrets = [Key.generate(), Key.generate()]
      const friend = Signer.make(Key.generate())
      yield* Effect.gen(function* () {
        const bank = yield* Bank.Bank
        yield* Town.seller(town, (prompt) => (prompt.includes("marco") ? "POST: polo" : "NOTHING"))
        const { members } = yield* AgentBook
        for (const [n, secret] of secrets.entries()) {
          yield* bank.open(`agent ${n}`, Home.sats(1_000))
          yield* members.enrol({
            id: Key.publicKeyOf(secret),
            account: n,
            charter: Charter.make({ name: "heron", heartbeatSeconds: 3_600 })
          })
        }
        const streets = yield* Effect.context<Bank.Bank | Relay.Relay>()
        const agents = yield* Agents.make({
          enter: (id) => {
            const n = secrets.findIndex((secret) => Key.publicKeyOf(secret) === id)
            const home = Home.home(town, secrets[n]!, { account: `agent ${n}`, home: "book.db" })
            return Layer.build(Layer.fresh(home)).pipe(
              Effect.map((built) => Context.get(built, Agent)),
              Effect.provideContext(streets)
            )
          },
          rules: { settle: 0, apart: 0, mostPerHour: 100 }
        })
        yield* agents.load
        const relay = yield* Relay.Relay
        const answers = yield* Queue.unbounded<string>()
        yield* relay.subscribe([{ kinds: [1], authors: secrets.map(Key.publicKeyOf) }]).pipe(
          Stream.runForEach(({ pubkey }) => Queue.offer(answers, pubkey)),
          Effect.forkScoped
        )
        yield* Effect.forkScoped(agents.listen)
        yield* Effect.forkScoped(agents.run)
        const called = Key.publicKeyOf(secrets[1]!)
        yield* relay.publish(
          yield* friend.sign({ kind: 1, tags: [["p", called]], content: "marco" })
        )
        assert.strictEqual(yield* Queue.take(answers), called)
      }).pipe(
        Effect.scoped,
        Effect.provide(
          Layer.merge(
            Home.streets(town),
            SqlAgentBook.layer.pipe(Layer.provide(Home.database(town, "book.db")))
          )
        )
      )
    }).pipe(Effect.scoped)
  )
})
