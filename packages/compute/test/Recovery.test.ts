import { assert, describe, it } from "@effect/vitest"
import { Treasury } from "@farthing/budget"
import { Key } from "@farthing/protocol"
import { Relay } from "@farthing/relay"
import { Faults } from "@farthing/wallet"
import { Deferred, Duration, Effect, Fiber, Layer, Stream } from "effect"
import { TestClock } from "effect/testing"
import { hash } from "node:crypto"
import { ComputeClient } from "../src/ComputeClient.ts"
import * as TestMarket from "./TestMarket.ts"
import * as TestPeer from "./TestPeer.ts"
import { passing } from "./TestTime.ts"

const { sats } = TestMarket
const price = sats(10)
const wish = { prompt: "hello", budget: sats(100) }

/** A home that outlives its processes: the same key, the same database file. */
const home = Effect.map(TestMarket.databaseFile, (filename) => {
  const who = { secret: Key.generate(), filename }
  return <A, E, R>(process: Effect.Effect<A, E, R>) =>
    process.pipe(Effect.provide(TestMarket.customer(who), { local: true }))
})

/** The customer's process, with a Treasury that is changed. */
const changing = (
  customer: TestMarket.Customer,
  change: (real: Treasury.Shape) => Treasury.Shape
) =>
  TestMarket.customer(
    customer,
    Layer.effect(Treasury.Treasury, Effect.map(Treasury.Treasury, change))
  )

const walletGone = new Treasury.WalletUnavailable({ message: "no answer" })

/** Buys until the fact is there, and is killed then. */
const diesWhen = Effect.fnUntraced(function* <E, R>(fact: Effect.Effect<unknown, E, R>) {
  const client = yield* ComputeClient
  const purchase = yield* Effect.forkChild(client.requestInference(wish), {
    startImmediately: true
  })
  yield* fact
  yield* Fiber.interrupt(purchase)
})

const recovered = Effect.flatMap(ComputeClient, (client) => passing(client.recover))

const held = Effect.flatMap(Treasury.Treasury, (treasury) =>
  Effect.map(treasury.status, (status) => status.held)
)

describe("a process that dies", () => {
  it.effect("after the payment: the next one collects the result, delivered meanwhile", () =>
    Effect.gen(function* () {
      const inProcess = yield* home
      const paid = yield* Deferred.make<void>()
      const gone = yield* Deferred.make<void>()
      yield* TestPeer.open({ name: "peer", price }, (job) =>
        Effect.gen(function* () {
          yield* job.invoice(price)
          yield* job.paymentSent
          yield* Deferred.succeed(paid, undefined)
          yield* Deferred.await(gone)
          yield* job.result("late but whole")
        })
      )
      yield* inProcess(diesWhen(Deferred.await(paid)))
      yield* Deferred.succeed(gone, undefined)
      yield* inProcess(
        Effect.gen(function* () {
          const [one] = yield* recovered
          assert.strictEqual(one?.job.state, "delivered")
          assert.strictEqual(one?.receipt?.text, "late but whole")
          const client = yield* ComputeClient
          assert.deepStrictEqual(yield* client.receipts(), [one!.receipt!])
          assert.deepStrictEqual(yield* recovered, [])
        })
      )
    }).pipe(Effect.provide(TestMarket.world))
  )

  it.effect("in the middle of a stream: all of it is read again, and the rest awaited", () =>
    Effect.gen(function* () {
      const inProcess = yield* home
      const begun = yield* Deferred.make<void>()
      const back = yield* Deferred.make<void>()
      yield* TestPeer.open({ name: "peer", price }, (job) =>
        Effect.gen(function* () {
          yield* job.invoice(price)
          yield* job.paymentSent
          yield* job.chunk(0, "one ")
          yield* Deferred.succeed(begun, undefined)
          yield* Deferred.await(back)
          yield* job.chunk(1, "two", { is_final: true, sha256: hash("sha256", "one two") })
        })
      )
      yield* inProcess(diesWhen(Deferred.await(begun)))
      yield* inProcess(
        Effect.gen(function* () {
          const recovery = yield* Effect.forkChild(recovered, { startImmediately: true })
          yield* Deferred.succeed(back, undefined)
          const [one] = yield* Fiber.join(recovery)
          assert.strictEqual(one?.receipt?.text, "one two")
        })
      )
    }).pipe(Effect.provide(TestMarket.world))
  )

  it.effect("while paying: the payment is looked up and its result collected, once", () =>
    Effect.gen(function* () {
      const inProcess = yield* home
      const invoiced = yield* Deferred.make<void>()
      const faults = yield* Faults.Faults
      yield* faults.inject("customer", { _tag: "PayThenSilence" })
      yield* TestPeer.open({ name: "peer", price }, (job) =>
        Effect.gen(function* () {
          yield* job.invoice(price)
          yield* Deferred.succeed(invoiced, undefined)
          yield* job.paymentSent
          yield* job.result("paid for once")
        })
      )
      const before = yield* TestMarket.balance
      const paid = Effect.gen(function* () {
        yield* Deferred.await(invoiced)
        while ((yield* TestMarket.balance) === before) yield* Effect.yieldNow
      })
      yield* inProcess(diesWhen(paid))
      yield* inProcess(
        Effect.gen(function* () {
          const [one] = yield* recovered
          assert.strictEqual(one?.receipt?.text, "paid for once")
          assert.strictEqual(yield* held, 0)
        })
      )
      assert.strictEqual(before - (yield* TestMarket.balance), price + TestMarket.fee)
    }).pipe(Effect.provide(TestMarket.world))
  )

  it.effect("after the payment: nobody is blamed while no relay can be reached", () =>
    Effect.gen(function* () {
      const filename = yield* TestMarket.databaseFile
      const customer = TestMarket.customer({ filename })
      const paid = yield* Deferred.make<void>()
      yield* TestPeer.open({ name: "peer", price }, (job) =>
        Effect.gen(function* () {
          yield* job.invoice(price)
          yield* job.paymentSent
          yield* Deferred.succeed(paid, undefined)
        })
      )
      yield* diesWhen(Deferred.await(paid)).pipe(Effect.provide(customer, { local: true }))
      yield* TestClock.adjust("10 minutes")
      const relay = yield* Relay.Relay
      const cutOff = Layer.succeed(Relay.Relay, { ...relay, subscribe: () => Stream.never })
      const [one] = yield* recovered.pipe(
        Effect.provide(customer.pipe(Layer.provide(cutOff)), { local: true })
      )
      assert.strictEqual(one?.job.state, "paid")
    }).pipe(Effect.provide(TestMarket.world))
  )

  it.effect("before the invoice: the job is closed unanswered, once its time is over", () =>
    Effect.gen(function* () {
      const inProcess = yield* home
      const peer = yield* TestPeer.make({ name: "peer", price })
      yield* peer.announce()
      const asked = yield* Deferred.make<void>()
      yield* peer.serve(() => Deferred.succeed(asked, undefined))
      yield* inProcess(diesWhen(Deferred.await(asked)))
      yield* inProcess(
        Effect.gen(function* () {
          const client = yield* ComputeClient
          assert.strictEqual((yield* client.jobs())[0]?.state, "unanswered")
        })
      )
    }).pipe(Effect.provide(TestMarket.world))
  )
})

describe("without the wallet", () => {
  const withoutWallet = (who: TestMarket.Customer) =>
    changing(who, (treasury) => ({ ...treasury, recover: Effect.fail(walletGone) }))

  /** A provider that is paid, and delivers only when the customer is gone. */
  const paidAndGone = Effect.fnUntraced(function* (who: TestMarket.Customer) {
    const paid = yield* Deferred.make<void>()
    const gone = yield* Deferred.make<void>()
    yield* TestPeer.open({ name: "peer", price }, (job) =>
      Effect.gen(function* () {
        yield* job.invoice(price)
        yield* job.paymentSent
        yield* Deferred.succeed(paid, undefined)
        yield* Deferred.await(gone)
        yield* job.result("needs no wallet")
      })
    )
    yield* diesWhen(Deferred.await(paid)).pipe(
      Effect.provide(TestMarket.customer(who), { local: true })
    )
    yield* Deferred.succeed(gone, undefined)
  })

  const someone = Effect.map(TestMarket.databaseFile, (filename) => ({
    secret: Key.generate(),
    filename
  }))

  it.effect("what is paid is collected all the same", () =>
    Effect.gen(function* () {
      const who = yield* someone
      yield* paidAndGone(who)
      const [one] = yield* recovered.pipe(Effect.provide(withoutWallet(who), { local: true }))
      assert.strictEqual(one?.receipt?.text, "needs no wallet")
    }).pipe(Effect.provide(TestMarket.world))
  )

  it.effect("a purchase that is paid is gone on with", () =>
    Effect.gen(function* () {
      const who = yield* someone
      yield* paidAndGone(who)
      const receipt = yield* Effect.gen(function* () {
        const client = yield* ComputeClient
        const [job] = yield* client.jobs()
        return yield* passing(client.requestInference({ ...wish, purchase: job!.purchase }))
      }).pipe(Effect.provide(withoutWallet(who), { local: true }))
      assert.strictEqual(receipt.text, "needs no wallet")
    }).pipe(Effect.provide(TestMarket.world))
  )

  it.effect("what became of a payment is not known, and that is said", () =>
    Effect.gen(function* () {
      const who = yield* someone
      const faults = yield* Faults.Faults
      yield* faults.inject("customer", { _tag: "BreakBeforePaying" })
      yield* TestPeer.open({ name: "peer", price }, TestPeer.honest(price))
      const purchase = Treasury.PurchaseId.make("tick 8")
      const asked = Effect.flatMap(ComputeClient, (client) =>
        passing(Effect.flip(client.requestInference({ ...wish, purchase })))
      )
      yield* asked.pipe(Effect.provide(TestMarket.customer(who), { local: true }))
      yield* Effect.gen(function* () {
        assert.strictEqual((yield* Effect.flip(recovered))._tag, "WalletUnavailable")
        assert.strictEqual((yield* asked)._tag, "WalletUnavailable")
      }).pipe(Effect.provide(withoutWallet(who), { local: true }))
    }).pipe(Effect.provide(TestMarket.world))
  )
})

describe("a delivery that the ledger was not told of", () => {
  it.effect("counts as trust after the next recovery", () =>
    Effect.gen(function* () {
      const filename = yield* TestMarket.databaseFile
      const who = { secret: Key.generate(), filename }
      yield* TestPeer.open({ name: "peer", price }, TestPeer.honest(price))
      const failing = changing(who, (treasury) => ({
        ...treasury,
        conclude: () => Effect.fail(new Treasury.LedgerUnavailable({ message: "disk full" }))
      }))
      const receipt = yield* Effect.flatMap(ComputeClient, (client) =>
        passing(client.requestInference(wish))
      ).pipe(Effect.provide(failing, { local: true }))
      yield* Effect.gen(function* () {
        const treasury = yield* Treasury.Treasury
        const outcome = Effect.map(treasury.find(receipt.purchase), ([spend]) => spend?.outcome)
        assert.isUndefined(yield* outcome)
        assert.deepStrictEqual(yield* recovered, [])
        assert.strictEqual(yield* outcome, "delivered")
      }).pipe(Effect.provide(TestMarket.customer(who), { local: true }))
    }).pipe(Effect.provide(TestMarket.world))
  )
})

describe("a payment whose end was not known", () => {
  it.effect("is looked up later, and its provider has time to deliver", () =>
    Effect.gen(function* () {
      const faults = yield* Faults.Faults
      yield* faults.inject("customer", { _tag: "PayThenBreak" })
      yield* faults.inject("customer", { _tag: "PayThenBreak" })
      yield* TestPeer.open({ name: "peer", price }, TestPeer.honest(price))
      const client = yield* ComputeClient
      const receipt = yield* passing(client.requestInference(wish)).pipe(
        Effect.catchTag("PaymentUnknown", () =>
          Effect.andThen(
            TestClock.adjust("10 minutes"),
            Effect.map(recovered, ([one]) => one?.receipt)
          )
        )
      )
      assert.strictEqual(receipt?.text, "echo: hello")
      assert.strictEqual(yield* held, 0)
    }).pipe(Effect.provide(TestMarket.market()))
  )
})

describe("a payment that failed, as the wallet said, and was made", () => {
  it.effect("is found out by recovery, which collects what was paid for", () =>
    Effect.gen(function* () {
      const who = { secret: Key.generate(), filename: yield* TestMarket.databaseFile }
      yield* TestPeer.open({ name: "peer", price }, (job) =>
        Effect.gen(function* () {
          yield* job.invoice(price)
          yield* job.result("for the money")
        })
      )
      const lying = changing(who, (treasury) => ({
        ...treasury,
        pay: (spend) =>
          Effect.andThen(
            treasury.pay(spend),
            Effect.fail(new Treasury.PaymentFailed({ reason: "no_route", message: "no way" }))
          )
      }))
      const error = yield* Effect.flatMap(ComputeClient, (client) =>
        Effect.flip(passing(client.requestInference(wish)))
      ).pipe(Effect.provide(lying, { local: true }))
      assert.strictEqual(error._tag, "PaymentFailed")
      yield* Effect.gen(function* () {
        const client = yield* ComputeClient
        const [job] = yield* client.jobs()
        assert.strictEqual(job?.state, "unpaid")
        const [one] = yield* recovered
        assert.strictEqual(one?.receipt?.text, "for the money")
        assert.deepStrictEqual(yield* recovered, [])
      }).pipe(Effect.provide(TestMarket.customer(who), { local: true }))
    }).pipe(Effect.provide(TestMarket.world))
  )

  it.effect("is none where it really failed", () =>
    Effect.gen(function* () {
      const faults = yield* Faults.Faults
      yield* faults.inject("customer", { _tag: "FailBeforePaying", reason: "no_route" })
      yield* TestPeer.open({ name: "peer", price }, TestPeer.honest(price))
      const client = yield* ComputeClient
      yield* Effect.flip(passing(client.requestInference(wish)))
      assert.deepStrictEqual(yield* recovered, [])
    }).pipe(Effect.provide(TestMarket.market()))
  )
})

describe("a job that was given up", () => {
  /** Delivers only when the test says so. */
  const lateProvider = Effect.gen(function* () {
    const late = yield* Deferred.make<void>()
    yield* TestPeer.open({ name: "peer", price }, (job) =>
      Effect.gen(function* () {
        yield* job.invoice(price)
        yield* job.paymentSent
        yield* Deferred.await(late)
        yield* job.result("at last")
      })
    )
    return { deliver: Deferred.succeed(late, undefined) }
  })

  it.effect("is delivered late, and the provider forgiven", () =>
    Effect.gen(function* () {
      const { deliver } = yield* lateProvider
      const client = yield* ComputeClient
      const error = yield* Effect.flip(passing(client.requestInference(wish)))
      assert.strictEqual(error._tag, "DeliveryTimeout")
      yield* deliver
      const [one] = yield* recovered
      assert.strictEqual(one?.receipt?.text, "at last")
      const [provider] = yield* client.discoverProviders()
      assert.strictEqual(provider?.record.lost, 0)
      assert.strictEqual(provider?.record.delivered, 1)
      assert.isUndefined(provider?.record.avoidUntil)
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("stays lost while nothing comes, and is forgotten in time", () =>
    Effect.gen(function* () {
      yield* lateProvider
      const client = yield* ComputeClient
      yield* Effect.flip(passing(client.requestInference(wish)))
      const [one] = yield* recovered
      assert.strictEqual(one?.job.state, "lost")
      yield* TestClock.adjust("5 minutes")
      assert.deepStrictEqual(yield* recovered, [])
    }).pipe(Effect.provide(TestMarket.market({ options: { lateDelivery: Duration.minutes(5) } })))
  )
})

describe("a purchase that the caller has named", () => {
  const named = { ...wish, purchase: Treasury.PurchaseId.make("tick 7") }

  it.effect("is paid once, however often it is asked for", () =>
    Effect.gen(function* () {
      const peer = yield* TestPeer.open({ name: "peer", price }, TestPeer.honest(price))
      const client = yield* ComputeClient
      const first = yield* passing(client.requestInference(named))
      const second = yield* passing(client.requestInference(named))
      assert.deepStrictEqual(second, first)
      assert.strictEqual(peer.requests.length, 1)
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("is paid once where several ask for it at once, in one process or in two", () =>
    Effect.gen(function* () {
      const who = { secret: Key.generate(), filename: yield* TestMarket.databaseFile }
      yield* TestPeer.open({ name: "peer", price }, TestPeer.honest(price))
      const before = yield* TestMarket.balance
      const twice = Effect.flatMap(ComputeClient, (client) =>
        Effect.forEach([1, 2], () => Effect.exit(client.requestInference(named)), {
          concurrency: "unbounded"
        })
      ).pipe(Effect.provide(TestMarket.customer(who), { local: true }))
      const ends = yield* passing(Effect.all([twice, twice], { concurrency: "unbounded" }))
      const receipts = ends.flat().flatMap((end) => (end._tag === "Success" ? [end.value] : []))
      assert.isAtLeast(receipts.length, 1)
      assert.strictEqual(new Set(receipts.map(({ preimage }) => preimage)).size, 1)
      assert.strictEqual(before - (yield* TestMarket.balance), price + TestMarket.fee)
    }).pipe(Effect.provide(TestMarket.world))
  )

  it.effect("that somebody else in this process is at loses no job to who asks for it again", () =>
    Effect.gen(function* () {
      const asked = yield* Deferred.make<void>()
      const quote = yield* Deferred.make<void>()
      let requests = 0
      yield* TestPeer.open({ name: "slow", price }, (job) =>
        Effect.gen(function* () {
          if (requests++ > 0) return yield* job.fail
          yield* Deferred.succeed(asked, undefined)
          yield* Deferred.await(quote)
          yield* TestPeer.honest(price)(job)
        })
      )
      const client = yield* ComputeClient
      const first = yield* Effect.forkChild(client.requestInference(named), {
        startImmediately: true
      })
      yield* Deferred.await(asked)
      yield* Effect.flip(passing(client.requestInference(named)))
      yield* TestClock.adjust("15 seconds")
      assert.deepStrictEqual(yield* passing(client.recover), [])
      yield* Deferred.succeed(quote, undefined)
      assert.strictEqual((yield* passing(Fiber.join(first))).text, "echo: hello")
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("is gone on with after a failure that cost nothing", () =>
    Effect.gen(function* () {
      let asked = 0
      yield* TestPeer.open({ name: "peer", price }, (job) =>
        asked++ === 0 ? Effect.void : TestPeer.honest(price)(job)
      )
      const client = yield* ComputeClient
      assert.strictEqual(
        (yield* Effect.flip(passing(client.requestInference(named))))._tag,
        "QuoteTimeout"
      )
      assert.strictEqual((yield* passing(client.requestInference(named))).text, "echo: hello")
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("is not paid again while its result is missing", () =>
    Effect.gen(function* () {
      const peer = yield* TestPeer.open({ name: "thief", price }, (job) => job.invoice(price))
      const client = yield* ComputeClient
      yield* Effect.flip(passing(client.requestInference(named)))
      const error = yield* Effect.flip(passing(client.requestInference(named)))
      assert.strictEqual(error._tag, "DeliveryTimeout")
      assert.strictEqual(peer.requests.length, 1)
    }).pipe(Effect.provide(TestMarket.market()))
  )
})
