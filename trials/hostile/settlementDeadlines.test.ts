/**
 * The time of a lock, and what happens close to its end: what is not taken by then is back, what is
 * taken before is paid, and in its last minutes nobody delivers or shows a preimage any more.
 */
import { assert, describe, it } from "@effect/vitest"
import { Bolt11, Msat } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Deferred, Effect, Exit, Fiber, Schedule, Scope, Stream } from "effect"
import * as Books from "../src/Books.ts"
import * as Deal from "../src/Deal.ts"
import type * as Peer from "../src/Peer.ts"
import type * as People from "../src/People.ts"
import * as Settling from "../src/Settling.ts"
import * as Shop from "../src/Shop.ts"
import * as Shopper from "../src/Shopper.ts"
import * as Stage from "../src/Stage.ts"

const { price } = Deal

const { played } = Stage

/** For how long the bank locks money. */
const lockSeconds = 144 * 600

const impatient = {
  FARTHING_COMPUTE_FIRST_CHUNK_TIMEOUT: "500 millis",
  FARTHING_COMPUTE_IDLE_TIMEOUT: "500 millis",
  FARTHING_COMPUTE_PAYMENT_TIMEOUT: "2 seconds"
}

const meet = (mode: "escrow" | "sealed", script: Peer.Script) =>
  Deal.meet(script, Settling.by(mode, impatient))

const jobComesTo = (customer: People.Customer, state: string) =>
  Effect.gen(function* () {
    yield* customer.client.recover
    const [job] = yield* customer.client.jobs()
    return job?.state
  }).pipe(
    Effect.repeat({ until: (found) => found === state, schedule: Schedule.spaced("100 millis") }),
    Effect.timeoutOrElse({
      duration: "15 seconds",
      orElse: () => Effect.map(customer.client.jobs(), ([job]) => job?.state)
    }),
    Effect.map((found) => assert.strictEqual(found, state))
  )

/** All is as it was before, for both. */
const isAsBefore = Effect.fnUntraced(function* (customer: People.Customer, peer: Peer.Peer) {
  yield* Books.closing(customer, Books.untouched)
  assert.strictEqual(yield* Books.earned(peer.account), 0)
})

describe.concurrent("money that a customer has locked", () => {
  it.live("is back at the lock's end if nothing was delivered, and the budget with it", () =>
    played((later) =>
      Effect.gen(function* () {
        const { customer, peer } = yield* meet("escrow", Settling.awaitEscrow)
        const error = yield* Effect.flip(Deal.buy(customer))
        assert.strictEqual(error._tag, "DeliveryTimeout")
        assert.deepStrictEqual(yield* Books.of(customer), Books.locked(price))
        yield* later("23 hours")
        assert.deepStrictEqual(yield* Books.of(customer), Books.locked(price))
        yield* later("61 minutes")
        yield* isAsBefore(customer, peer)
        yield* jobComesTo(customer, "returned")
      })
    )
  )

  it.live("counts as spent once the preimage is out, and is back if nobody takes it", () =>
    played((later) =>
      Effect.gen(function* () {
        const late = yield* Deferred.make<void>()
        const tried = yield* Deferred.make<boolean>()
        const { customer, peer } = yield* meet("escrow", (job) =>
          Effect.gen(function* () {
            yield* Settling.awaitEscrow(job)
            yield* job.result("a gift")
            const preimage = yield* job.released
            yield* Deferred.await(late)
            yield* Deferred.complete(tried, job.claim(preimage))
          })
        )
        assert.strictEqual((yield* Deal.buy(customer)).text, "a gift")
        assert.deepStrictEqual(yield* Books.of(customer), Books.released(price))
        yield* later("25 hours")
        yield* isAsBefore(customer, peer)
        yield* Deferred.succeed(late, undefined)
        assert.isFalse(yield* Deferred.await(tried))
        yield* jobComesTo(customer, "unclaimed")
        const [receipt] = yield* customer.client.receipts()
        assert.deepInclude(receipt, { text: "a gift", cost: Msat.zero })
        yield* isAsBefore(customer, peer)
      })
    )
  )

  it.live("is taken in the lock's last minute by who has the preimage", () =>
    played((later) =>
      Effect.gen(function* () {
        const late = yield* Deferred.make<void>()
        const { customer, peer } = yield* meet("escrow", (job) =>
          Effect.gen(function* () {
            yield* Settling.awaitEscrow(job)
            yield* job.result("taken late")
            const preimage = yield* job.released
            yield* Deferred.await(late)
            yield* job.claim(preimage)
          })
        )
        yield* Deal.buy(customer)
        yield* later(`${lockSeconds - 60} seconds`)
        yield* Deferred.succeed(late, undefined)
        yield* Books.closing(customer, Books.paid(price))
        yield* jobComesTo(customer, "delivered")
        assert.strictEqual(yield* Books.earned(peer.account), price)
      })
    )
  )

  it.live("is not released for what comes in the lock's last minutes", () =>
    played((later) =>
      Effect.gen(function* () {
        const late = yield* Deferred.make<void>()
        const said = yield* Deferred.make<void>()
        const { customer, peer } = yield* meet("escrow", (job) =>
          Effect.gen(function* () {
            yield* Settling.awaitEscrow(job)
            yield* Deferred.await(late)
            yield* job.result("too late")
            yield* Deferred.succeed(said, undefined)
          })
        )
        yield* Effect.flip(Deal.buy(customer))
        yield* later(`${lockSeconds - 200} seconds`)
        yield* Deferred.succeed(late, undefined)
        yield* Deferred.await(said)
        yield* customer.client.recover
        assert.deepStrictEqual(yield* Books.of(customer), Books.locked(price))
        yield* later("5 minutes")
        yield* isAsBefore(customer, peer)
        yield* jobComesTo(customer, "returned")
        assert.notInclude(peer.requests[0]?.followUps.map(({ type }) => type) ?? [], "Private")
      })
    )
  )

  it.live("for what is sealed is back if the provider never takes it", () =>
    played((later) =>
      Effect.gen(function* () {
        const { customer, peer } = yield* meet("sealed", (job) =>
          Effect.flatMap(Settling.seal(job), (sealed) => Settling.saySealed(job, sealed))
        )
        const error = yield* Effect.flip(Deal.buy(customer))
        assert.strictEqual(error._tag, "PaymentUnknown", error.message)
        assert.deepStrictEqual(yield* Books.of(customer), Books.locked(price))
        yield* later("25 hours")
        yield* isAsBefore(customer, peer)
        yield* jobComesTo(customer, "returned")
        assert.deepStrictEqual(yield* customer.client.receipts(), [])
      })
    )
  )
})

const offer = { priceMsats: price, settlement: ["upfront", "escrow", "sealed"] } as const

/** Asks for an escrow, and locks the money. */
const lockFor = Effect.fnUntraced(function* (shopper: Shopper.Shopper) {
  const preimage = Settling.newPreimage()
  const paymentHash = Bolt11.hashOf(preimage)
  const wish = { settlement: ["escrow"], payment_hash: paymentHash }
  const { id: request } = yield* shopper.ask(wish)
  const { message } = yield* shopper.hear("Invoice")
  yield* shopper.lock(message.bolt11)
  return { request, preimage, paymentHash }
})

/** The provider's book, once it has written the end. */
const closing = (
  shop: Shop.Open,
  expected: { readonly earned: number; readonly delivered: number }
) =>
  Shop.closing(shop, {
    ...Shop.sold(0, price),
    delivered: expected.delivered,
    earned: expected.earned,
    gained: expected.earned,
    inferred: shop.inferred()
  })

describe.concurrent("money that is locked for a provider", () => {
  it.live("goes back at the lock's end if its preimage is never shown, or too late", () =>
    played((later) =>
      Effect.gen(function* () {
        const shop = yield* Shop.open({ offer })
        const shopper = yield* Shopper.make(shop.place, shop.provider)
        const { paymentHash, preimage, request } = yield* lockFor(shopper)
        yield* shopper.hear("JobResult")
        yield* later("25 hours")
        assert.strictEqual(yield* shopper.endOf(paymentHash), "failed")
        yield* shopper.release(request, preimage)
        yield* shopper.ask({ settlement: ["escrow"] })
        yield* shopper.hear("JobError")
        yield* closing(shop, { earned: 0, delivered: 0 })
        assert.strictEqual(yield* shopper.balance, shopper.account.opening)
      })
    )
  )

  it.live("is taken when its preimage was shown while nobody was there", () =>
    played((later) =>
      Effect.gen(function* () {
        const shop = yield* Shop.make({ offer })
        const life = yield* Scope.make()
        const shopper = yield* Shopper.make(shop.place, yield* Scope.provide(shop.open, life))
        const { paymentHash, preimage, request } = yield* lockFor(shopper)
        yield* shopper.hear("JobResult")
        yield* Scope.close(life, Exit.void)
        yield* shopper.release(request, preimage)
        yield* later("3 hours")
        const provider = yield* shop.open
        assert.strictEqual(yield* shopper.endOf(paymentHash), "settled")
        yield* closing({ ...shop, provider }, { earned: price, delivered: 1 })
      })
    )
  )

  it.live(
    "is given back, and nothing delivered, if its turn comes in the lock's last minutes",
    () =>
      played((later) =>
        Effect.gen(function* () {
          const open = yield* Deferred.make<void>()
          const shop = yield* Shop.open({
            offer: { ...offer, capacity: 1, jobTimeout: "20 hours" },
            gate: Deferred.await(open)
          })
          const shopper = yield* Shopper.make(shop.place, shop.provider)
          const before = yield* lockFor(shopper)
          const { paymentHash } = yield* lockFor(shopper)
          yield* Effect.repeat(shop.provider.status, {
            until: ({ running, waiting }) => running === 1 && waiting === 1,
            schedule: Schedule.spaced("20 millis")
          })
          // Wallets tell of it in blocks.
          const until = yield* shop.provider.events.pipe(
            Stream.flatMap((event) =>
              event._tag === "Locked" ? Stream.succeed(event.until) : Stream.empty
            ),
            Stream.runHead,
            Effect.flatMap(Effect.fromOption)
          )
          yield* later(`${until - 200 - (yield* UnixTime.now)} seconds`)
          yield* Deferred.succeed(open, undefined)
          for (const hash of [before.paymentHash, paymentHash])
            assert.strictEqual(yield* shopper.endOf(hash), "failed")
          const heard = (yield* shopper.heard).map(({ message }) => message.type)
          assert.notInclude(heard, "JobResult")
          yield* closing(shop, { earned: 0, delivered: 0 })
          assert.strictEqual(yield* shopper.balance, shopper.account.opening)
        })
      )
  )

  it.live("after the quote has expired is worked for all the same", () =>
    played(() =>
      Effect.gen(function* () {
        const shop = yield* Shop.open({
          offer: { ...offer, invoiceExpiry: "1 second" },
          // The bank locks money for longer than the quote stands.
          wallet: (wallet) => ({
            ...wallet,
            makeHoldInvoice: (request) =>
              wallet.makeHoldInvoice({ ...request, expiry: "10 minutes" })
          })
        })
        const shopper = yield* Shopper.make(shop.place, shop.provider)
        const preimage = Settling.newPreimage()
        const payment_hash = Bolt11.hashOf(preimage)
        const { id } = yield* shopper.ask({ settlement: ["escrow"], payment_hash })
        const { message } = yield* shopper.hear("Invoice")
        yield* Effect.repeat(shop.provider.status, {
          until: ({ unpaid }) => unpaid === 0,
          schedule: Schedule.spaced("20 millis")
        })
        yield* shopper.lock(message.bolt11)
        yield* shopper.hear("JobResult")
        yield* shopper.release(id, preimage)
        assert.strictEqual(yield* shopper.endOf(payment_hash), "settled")
        yield* closing(shop, { earned: price, delivered: 1 })
      })
    )
  )

  it.live("for what is sealed comes in time or not at all", () =>
    played((later) =>
      Effect.gen(function* () {
        const { bank } = yield* Stage.Stage
        const shop = yield* Shop.open({ offer })
        const shopper = yield* Shopper.make(shop.place, shop.provider)
        yield* shopper.ask({ settlement: ["sealed"] })
        const { message } = yield* shopper.hear("Invoice")
        yield* shopper.hear("SealedResult")
        const unpaid = yield* shop.provider.events.pipe(
          Stream.filter(({ _tag }) => _tag === "Unpaid"),
          Stream.runHead,
          Effect.forkChild({ startImmediately: true })
        )
        yield* later("12 minutes")
        yield* Fiber.join(unpaid)
        const invoice = yield* Effect.fromResult(Bolt11.decode(message.bolt11))
        const order = { invoice, maxFee: Stage.fee, expiresAt: invoice.expiresAt + 3_600 }
        const refused = yield* Effect.flip(bank.pay(shopper.account.account, order))
        assert.strictEqual(refused._tag, "PaymentFailed")
        yield* closing(shop, { earned: 0, delivered: 0 })
        assert.strictEqual(yield* shopper.balance, shopper.account.opening)
      })
    )
  )

  it.live("for what is sealed is taken by whoever opens the shop again before the lock ends", () =>
    played((later) =>
      Effect.gen(function* () {
        const shop = yield* Shop.make({ offer })
        const life = yield* Scope.make()
        const shopper = yield* Shopper.make(shop.place, yield* Scope.provide(shop.open, life))
        yield* shopper.ask({ settlement: ["sealed"] })
        const { message } = yield* shopper.hear("Invoice")
        yield* shopper.hear("SealedResult")
        yield* Scope.close(life, Exit.void)
        yield* shopper.lock(message.bolt11)
        yield* later("23 hours")
        const provider = yield* shop.open
        const { paymentHash } = yield* Effect.fromResult(Bolt11.decode(message.bolt11))
        assert.strictEqual(yield* shopper.endOf(paymentHash), "settled")
        yield* closing({ ...shop, provider }, { earned: price, delivered: 1 })
        assert.strictEqual(
          yield* shopper.balance,
          Msat.make(shopper.account.opening - price - Stage.fee)
        )
      })
    )
  )
})
