import { assert, describe, it } from "@effect/vitest"
import { Treasury } from "@farthing/budget"
import { AgentMessage, Key, NostrEvent } from "@farthing/protocol"
import { Relay } from "@farthing/relay"
import { Wallet } from "@farthing/wallet"
import { Deferred, Effect, Fiber, Layer, Option, Stream } from "effect"
import { TestClock } from "effect/testing"
import { ComputeClient } from "../src/ComputeClient.ts"
import * as TestMarket from "./TestMarket.ts"
import * as TestPeer from "./TestPeer.ts"
import { passing } from "./TestTime.ts"

const { sats } = TestMarket
const price = sats(10)
const back = sats(8)
const wish = { prompt: "hello", budget: sats(100) }

/** A home that outlives its processes. */
const home = Effect.map(TestMarket.databaseFile, (filename) => ({
  secret: Key.generate(),
  filename
}))

/** A provider that is paid, fails, offers the money back and pays it as soon as it is asked to. */
const failing = (then: (job: TestPeer.Job) => Effect.Effect<unknown> = (job) => job.payRefund) =>
  TestPeer.open({ name: "peer", price }, (job) =>
    Effect.gen(function* () {
      yield* job.invoice(price)
      yield* job.paymentSent
      yield* job.fail
      yield* job.offerRefund(back)
      yield* then(job)
    })
  )

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

const detail = Effect.gen(function* () {
  const client = yield* ComputeClient
  const [job] = yield* client.jobs()
  return Option.getOrThrow(yield* client.findJob(job!.request))
})

const inProcess = (who: TestMarket.Customer, seen?: Parameters<typeof TestMarket.customer>[1]) =>
  Effect.provide(TestMarket.customer(who, seen), { local: true })

/** The relay of a process that can send anything but invoices for refunds. */
const mute = (reached: Deferred.Deferred<void>) =>
  Layer.effect(
    Relay.Relay,
    Effect.map(Relay.Relay, (relay) => ({
      ...relay,
      publish: (event: NostrEvent.NostrEvent) =>
        Option.exists(AgentMessage.parse(event.content), ({ type }) => type === "RefundInvoice")
          ? Effect.andThen(Deferred.succeed(reached, undefined), Effect.never)
          : relay.publish(event)
    }))
  )

const moneyIsBackOnce = Effect.fnUntraced(function* (peer: TestPeer.Peer) {
  const { job, refund } = yield* detail
  assert.strictEqual(job.state, "refunded")
  assert.isDefined(refund?.receivedAt)
  const treasury = yield* Treasury.Treasury
  const [spend] = yield* treasury.find(job.purchase)
  assert.strictEqual(spend?.outcome, "refunded")
  const lost = price + TestMarket.fee - back
  assert.strictEqual(yield* TestMarket.balance, sats(1_000_000) - lost)
  const sent = peer.requests[0]!.refundInvoices
  assert.deepStrictEqual(new Set(sent.map(({ id }) => id)), new Set([refund!.event.id]))
  assert.deepStrictEqual(yield* recovered, [])
})

describe("a process that dies during a refund", () => {
  it.effect("before it has an invoice: the next one accepts the offer", () =>
    Effect.gen(function* () {
      const who = yield* home
      const asked = yield* Deferred.make<void>()
      const peer = yield* failing()
      const wallet = (real: Wallet.Shape): Wallet.Shape => ({
        ...real,
        makeInvoice: () => Effect.andThen(Deferred.succeed(asked, undefined), Effect.never)
      })
      yield* diesWhen(Deferred.await(asked)).pipe(inProcess({ ...who, wallet }))
      yield* Effect.gen(function* () {
        assert.strictEqual((yield* detail).job.state, "paid")
        const [one] = yield* recovered
        assert.strictEqual(one?.job.state, "refunded")
        yield* moneyIsBackOnce(peer)
      }).pipe(inProcess(who))
    }).pipe(Effect.provide(TestMarket.world))
  )

  it.effect("before it has sent its invoice: the next one sends what was signed", () =>
    Effect.gen(function* () {
      const who = yield* home
      const reached = yield* Deferred.make<void>()
      const peer = yield* failing()
      yield* diesWhen(Deferred.await(reached)).pipe(
        Effect.provide(TestMarket.customer(who).pipe(Layer.provide(mute(reached))), { local: true })
      )
      yield* Effect.gen(function* () {
        const { job, refund } = yield* detail
        assert.strictEqual(job.state, "refunding")
        assert.deepStrictEqual(peer.requests[0]?.refundInvoices, [])
        const [one] = yield* recovered
        assert.strictEqual(one?.refund?.bolt11, refund?.bolt11)
        assert.isDefined(one?.refund?.receivedAt)
        yield* moneyIsBackOnce(peer)
      }).pipe(inProcess(who))
    }).pipe(Effect.provide(TestMarket.world))
  )

  it.effect("while the provider pays: the next one sends the same bytes and asks the wallet", () =>
    Effect.gen(function* () {
      const who = yield* home
      const asked = yield* Deferred.make<void>()
      const peer = yield* failing((job) =>
        Effect.andThen(job.refundInvoice, Deferred.succeed(asked, undefined))
      )
      yield* diesWhen(Deferred.await(asked)).pipe(inProcess(who))
      yield* Effect.gen(function* () {
        const [promised] = yield* recovered
        assert.strictEqual(promised?.job.state, "refunding")
        yield* peer.requests[0]!.payRefund
        yield* recovered
        yield* moneyIsBackOnce(peer)
      }).pipe(inProcess(who))
    }).pipe(Effect.provide(TestMarket.world))
  )

  it.effect("before the ledger knows that the money is back: the next one tells it", () =>
    Effect.gen(function* () {
      const who = yield* home
      const reached = yield* Deferred.make<void>()
      const peer = yield* failing()
      const forgetful = Layer.effect(
        Treasury.Treasury,
        Effect.map(Treasury.Treasury, (treasury) => ({
          ...treasury,
          conclude: () => Effect.andThen(Deferred.succeed(reached, undefined), Effect.never)
        }))
      )
      yield* diesWhen(Deferred.await(reached)).pipe(inProcess(who, forgetful))
      yield* Effect.gen(function* () {
        assert.strictEqual((yield* detail).job.state, "refunded")
        yield* recovered
        yield* moneyIsBackOnce(peer)
      }).pipe(inProcess(who))
    }).pipe(Effect.provide(TestMarket.world))
  )

  it.effect("before the offer came: the next one hears of it", () =>
    Effect.gen(function* () {
      const who = yield* home
      const paid = yield* Deferred.make<void>()
      const gone = yield* Deferred.make<void>()
      const peer = yield* TestPeer.open({ name: "peer", price }, (job) =>
        Effect.gen(function* () {
          yield* job.invoice(price)
          yield* job.paymentSent
          yield* Deferred.succeed(paid, undefined)
          yield* Deferred.await(gone)
          yield* job.offerRefund(back)
          yield* job.payRefund
        })
      )
      yield* diesWhen(Deferred.await(paid)).pipe(inProcess(who))
      yield* Deferred.succeed(gone, undefined)
      yield* Effect.gen(function* () {
        yield* recovered
        yield* moneyIsBackOnce(peer)
      }).pipe(inProcess(who))
    }).pipe(Effect.provide(TestMarket.world))
  )
})

describe("a job that was given up", () => {
  it.effect("is refunded late: the offer came days after", () =>
    Effect.gen(function* () {
      const late = yield* Deferred.make<void>()
      const peer = yield* TestPeer.open({ name: "peer", price }, (job) =>
        Effect.gen(function* () {
          yield* job.invoice(price)
          yield* job.paymentSent
          yield* Deferred.await(late)
          yield* job.offerRefund(back)
          yield* job.payRefund
        })
      )
      const client = yield* ComputeClient
      yield* Effect.flip(passing(client.requestInference(wish)))
      assert.strictEqual((yield* detail).job.state, "lost")
      yield* TestClock.adjust("3 days")
      yield* Deferred.succeed(late, undefined)
      yield* recovered
      yield* moneyIsBackOnce(peer)
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("and has both a result and an offer by then is delivered", () =>
    Effect.gen(function* () {
      const late = yield* Deferred.make<void>()
      const peer = yield* TestPeer.open({ name: "peer", price }, (job) =>
        Effect.gen(function* () {
          yield* job.invoice(price)
          yield* job.paymentSent
          yield* Deferred.await(late)
          yield* job.offerRefund(back)
          yield* job.result("both")
        })
      )
      const client = yield* ComputeClient
      yield* Effect.flip(passing(client.requestInference(wish)))
      yield* Deferred.succeed(late, undefined)
      const [one] = yield* recovered
      assert.strictEqual(one?.receipt?.text, "both")
      assert.deepStrictEqual(peer.requests[0]?.refundInvoices, [])
    }).pipe(Effect.provide(TestMarket.market()))
  )
})

describe("a refund that another process accepted", () => {
  it.effect("stands, though the result comes to the one that waits for it", () =>
    Effect.gen(function* () {
      const who = yield* home
      const offered = yield* Deferred.make<void>()
      const peer = yield* TestPeer.open({ name: "peer", price }, (job) =>
        Effect.gen(function* () {
          yield* job.invoice(price)
          yield* job.paymentSent
          yield* job.offerRefund(back)
          yield* Deferred.succeed(offered, undefined)
          yield* job.payRefund
          yield* job.result("too late")
        })
      )
      /** The relay of a process that misses the offer. */
      const deaf = Layer.effect(
        Relay.Relay,
        Effect.map(Relay.Relay, (relay) => ({
          ...relay,
          subscribe: (...asked: Parameters<typeof relay.subscribe>) =>
            Stream.filter(
              relay.subscribe(...asked),
              ({ content }) =>
                !Option.exists(AgentMessage.parse(content), ({ type }) => type === "RefundOffer")
            )
        }))
      )
      const bought = yield* Effect.forkChild(
        Effect.flatMap(ComputeClient, (client) => client.requestInference(wish)).pipe(
          Effect.provide(TestMarket.customer(who).pipe(Layer.provide(deaf)), { local: true })
        ),
        { startImmediately: true }
      )
      yield* Deferred.await(offered)
      yield* Effect.gen(function* () {
        yield* recovered
        yield* passing(Fiber.join(bought))
        assert.strictEqual((yield* detail).steps.at(-1)?.state, "refunded")
        assert.isUndefined((yield* detail).receipt)
        yield* moneyIsBackOnce(peer)
      }).pipe(inProcess(who))
    }).pipe(Effect.provide(TestMarket.world))
  )
})

describe("a refund that was promised", () => {
  const promised = Effect.fnUntraced(function* (who: TestMarket.Customer) {
    const peer = yield* failing(() => Effect.void)
    yield* Effect.flatMap(ComputeClient, (client) =>
      Effect.flip(passing(client.requestInference(wish)))
    ).pipe(inProcess(who))
    return peer
  })

  it.effect("and never came is lost once our invoice cannot be paid any more", () =>
    Effect.gen(function* () {
      const who = yield* home
      yield* promised(who)
      yield* Effect.gen(function* () {
        yield* TestClock.adjust("23 hours")
        assert.strictEqual((yield* recovered)[0]?.job.state, "refunding")
        yield* TestClock.adjust("2 hours")
        assert.strictEqual((yield* recovered)[0]?.job.state, "lost")
        const treasury = yield* Treasury.Treasury
        const [spend] = yield* treasury.find((yield* detail).job.purchase)
        assert.strictEqual(spend?.outcome, "lost")
      }).pipe(inProcess(who))
    }).pipe(Effect.provide(TestMarket.world))
  )

  it.effect("is not given up while the wallet cannot be asked, or is another one", () =>
    Effect.gen(function* () {
      const who = yield* home
      yield* promised(who)
      yield* TestClock.adjust("3 days")
      const gone = (real: Wallet.Shape): Wallet.Shape => ({
        ...real,
        lookupIncoming: () =>
          Effect.fail(
            new Wallet.WalletError({
              reason: new Wallet.WalletUnreachable({ message: "no answer" })
            })
          )
      })
      const other = (real: Wallet.Shape): Wallet.Shape => ({
        ...real,
        lookupIncoming: () => Effect.succeedNone
      })
      for (const wallet of [gone, other]) {
        const [one] = yield* recovered.pipe(inProcess({ ...who, wallet }))
        assert.strictEqual(one?.job.state, "refunding")
      }
    }).pipe(Effect.provide(TestMarket.world))
  )

  it.effect("is claimed by two processes at once with one invoice", () =>
    Effect.gen(function* () {
      const who = yield* home
      const paid = yield* Deferred.make<void>()
      const gone = yield* Deferred.make<void>()
      const peer = yield* TestPeer.open({ name: "peer", price }, (job) =>
        Effect.gen(function* () {
          yield* job.invoice(price)
          yield* job.paymentSent
          yield* Deferred.succeed(paid, undefined)
          yield* Deferred.await(gone)
          yield* job.offerRefund(back)
          yield* job.payRefund
        })
      )
      yield* diesWhen(Deferred.await(paid)).pipe(inProcess(who))
      yield* Deferred.succeed(gone, undefined)
      const recover = Effect.flatMap(ComputeClient, (client) => client.recover).pipe(inProcess(who))
      yield* passing(Effect.all([recover, recover], { concurrency: 2 }))
      yield* moneyIsBackOnce(peer).pipe(inProcess(who))
    }).pipe(Effect.provide(TestMarket.world))
  )
})
