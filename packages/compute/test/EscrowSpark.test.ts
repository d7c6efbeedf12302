import { Treasury } from "@farthing/budget"
import { assert, describe, it } from "@effect/vitest"
import { type AgentMessage, Bolt11, Key, Msat, PaymentRequest } from "@farthing/protocol"
import { Signer } from "@farthing/relay"
import { Bank } from "@farthing/wallet"
import { Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { ComputeClient } from "../src/ComputeClient.ts"
import type { InvoiceFault } from "../src/ComputeError.ts"
import * as TestMarket from "./TestMarket.ts"
import * as TestPeer from "./TestPeer.ts"
import * as TestSpark from "./TestSpark.ts"

const { sats } = TestMarket
const price = sats(10)

const profile: TestPeer.Profile = {
  name: "peer",
  price,
  announcement: { settlements: ["escrow"], rails: ["spark"] }
}

const locks = TestSpark.locks

const market = (who: TestMarket.Customer = {}) =>
  TestMarket.customer({
    options: { settlement: ["escrow"] },
    ...who,
    purse: TestSpark.wallet.pipe(Layer.provide(locks))
  }).pipe(Layer.provideMerge(TestSpark.world), Layer.provideMerge(locks))

/** Quotes, is paid, delivers, and takes what it is released. */
const honest = Effect.map(Bank.Bank, (bank) =>
  Effect.fnUntraced(function* (job: TestPeer.Job) {
    yield* job.say(TestSpark.quoteOf(job, price))
    yield* job.htlcLocked
    yield* job.result("an answer")
    yield* TestSpark.claim(bank, job.signer.publicKey, yield* job.released)
  })
)

const anyHash = Bolt11.PaymentHash.make("ab".repeat(32))

const ask = { prompt: "hello", budget: sats(100) }

const buy = Effect.flatMap(ComputeClient, (client) => client.requestInference(ask))

const untouched = Effect.gen(function* () {
  const { held, spentEver } = yield* (yield* Treasury.Treasury).status
  assert.deepStrictEqual({ held, spentEver }, { held: Msat.zero, spentEver: Msat.zero })
  assert.deepStrictEqual(yield* TestSpark.Locks, [])
})

describe("an escrow over Spark", () => {
  it.effect("is asked for on that rail, locked at the quoted address, and costs no fee", () =>
    Effect.gen(function* () {
      const peer = yield* TestPeer.open(profile, yield* honest)
      const receipt = yield* buy
      assert.deepInclude(receipt, { text: "an answer", cost: price, fee: Msat.zero })
      const asked = yield* Effect.fromResult(PaymentRequest.parse(receipt.bolt11))
      assert.deepInclude(asked, {
        address: TestSpark.addressOf(peer.pubkey),
        paymentHash: Bolt11.hashOf(receipt.preimage),
        lockSeconds: 1_020
      })
      const [job] = peer.requests
      assert.deepInclude(job?.request, { settlement: ["escrow"], rails: ["spark"] })
      assert.deepInclude(job?.followUps[0], { type: "HtlcLocked", rail: "spark" })
      assert.strictEqual(yield* TestSpark.balanceOf(peer.pubkey), price)
      const { findings, spent } = yield* (yield* Treasury.Treasury).audit
      assert.deepStrictEqual([findings, spent], [[], price])
    }).pipe(Effect.provide(market()))
  )

  const other = Key.publicKeyOf(Key.generate())
  const refused: ReadonlyArray<
    readonly [what: string, fault: InvoiceFault, change: Partial<AgentMessage.EscrowQuote>]
  > = [
    [
      "to an address of another network",
      "wrong_network",
      { spark_address: TestSpark.addressOf(other, "mainnet") }
    ],
    ["to what is no address", "undecodable", { spark_address: "sparkrt1nonsense" }],
    ["over more than was announced", "above_price", { amount_msats: sats(11) }],
    ["over a part of a sat", "no_amount", { amount_msats: Msat.make(9_999) }],
    ["over nothing", "no_amount", { amount_msats: Msat.zero }],
    ["on a hash of its own", "hash_not_ours", { payment_hash: anyHash }],
    ["for less than the job needs", "lock_too_short", { lock_secs: 719 }],
    ["for longer than a day", "lock_too_long", { lock_secs: 86_401 }],
    ["that has expired", "expired", { expires_at: 0 }]
  ]
  for (const [what, fault, change] of refused)
    it.effect(`is not locked where the quote is one ${what}`, () =>
      Effect.gen(function* () {
        yield* TestPeer.open(profile, (job) => job.say(TestSpark.quoteOf(job, price, change)))
        const error = yield* Effect.flip(buy)
        assert(error._tag === "InvoiceRejected", error.message)
        assert.strictEqual(error.reason, fault)
        yield* untouched
      }).pipe(Effect.provide(market()))
    )

  it.effect("goes to the first address that was quoted, whatever is said later", () =>
    Effect.gen(function* () {
      const play = yield* honest
      const peer = yield* TestPeer.open(profile, (job) =>
        Effect.gen(function* () {
          const playing = yield* Effect.forkChild(play(job), { startImmediately: true })
          yield* job.say(
            TestSpark.quoteOf(job, price, { spark_address: TestSpark.addressOf(other) })
          )
          yield* Fiber.join(playing)
        })
      )
      yield* buy
      assert.deepStrictEqual(
        (yield* TestSpark.Locks).map(({ address }) => address),
        [TestSpark.addressOf(peer.pubkey)]
      )
    }).pipe(Effect.provide(market()))
  )

  it.effect("does not hear the quote of somebody who was not asked", () =>
    Effect.gen(function* () {
      const play = yield* honest
      const stranger = Signer.make(Key.generate())
      const peer = yield* TestPeer.open(profile, (job) =>
        Effect.andThen(
          job.say(
            TestSpark.quoteOf(job, price, {
              spark_address: TestSpark.addressOf(stranger.publicKey)
            }),
            { as: stranger }
          ),
          play(job)
        )
      )
      yield* buy
      assert.deepStrictEqual(
        (yield* TestSpark.Locks).map(({ address }) => address),
        [TestSpark.addressOf(peer.pubkey)]
      )
    }).pipe(Effect.provide(market()))
  )

  const unasked: ReadonlyArray<
    readonly [
      settlement: "escrow" | "upfront",
      rails: ReadonlyArray<"lightning" | "spark">,
      fault: InvoiceFault
    ]
  > = [
    ["upfront", ["lightning"], "settlement_not_asked"],
    ["escrow", ["lightning"], "rail_not_asked"]
  ]
  for (const [settlement, rails, fault] of unasked)
    it.effect(`is not taken where ${settlement} over ${rails.join()} was asked for`, () =>
      Effect.gen(function* () {
        const announcement = { settlements: [settlement], rails }
        yield* TestPeer.open({ ...profile, announcement }, (job) =>
          job.say(TestSpark.quoteOf(job, price, { payment_hash: anyHash }))
        )
        const error = yield* Effect.flip(buy)
        assert(error._tag === "InvoiceRejected", error.message)
        assert.strictEqual(error.reason, fault)
        yield* untouched
      }).pipe(Effect.provide(market({ options: { settlement: [settlement] } })))
    )

  it.effect("is not paid by a hold invoice instead", () =>
    Effect.gen(function* () {
      yield* TestPeer.open(profile, (job) =>
        Effect.flatMap(job.makeHold(price, { paymentHash: TestSpark.hashIn(job) }), (invoice) =>
          job.quote(invoice, { settlement: "escrow", hold: true })
        )
      )
      const error = yield* Effect.flip(buy)
      assert(error._tag === "InvoiceRejected", error.message)
      assert.strictEqual(error.reason, "rail_not_asked")
      yield* untouched
    }).pipe(Effect.provide(market()))
  )

  it.effect("is not asked for with a wallet on Lightning, which says so", () =>
    Effect.gen(function* () {
      const peer = yield* TestPeer.open(profile, () => Effect.void)
      const error = yield* Effect.flip(buy)
      assert.strictEqual(error._tag, "SettlementUnavailable")
      assert.include(error.message, "no provider offers escrow")
      assert.lengthOf(peer.requests, 0)
    }).pipe(
      Effect.provide(
        TestMarket.customer({ options: { settlement: ["escrow"] } }).pipe(
          Layer.provideMerge(TestSpark.world)
        )
      )
    )
  )

  it.effect("that nobody delivers for counts as held until its money is back", () =>
    Effect.gen(function* () {
      const bank = yield* Bank.Bank
      const peer = yield* TestPeer.open(profile, (job) => job.say(TestSpark.quoteOf(job, price)))
      const buying = yield* Effect.forkChild(Effect.flip(buy), { startImmediately: true })
      yield* Effect.repeat(TestSpark.Locks, { until: (locks) => locks.length > 0 })
      yield* Effect.repeat(Effect.yieldNow, { times: 50 })
      yield* TestClock.adjust("2 minutes")
      const error = yield* Fiber.join(buying)
      assert(error._tag === "DeliveryTimeout", error.message)
      assert.deepStrictEqual([error.cost, error.held], [Msat.zero, price])
      const treasury = yield* Treasury.Treasury
      assert.strictEqual((yield* treasury.status).locked, price)
      const [htlc] = yield* TestSpark.Locks
      yield* TestSpark.giveBack(bank, peer.pubkey, htlc!.paymentHash)
      const client = yield* ComputeClient
      yield* client.recover
      assert.deepStrictEqual(
        (yield* client.jobs()).map(({ state }) => state),
        ["returned"]
      )
      const { held, spentEver } = yield* treasury.status
      assert.deepStrictEqual({ held, spentEver }, { held: Msat.zero, spentEver: Msat.zero })
      assert.deepStrictEqual((yield* treasury.audit).findings, [])
    }).pipe(Effect.provide(market()))
  )
})
