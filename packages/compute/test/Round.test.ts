import { assert, describe, it } from "@effect/vitest"
import { Treasury } from "@farthing/budget"
import { type Bolt11, Key, NostrEvent } from "@farthing/protocol"
import { Deferred, Duration, Effect, Fiber, Layer, Option } from "effect"
import { TestClock } from "effect/testing"
import * as ChannelTransport from "../src/ChannelTransport.ts"
import * as Client from "../src/ComputeClient.ts"
import { ComputeClient } from "../src/ComputeClient.ts"
import * as Discovery from "../src/Discovery.ts"
import { Journal } from "../src/Journal.ts"
import * as SqlJournal from "../src/SqlJournal.ts"
import * as TestMarket from "./TestMarket.ts"
import * as TestPeer from "./TestPeer.ts"
import { passing } from "./TestTime.ts"

const { sats } = TestMarket
const price = sats(10)
const wish = { prompt: "hello", budget: sats(100) }
const budget = "regtest/main"

const detailOf = (name: string) =>
  Effect.gen(function* () {
    const client = yield* ComputeClient
    const job = (yield* client.jobs()).find(({ providerName }) => providerName === name)
    return Option.getOrThrow(yield* client.findJob(job!.request))
  })

describe("two providers of one round with the same invoice", () => {
  it.effect("who copied it is rejected at once, and only the other one is paid", () =>
    Effect.gen(function* () {
      const known = yield* Deferred.make<Bolt11.Invoice>()
      yield* TestPeer.open({ name: "original", price }, (job) =>
        Effect.gen(function* () {
          yield* Deferred.succeed(known, yield* job.invoice(price))
          yield* job.paymentSent
          yield* job.result("mine")
        })
      )
      yield* TestPeer.open({ name: "copy", price }, (job) =>
        Effect.gen(function* () {
          const { bolt11, paymentHash } = yield* Deferred.await(known)
          yield* job.invoice(price, { bolt11, payment_hash: paymentHash })
        })
      )
      const client = yield* ComputeClient
      const receipt = yield* passing(client.requestInference({ ...wish, selection: { quotes: 2 } }))
      assert.strictEqual(receipt.providerName, "original")
      const { job, steps } = yield* detailOf("copy")
      assert.strictEqual(job.state, "rejected")
      assert.match(steps.at(-1)?.note ?? "", /^reused: /)
      const [copy] = (yield* client.discoverProviders()).filter(({ name }) => name === "copy")
      assert.strictEqual(copy?.record.rejected, 1)
    }).pipe(Effect.provide(TestMarket.market()))
  )
})

describe("an offer that was not needed", () => {
  it.effect("is passed over, and says so", () =>
    Effect.gen(function* () {
      yield* TestPeer.open({ name: "cheap", price: sats(5) }, TestPeer.honest(sats(5)))
      yield* TestPeer.open({ name: "dear", price }, TestPeer.honest(price))
      const client = yield* ComputeClient
      yield* passing(client.requestInference({ ...wish, selection: { quotes: 2 } }))
      const { job, steps } = yield* detailOf("dear")
      assert.strictEqual(job.state, "unpaid")
      assert.deepStrictEqual(
        steps.map(({ state }) => state),
        ["requested", "quoted", "unpaid"]
      )
      assert.match(steps.at(-1)?.note ?? "", /^passed over: /)
    }).pipe(Effect.provide(TestMarket.market()))
  )
})

describe("a quote that is taken back", () => {
  it.effect("after the journal committed to it, right before the payment, is not paid", () =>
    Effect.gen(function* () {
      const asked = yield* Deferred.make<TestPeer.Job>()
      yield* TestPeer.open({ name: "peer", price }, (job) =>
        Effect.andThen(job.invoice(price), Deferred.succeed(asked, job))
      )
      /** While this journal writes, the provider changes its mind. */
      const slow = Layer.effect(
        Journal,
        Effect.map(Journal, (journal) => ({
          ...journal,
          paying: (...step: Parameters<typeof journal.paying>) =>
            Effect.tap(journal.paying(...step), () =>
              Effect.gen(function* () {
                const job = yield* Deferred.await(asked)
                yield* job.fail
                yield* Effect.repeat(Effect.yieldNow, { times: 100 })
              })
            )
        }))
      ).pipe(Layer.provide(SqlJournal.layer({ budget })))
      const client = Client.layerWith({ network: "regtest" }).pipe(
        Layer.provide([slow, ChannelTransport.layer, Discovery.layer({ network: "regtest" })])
      )
      yield* Effect.gen(function* () {
        const { requestInference } = yield* ComputeClient
        const before = yield* TestMarket.balance
        const error = yield* Effect.flip(passing(requestInference(wish)))
        assert.strictEqual(error._tag, "ProviderRefused")
        assert.strictEqual(yield* TestMarket.balance, before)
        const { job, steps } = yield* detailOf("peer")
        assert.strictEqual(job.state, "refused")
        assert.deepStrictEqual(
          steps.map(({ state }) => state),
          ["requested", "paying", "refused"]
        )
      }).pipe(Effect.provide(TestMarket.customerWith(client)))
    }).pipe(Effect.provide(TestMarket.world))
  )
})

describe("a process that recovers", () => {
  const patient = { quoteTimeout: Duration.minutes(30), jobTimeout: Duration.minutes(30) }

  it.effect("leaves the jobs of a living one alone, however long they take", () =>
    Effect.gen(function* () {
      const who = { secret: Key.generate(), filename: yield* TestMarket.databaseFile }
      const asked = yield* Deferred.make<void>()
      const quote = yield* Deferred.make<void>()
      yield* TestPeer.open({ name: "slow", price }, (job) =>
        Effect.gen(function* () {
          yield* Deferred.succeed(asked, undefined)
          yield* Deferred.await(quote)
          yield* TestPeer.honest(price)(job)
        })
      )
      const bought = yield* Effect.forkChild(
        Effect.flatMap(ComputeClient, (client) => client.requestInference(wish)).pipe(
          Effect.provide(TestMarket.customer({ ...who, options: patient }), { local: true })
        ),
        { startImmediately: true }
      )
      yield* Deferred.await(asked)
      yield* TestClock.adjust("10 minutes")
      yield* Effect.gen(function* () {
        const client = yield* ComputeClient
        const [one] = yield* passing(client.recover)
        assert.strictEqual(one?.job.state, "requested")
      }).pipe(Effect.provide(TestMarket.customer(who), { local: true }))
      yield* Deferred.succeed(quote, undefined)
      assert.strictEqual((yield* passing(Fiber.join(bought))).text, "echo: hello")
    }).pipe(Effect.provide(TestMarket.world))
  )

  it.effect("closes those of a dead one once its lease is over", () =>
    Effect.gen(function* () {
      const peer = yield* TestPeer.open({ name: "peer", price }, () => Effect.void)
      const client = yield* ComputeClient
      yield* Effect.flatMap(Journal, (journal) =>
        journal.requested({
          request: {
            provider: peer.pubkey,
            event: NostrEvent.sign(
              { kind: 42, created_at: 0, tags: [], content: "{}" },
              Key.generate()
            ),
            channel: peer.channel,
            relay: "",
            tagsAnswers: true
          },
          purchase: Treasury.PurchaseId.make("of the dead"),
          providerName: "peer",
          settlement: "upfront",
          preimage: Option.none(),
          model: undefined,
          requestedAt: 0
        })
      ).pipe(Effect.provide(SqlJournal.layer({ budget })))
      assert.strictEqual((yield* passing(client.recover))[0]?.job.state, "requested")
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* passing(client.recover))[0]?.job.state, "unanswered")
      assert.strictEqual(peer.requests.length, 0)
    }).pipe(Effect.provide(TestMarket.market()))
  )
})
