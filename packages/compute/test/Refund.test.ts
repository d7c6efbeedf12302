import { assert, describe, it } from "@effect/vitest"
import { Treasury } from "@farthing/budget"
import { Msat, NostrEvent } from "@farthing/protocol"
import { Wallet } from "@farthing/wallet"
import { Effect, Option } from "effect"
import { ComputeClient } from "../src/ComputeClient.ts"
import * as TestMarket from "./TestMarket.ts"
import * as TestPeer from "./TestPeer.ts"
import { passing } from "./TestTime.ts"

const { sats } = TestMarket
const price = sats(10)
const back = sats(8)
const cost = Msat.add(price, TestMarket.fee)
const wish = { prompt: "hello", budget: sats(100) }

/** A provider that is paid and fails. */
const failing = (then: (job: TestPeer.Job) => Effect.Effect<unknown>, name = "peer") =>
  TestPeer.open({ name, price }, (job) =>
    Effect.gen(function* () {
      yield* job.invoice(price)
      yield* job.paymentSent
      yield* job.fail
      yield* then(job)
    })
  )

const failure = Effect.flatMap(ComputeClient, (client) =>
  Effect.flip(passing(client.requestInference(wish)))
)

const spent = Effect.map(TestMarket.balance, (left) => Msat.subtract(sats(1_000_000), left))

const lastJob = Effect.gen(function* () {
  const client = yield* ComputeClient
  const [job] = yield* client.jobs({ limit: 1 })
  return Option.getOrThrow(yield* client.findJob(job!.request))
})

const record = Effect.gen(function* () {
  const client = yield* ComputeClient
  const [provider] = yield* client.discoverProviders()
  return provider!.record
})

const outcome = Effect.gen(function* () {
  const treasury = yield* Treasury.Treasury
  const { job } = yield* lastJob
  const [spend] = yield* treasury.find(job.purchase)
  return spend?.outcome
})

const walletGone = Effect.fail(
  new Wallet.WalletError({ reason: new Wallet.WalletUnreachable({ message: "no answer" }) })
)

describe("a refund that is offered", () => {
  it.effect("is taken: the caller is told what it cost and what came back", () =>
    Effect.gen(function* () {
      yield* failing((job) => Effect.andThen(job.offerRefund(back), job.payRefund))
      const error = yield* failure
      assert.deepInclude(error, { _tag: "DeliveryInvalid", cost, refund: back })
      assert.include(error.message, "out of memory")
      assert.strictEqual(yield* spent, Msat.subtract(cost, back))
      assert.strictEqual(yield* outcome, "refunded")
      const { job, refund } = yield* lastJob
      assert.strictEqual(job.state, "refunded")
      assert.strictEqual(refund?.amount, back)
      assert.isDefined(refund?.receivedAt)
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("stands in the history with every step", () =>
    Effect.gen(function* () {
      yield* failing((job) => Effect.andThen(job.offerRefund(back), job.payRefund))
      yield* failure
      const { refund, steps } = yield* lastJob
      assert.deepStrictEqual(
        steps.slice(-4).map(({ note, state }) => [state, note]),
        [
          ["paid", `fee ${TestMarket.fee} msat`],
          ["paid", `refund offered: ${back} msat`],
          ["refunding", `refund accepted: ${back} msat to our invoice ${refund?.paymentHash}`],
          ["refunded", "refund received"]
        ]
      )
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("is no loss and no delivery", () =>
    Effect.gen(function* () {
      yield* failing((job) => Effect.andThen(job.offerRefund(back), job.payRefund))
      yield* failure
      assert.deepInclude(yield* record, {
        jobs: 1,
        delivered: 0,
        lost: 0,
        refunded: 1,
        avoidUntil: undefined
      })
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("without a word on the failure is taken too", () =>
    Effect.gen(function* () {
      yield* TestPeer.open({ name: "peer", price }, (job) =>
        Effect.gen(function* () {
          yield* job.invoice(price)
          yield* job.paymentSent
          yield* job.chunk(0, "I am ")
          yield* job.offerRefund(back)
          yield* job.payRefund
        })
      )
      assert.deepInclude(yield* failure, { _tag: "DeliveryInvalid", refund: back })
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("and not paid in time is told as promised, and counts as a loss until it comes", () =>
    Effect.gen(function* () {
      yield* failing((job) => job.offerRefund(back))
      const error = yield* failure
      assert.strictEqual(error._tag, "DeliveryInvalid")
      assert.notProperty(error, "refund")
      assert.include(error.message, `promised to give ${back} msat back`)
      assert.strictEqual((yield* lastJob).job.state, "refunding")
      const { avoidUntil, lost, refunded } = yield* record
      assert.deepStrictEqual([lost, refunded], [1, 0])
      assert.isDefined(avoidUntil)
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("cannot be accepted while the wallet is away: the job is lost until then", () => {
    let isAway = true
    const wallet = (real: Wallet.Shape): Wallet.Shape => ({
      ...real,
      makeInvoice: (request) =>
        Effect.suspend(() => (isAway ? walletGone : real.makeInvoice(request)))
    })
    return Effect.gen(function* () {
      yield* failing((job) => Effect.andThen(job.offerRefund(back), job.payRefund))
      const error = yield* failure
      assert.include(error.message, `${back} msat were offered back`)
      const client = yield* ComputeClient
      const [still] = yield* passing(client.recover)
      assert.strictEqual(still?.job.state, "lost")
      isAway = false
      const [one] = yield* passing(client.recover)
      assert.strictEqual(one?.job.state, "refunded")
      assert.deepInclude(yield* record, { lost: 0, refunded: 1, avoidUntil: undefined })
    }).pipe(Effect.provide(TestMarket.market({ wallet })))
  })
})

describe("an offer of a refund that is ignored", () => {
  const other = NostrEvent.EventId.make("1".repeat(64))
  const offer = (job: TestPeer.Job) => ({
    type: "RefundOffer" as const,
    request_id: job.event.id,
    amount_msats: back,
    expires_at: 1_000_000
  })
  const ignored: ReadonlyArray<
    readonly [what: string, note: string | undefined, (job: TestPeer.Job) => Effect.Effect<unknown>]
  > = [
    [
      "is over more than was paid",
      "it is over 10001 msat, and 10000 were paid",
      (job) => job.offerRefund(Msat.make(price + 1))
    ],
    ["is over nothing", "it is over nothing", (job) => job.offerRefund(Msat.zero)],
    ["has expired", "it expired 0 s ago", (job) => job.offerRefund(back, { expires_at: 0 })],
    [
      "names another request",
      undefined,
      (job) => job.say({ ...offer(job), request_id: other }, { reply: job.event.id })
    ],
    ["replies to another request", undefined, (job) => job.say(offer(job), { reply: other })]
  ]
  it.effect.each(ignored)("one that %s", ([, note, say]) =>
    Effect.gen(function* () {
      const peer = yield* failing(say)
      const error = yield* failure
      assert.deepInclude(error, { _tag: "DeliveryInvalid", cost })
      const { job, steps } = yield* lastJob
      assert.strictEqual(job.state, "lost")
      assert.deepStrictEqual(peer.requests[0]?.refundInvoices, [])
      assert.deepStrictEqual(
        steps.flatMap((step) => (step.note.startsWith("refund") ? [step.note] : [])),
        note === undefined ? [] : [`refund offer ignored: ${note}`]
      )
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("one that a stranger makes", () =>
    Effect.gen(function* () {
      const stranger = yield* TestPeer.make({ name: "stranger" })
      const peer = yield* failing((job) => job.say(offer(job), { as: stranger.signer }))
      yield* failure
      assert.strictEqual((yield* lastJob).job.state, "lost")
      assert.deepStrictEqual(peer.requests[0]?.refundInvoices, [])
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("one that came before the payment", () =>
    Effect.gen(function* () {
      const peer = yield* TestPeer.open({ name: "peer", price }, (job) =>
        Effect.gen(function* () {
          yield* job.offerRefund(back)
          yield* job.invoice(price)
          yield* job.paymentSent
          yield* Effect.delay(job.result("done all the same"), "2 seconds")
        })
      )
      const client = yield* ComputeClient
      const receipt = yield* passing(client.requestInference(wish))
      assert.strictEqual(receipt.text, "done all the same")
      assert.deepStrictEqual(peer.requests[0]?.refundInvoices, [])
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("one that comes after the result", () =>
    Effect.gen(function* () {
      const peer = yield* TestPeer.open({ name: "peer", price }, (job) =>
        Effect.gen(function* () {
          yield* job.invoice(price)
          yield* job.paymentSent
          yield* job.result("done")
          yield* job.offerRefund(back)
        })
      )
      const client = yield* ComputeClient
      yield* passing(client.requestInference(wish))
      assert.deepStrictEqual(yield* passing(client.recover), [])
      assert.strictEqual((yield* lastJob).job.state, "delivered")
      assert.deepStrictEqual(peer.requests[0]?.refundInvoices, [])
    }).pipe(Effect.provide(TestMarket.market()))
  )
})

describe("a result that comes after the refund was accepted", () => {
  it.effect("is ignored and noted", () =>
    Effect.gen(function* () {
      yield* failing((job) =>
        Effect.gen(function* () {
          yield* job.offerRefund(back)
          yield* job.refundInvoice
          yield* job.result("after all")
          yield* Effect.delay(job.payRefund, "3 seconds")
        })
      )
      assert.deepInclude(yield* failure, { _tag: "DeliveryInvalid", refund: back })
      const { job, receipt, steps } = yield* lastJob
      assert.strictEqual(job.state, "refunded")
      assert.isUndefined(receipt)
      assert.include(
        steps.map(({ note }) => note),
        "a result came after the refund was accepted: ignored"
      )
      const client = yield* ComputeClient
      assert.deepStrictEqual(yield* passing(client.recover), [])
    }).pipe(Effect.provide(TestMarket.market()))
  )
})

describe("a purchase that was refunded", () => {
  it.effect("is not paid again under its name", () =>
    Effect.gen(function* () {
      const peer = yield* failing((job) => Effect.andThen(job.offerRefund(back), job.payRefund))
      const client = yield* ComputeClient
      const named = { ...wish, purchase: Treasury.PurchaseId.make("tick 9") }
      for (const _ of [1, 2])
        assert.deepInclude(yield* Effect.flip(passing(client.requestInference(named))), {
          _tag: "DeliveryInvalid",
          cost,
          refund: back
        })
      assert.strictEqual(peer.requests.length, 1)
      assert.strictEqual(yield* spent, Msat.subtract(cost, back))
    }).pipe(Effect.provide(TestMarket.market()))
  )
})
