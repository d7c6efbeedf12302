import { assert, describe, it } from "@effect/vitest"
import { Treasury } from "@farthing/budget"
import { type Bolt11, Msat } from "@farthing/protocol"
import { Faults } from "@farthing/wallet"
import { Deferred, Duration, Effect } from "effect"
import { hash } from "node:crypto"
import { ComputeClient, type InferenceRequest } from "../src/ComputeClient.ts"
import * as TestMarket from "./TestMarket.ts"
import * as TestPeer from "./TestPeer.ts"
import { passing } from "./TestTime.ts"

const { sats } = TestMarket
const price = sats(10)
const cost = Msat.add(price, TestMarket.fee)

/** Buys, and answers with the error. */
const failure = (request: Partial<InferenceRequest> = {}) =>
  Effect.flatMap(ComputeClient, (client) =>
    Effect.flip(
      passing(client.requestInference({ prompt: "hello", budget: sats(100), ...request }))
    )
  )

/** A provider that takes the money, and then does something else than others. */
const afterPayment = (then: (job: TestPeer.Job) => Effect.Effect<unknown>) => (job: TestPeer.Job) =>
  Effect.gen(function* () {
    yield* job.invoice(price)
    yield* job.paymentSent
    yield* then(job)
  })

const provider = (script: (job: TestPeer.Job) => Effect.Effect<unknown>, name = "peer") =>
  TestPeer.open({ name, price }, script)

const spent = Effect.map(TestMarket.balance, (left) => Msat.subtract(sats(1_000_000), left))

const stateOfLastJob = Effect.gen(function* () {
  const client = yield* ComputeClient
  const [job] = yield* client.jobs({ limit: 1 })
  return job?.state
})

const records = Effect.gen(function* () {
  const client = yield* ComputeClient
  const providers = yield* client.discoverProviders()
  return providers.find(({ name }) => name === "peer")?.record
})

describe("before anything is asked", () => {
  it.effect("NoProviders: nobody is announced", () =>
    Effect.gen(function* () {
      const error = yield* failure()
      assert.strictEqual(error._tag, "NoProviders")
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("NoProviderWithinBudget tells the lowest price", () =>
    Effect.gen(function* () {
      yield* provider(TestPeer.honest(price))
      const error = yield* failure({ budget: sats(9) })
      assert.strictEqual(error._tag, "NoProviderWithinBudget")
      assert.strictEqual(error._tag === "NoProviderWithinBudget" ? error.cheapest : 0, price)
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("SettlementUnavailable: nobody takes payment our way", () =>
    Effect.gen(function* () {
      const peer = yield* TestPeer.make({ name: "peer", price })
      yield* peer.announce({ settlements: ["escrow"] })
      const error = yield* failure()
      assert.strictEqual(error._tag, "SettlementUnavailable")
      assert.lengthOf(peer.requests, 0)
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("BudgetExhausted: nobody hears of it", () =>
    Effect.gen(function* () {
      const peer = yield* provider(TestPeer.honest(price))
      const error = yield* failure()
      assert.strictEqual(error._tag, "BudgetExhausted")
      assert.strictEqual(peer.requests.length, 0)
    }).pipe(Effect.provide(TestMarket.market({ limits: { daily: sats(5) } })))
  )

  it.effect("ApprovalRequired, unless a person has agreed", () =>
    Effect.gen(function* () {
      const peer = yield* provider(TestPeer.honest(price))
      const error = yield* failure()
      assert.strictEqual(error._tag, "ApprovalRequired")
      assert.strictEqual(peer.requests.length, 0)
      const client = yield* ComputeClient
      const receipt = yield* client.requestInference({
        prompt: "hello",
        budget: sats(100),
        approved: true
      })
      assert.strictEqual(receipt.cost, cost)
    }).pipe(Effect.provide(TestMarket.market({ limits: { approvalAbove: sats(5) } })))
  )
})

describe("before anything is paid", () => {
  it.effect("ProviderRefused", () =>
    Effect.gen(function* () {
      yield* provider((job) =>
        job.say({
          type: "JobError",
          request_id: job.event.id,
          code: "over_capacity",
          message: "come back\u001b[2J later"
        })
      )
      const error = yield* failure()
      assert.strictEqual(
        error._tag === "ProviderRefused" ? error.code : error._tag,
        "over_capacity"
      )
      assert.notInclude(error.message, "\u001b")
      assert.strictEqual(yield* stateOfLastJob, "refused")
      assert.strictEqual((yield* records)?.refused, 1)
      assert.strictEqual(yield* spent, 0)
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("ProviderRefused: one takes its quote back before it is paid", () =>
    Effect.gen(function* () {
      const takenBack = yield* Deferred.make<void>()
      yield* provider((job) =>
        Effect.gen(function* () {
          yield* job.invoice(price)
          yield* job.say({
            type: "JobError",
            request_id: job.event.id,
            code: "over_capacity",
            message: "too late"
          })
          yield* Deferred.succeed(takenBack, undefined)
        })
      )
      yield* TestPeer.open({ name: "slow and dear", price: sats(12) }, (job) =>
        Effect.andThen(Deferred.await(takenBack), job.invoice(sats(50)))
      )
      const error = yield* failure({ selection: { quotes: 2 } })
      assert.strictEqual(
        error._tag === "ProviderRefused" ? error.code : error._tag,
        "over_capacity"
      )
      assert.strictEqual(yield* spent, 0)
      assert.strictEqual((yield* records)?.refused, 1)
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("QuoteTimeout", () =>
    Effect.gen(function* () {
      yield* provider(() => Effect.void)
      const error = yield* failure()
      assert.strictEqual(error._tag, "QuoteTimeout")
      assert.strictEqual(yield* stateOfLastJob, "unanswered")
    }).pipe(Effect.provide(TestMarket.market()))
  )

  const overpriced: ReadonlyArray<
    readonly [what: string, reason: string, (job: TestPeer.Job) => Effect.Effect<unknown>]
  > = [
    ["asks more than it announced", "above_price", (job) => job.invoice(sats(11))],
    [
      "says less than its invoice asks",
      "amount_mismatch",
      (job) => job.invoice(sats(50), { amount_msats: price })
    ],
    [
      "asks for another settlement",
      "settlement_not_asked",
      (job) => job.invoice(price, { settlement: "escrow" })
    ],
    ["asks to hold the money", "hold_in_upfront", (job) => job.invoice(price, { hold: true })],
    ["sends nonsense", "undecodable", (job) => job.invoice(price, { bolt11: "lnbcrt1" })]
  ]
  it.effect.each(overpriced)("InvoiceRejected: one %s", ([, reason, script]) =>
    Effect.gen(function* () {
      yield* provider(script)
      const error = yield* failure()
      assert.strictEqual(error._tag === "InvoiceRejected" ? error.reason : error._tag, reason)
      assert.strictEqual(yield* stateOfLastJob, "rejected")
      assert.strictEqual((yield* records)?.rejected, 1)
      assert.strictEqual(yield* spent, 0)
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("InvoiceRejected: one gives the same invoice to two jobs", () =>
    Effect.gen(function* () {
      let first: Bolt11.Invoice | undefined
      yield* provider((job) =>
        Effect.gen(function* () {
          if (first === undefined) first = yield* job.invoice(price)
          else yield* job.invoice(price, { bolt11: first.bolt11, payment_hash: first.paymentHash })
          yield* job.paymentSent
          yield* job.result("once")
        })
      )
      const client = yield* ComputeClient
      yield* client.requestInference({ prompt: "hello", budget: sats(100) })
      const error = yield* failure()
      assert.strictEqual(error._tag === "InvoiceRejected" ? error.reason : error._tag, "reused")
      assert.strictEqual(yield* spent, cost)
    }).pipe(Effect.provide(TestMarket.market()))
  )
})

describe("while paying", () => {
  const withFault = (fault: Faults.Fault) =>
    Effect.gen(function* () {
      const faults = yield* Faults.Faults
      yield* faults.inject("customer", fault)
      yield* provider(TestPeer.honest(price))
    })

  it.effect("PaymentFailed: nothing left the wallet", () =>
    Effect.gen(function* () {
      yield* withFault({ _tag: "FailBeforePaying", reason: "insufficient_balance" })
      const error = yield* failure()
      assert.strictEqual(
        error._tag === "PaymentFailed" ? error.reason : error._tag,
        "insufficient_balance"
      )
      assert.strictEqual(yield* stateOfLastJob, "unpaid")
      assert.strictEqual(yield* spent, 0)
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("PaymentUnknown: it is not tried again", () =>
    Effect.gen(function* () {
      yield* withFault({ _tag: "BreakBeforePaying" })
      const error = yield* failure()
      assert.strictEqual(error._tag, "PaymentUnknown")
      assert.strictEqual(yield* stateOfLastJob, "unknown")
      const treasury = yield* Treasury.Treasury
      assert.isAbove((yield* treasury.status).held, 0)
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("BudgetExhausted: what a provider without a record may get", () =>
    Effect.gen(function* () {
      yield* TestPeer.open({ name: "unpriced" }, TestPeer.honest(price))
      const error = yield* failure()
      assert.strictEqual(
        error._tag === "BudgetExhausted" ? error.limit : error._tag,
        "first_spend_limit_sats"
      )
      assert.strictEqual(yield* stateOfLastJob, "unpaid")
      assert.strictEqual(yield* spent, 0)
    }).pipe(Effect.provide(TestMarket.market({ limits: { firstSpend: sats(5) } })))
  )
})

describe("a payment that takes longer than the job may", () => {
  it.effect("leaves the provider its time: who was paid is not blamed at once", () =>
    Effect.gen(function* () {
      const faults = yield* Faults.Faults
      yield* faults.inject("customer", { _tag: "PaySlowly", delay: "50 seconds" })
      yield* provider(
        afterPayment((job) => Effect.delay(job.result("late, by no fault of mine"), "2 seconds"))
      )
      const client = yield* ComputeClient
      const receipt = yield* passing(
        client.requestInference({ prompt: "hello", budget: sats(100) })
      )
      assert.strictEqual(receipt.text, "late, by no fault of mine")
      assert.strictEqual((yield* records)?.lost, 0)
    }).pipe(Effect.provide(TestMarket.market({ options: { jobTimeout: Duration.seconds(40) } })))
  )
})

describe("after the payment", () => {
  const lost = Effect.gen(function* () {
    assert.strictEqual(yield* spent, cost)
    assert.strictEqual(yield* stateOfLastJob, "lost")
    const record = yield* records
    assert.strictEqual(record?.lost, 1)
    assert.isDefined(record?.avoidUntil)
    assert.strictEqual((yield* failure())._tag, "NoProviderWithinBudget")
  })

  it.effect("DeliveryTimeout: nothing comes", () =>
    Effect.gen(function* () {
      yield* provider(afterPayment(() => Effect.void))
      const error = yield* failure()
      assert.strictEqual(error._tag === "DeliveryTimeout" ? error.cost : error._tag, cost)
      yield* lost
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("DeliveryTruncated: the stream ends without its end", () =>
    Effect.gen(function* () {
      yield* provider(
        afterPayment((job) => Effect.andThen(job.chunk(0, "half"), job.chunk(2, "…")))
      )
      const error = yield* failure()
      assert.strictEqual(error._tag === "DeliveryTruncated" ? error.cost : error._tag, cost)
      yield* lost
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect(
    "DeliveryTruncated: a stream that never ends is cut off when the job's time is over",
    () =>
      Effect.gen(function* () {
        yield* provider(
          afterPayment((job) =>
            Effect.gen(function* () {
              for (let seq = 0; seq < 1000; seq++) {
                yield* job.chunk(seq, "more ")
                yield* Effect.sleep("10 seconds")
              }
            })
          )
        )
        const error = yield* failure()
        assert.strictEqual(error._tag, "DeliveryTruncated")
        yield* lost
      }).pipe(Effect.provide(TestMarket.market()))
  )

  const invalid: ReadonlyArray<
    readonly [what: string, (job: TestPeer.Job) => Effect.Effect<unknown>]
  > = [
    ["the digest is another text's", (job) => job.result("a", { sha256: hash("sha256", "b") })],
    [
      "the provider fails",
      (job) =>
        job.say({
          type: "JobError",
          request_id: job.event.id,
          code: "inference_failed",
          message: "out of memory"
        })
    ]
  ]
  it.effect.each(invalid)("DeliveryInvalid: %s", ([, script]) =>
    Effect.gen(function* () {
      yield* provider(afterPayment(script))
      const error = yield* failure()
      assert.strictEqual(error._tag === "DeliveryInvalid" ? error.cost : error._tag, cost)
      yield* lost
    }).pipe(Effect.provide(TestMarket.market()))
  )
})
