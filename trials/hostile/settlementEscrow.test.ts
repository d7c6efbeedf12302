/**
 * Providers whose money is in escrow: it is theirs when the customer has the result, and says so;
 * whatever else they do, it goes back.
 */
import { assert, layer } from "@effect/vitest"
import { Bolt11, Msat } from "@farthing/protocol"
import { Deferred, Effect, Schedule } from "effect"
import * as Books from "../src/Books.ts"
import * as Deal from "../src/Deal.ts"
import type * as Peer from "../src/Peer.ts"
import * as People from "../src/People.ts"
import * as Settling from "../src/Settling.ts"
import * as Stage from "../src/Stage.ts"

const { price } = Deal

/** For trials in which nothing ever comes, or no more. */
const impatient = {
  FARTHING_COMPUTE_FIRST_CHUNK_TIMEOUT: "1 second",
  FARTHING_COMPUTE_IDLE_TIMEOUT: "1 second"
}

const meet = (script: Peer.Script, environment?: People.Environment) =>
  Deal.meet(script, Settling.by("escrow", environment))

/** What everybody in the channel saw of the customer's part. */
const saidBy = (job: Peer.Job | undefined) => (job?.followUps ?? []).map(({ type }) => type)

/** How the customer's only job stands, once it stands so. */
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

type Undelivered = "DeliveryTimeout" | "DeliveryTruncated" | "DeliveryInvalid"

/**
 * What is delivered is no result: the preimage stays ours, the money stays locked, and it is back
 * as soon as the provider lets go of it.
 */
const isNotReleased = (tag: Undelivered, deliver: (job: Peer.Job) => Effect.Effect<unknown>) =>
  Effect.gen(function* () {
    const seen = yield* Deferred.make<void>()
    const { customer, peer } = yield* meet(
      (job) =>
        Effect.gen(function* () {
          const invoice = yield* Settling.awaitEscrow(job)
          yield* deliver(job)
          yield* Deferred.await(seen)
          yield* job.giveBack(invoice)
        }),
      impatient
    )
    const error = yield* Effect.flip(Deal.buy(customer))
    assert(error._tag === tag, `${error._tag}: ${error.message}`)
    assert.strictEqual(error.cost, Msat.zero)
    assert.isAbove(error.held ?? 0, price)
    assert.deepStrictEqual(yield* Books.of(customer), Books.locked(price))
    assert.notInclude(saidBy(peer.requests[0]), "Private")
    yield* Deferred.succeed(seen, undefined)
    yield* Books.closing(customer, Books.untouched)
    yield* jobComesTo(customer, "returned")
    assert.strictEqual(yield* Books.earned(peer.account), 0)
    assert.deepStrictEqual(yield* customer.client.receipts(), [])
  })

layer(Stage.layer, { excludeTestServices: true, concurrent: true })(
  "a provider whose money is in escrow",
  (it) => {
    it.effect("is given the preimage for the result, for its eyes only, and is paid once", () =>
      Effect.gen(function* () {
        const taken = yield* Deferred.make<Bolt11.Preimage>()
        const { customer, peer } = yield* meet((job) =>
          Effect.gen(function* () {
            yield* Settling.awaitEscrow(job)
            yield* job.result("an honest answer")
            const preimage = yield* job.released
            yield* job.claim(preimage)
            yield* job.claim(preimage)
            yield* Deferred.succeed(taken, preimage)
          })
        )
        const receipt = yield* Deal.buy(customer)
        assert.strictEqual(receipt.text, "an honest answer")
        assert.strictEqual(receipt.settlement, "escrow")
        assert.strictEqual(yield* Deferred.await(taken), receipt.preimage)
        assert.strictEqual(Bolt11.hashOf(receipt.preimage), receipt.paymentHash)
        yield* Books.closing(customer, Books.paid(price))
        yield* jobComesTo(customer, "delivered")
        assert.strictEqual(yield* Books.earned(peer.account), price)
        assert.sameMembers([...new Set(saidBy(peer.requests[0]))], ["HtlcLocked", "Private"])
        assert.strictEqual((yield* Deal.recordOf(customer, peer)).delivered, 1)
      })
    )

    it.effect("cannot take it before the customer releases it", () =>
      Effect.gen(function* () {
        const taken: Array<boolean> = []
        const { customer, peer } = yield* meet((job) =>
          Effect.gen(function* () {
            const invoice = yield* Settling.awaitEscrow(job)
            const guesses = [
              invoice.paymentHash,
              job.event.id,
              "0".repeat(64),
              Settling.newPreimage()
            ].map((guess) => Bolt11.Preimage.make(guess))
            taken.push(...(yield* Effect.forEach(guesses, job.claim)))
            yield* job.result("after all")
            yield* Settling.claimEscrow(job)
          })
        )
        assert.strictEqual((yield* Deal.buy(customer)).text, "after all")
        assert.deepStrictEqual(taken, [false, false, false, false])
        yield* Books.closing(customer, Books.paid(price))
        assert.strictEqual(yield* Books.earned(peer.account), price)
      })
    )

    it.effect("and that delivers nothing is not paid", () =>
      isNotReleased("DeliveryTimeout", () => Effect.void)
    )

    it.effect("and that delivers nothing gets no more of it: others are asked", () =>
      Effect.gen(function* () {
        const { customer, peer, place } = yield* meet(Settling.awaitEscrow, impatient)
        const terms = Settling.by("escrow")
        const dearer = Msat.make(price + 1_000)
        const next = yield* Deal.opens(
          place,
          { ...terms, profile: { ...terms.profile, price: dearer } },
          Settling.honestEscrow()
        )
        const error = yield* Effect.flip(Deal.buy(customer))
        assert(error._tag === "DeliveryTimeout", error.message)
        assert.strictEqual(error.provider, peer.pubkey)
        assert.include(error.message, "avoided for now")
        for (const _ of [1, 2])
          assert.strictEqual((yield* Deal.buy(customer)).provider, next.pubkey)
        assert.lengthOf(peer.requests, 1)
        assert.strictEqual(yield* Books.earned(peer.account), 0)
      })
    )

    it.effect("and that delivers half a text is not paid", () =>
      isNotReleased("DeliveryTruncated", (job) =>
        Effect.andThen(job.chunk(0, "well, "), job.chunk(1, "that is "))
      )
    )

    it.effect("and that delivers another text than it says is not paid", () =>
      isNotReleased("DeliveryInvalid", (job) => job.result("nonsense", { sha256: "0".repeat(64) }))
    )

    it.effect("and that leaves a gap in its text is not paid", () =>
      isNotReleased("DeliveryTruncated", (job) =>
        Effect.andThen(job.chunk(0, "well, "), job.chunk(2, "indeed", { is_final: true }))
      )
    )

    it.effect("and that fails is not paid", () =>
      isNotReleased("DeliveryInvalid", (job) => job.fail)
    )

    it.effect("and that offers a refund of it all the same is asked for none", () =>
      Effect.gen(function* () {
        const { customer, peer } = yield* meet((job) =>
          Effect.gen(function* () {
            yield* Settling.awaitEscrow(job)
            yield* job.offerRefund(Msat.make(4_000))
            yield* job.result("an honest answer")
            yield* job.offerRefund(Msat.make(4_000))
            yield* Settling.claimEscrow(job)
          })
        )
        assert.strictEqual((yield* Deal.buy(customer)).text, "an honest answer")
        yield* Books.closing(customer, Books.paid(price))
        yield* jobComesTo(customer, "delivered")
        assert.lengthOf(peer.refundInvoices, 0)
      })
    )

    it.effect("and that delivers late, but while it is locked, is paid for it", () =>
      Effect.gen(function* () {
        const late = yield* Deferred.make<void>()
        const { customer, peer } = yield* meet(
          (job) =>
            Effect.gen(function* () {
              yield* Settling.awaitEscrow(job)
              yield* Deferred.await(late)
              yield* job.result("late")
              yield* Settling.claimEscrow(job)
            }),
          impatient
        )
        const error = yield* Effect.flip(Deal.buy(customer))
        assert.strictEqual(error._tag, "DeliveryTimeout")
        yield* Deferred.succeed(late, undefined)
        yield* jobComesTo(customer, "delivered")
        yield* Books.closing(customer, Books.paid(price))
        assert.strictEqual((yield* customer.client.receipts())[0]?.text, "late")
        assert.strictEqual(yield* Books.earned(peer.account), price)
      })
    )

    it.effect("and that gives it back and delivers all the same is not paid", () =>
      Effect.gen(function* () {
        const { customer, peer } = yield* meet(
          (job) =>
            Effect.gen(function* () {
              yield* job.giveBack(yield* Settling.awaitEscrow(job))
              yield* job.result("for nothing")
            }),
          impatient
        )
        // Whether the text or the money comes first: the customer has both, or neither is missed.
        yield* Effect.result(Deal.buy(customer))
        yield* Books.closing(customer, Books.untouched)
        assert.strictEqual(yield* Books.earned(peer.account), 0)
      })
    )

    it.effect("cannot take it by the preimage of another job", () =>
      Effect.gen(function* () {
        const known: Array<Bolt11.Preimage> = []
        const stage = yield* Stage.Stage
        const { customer } = yield* meet((job) =>
          Effect.gen(function* () {
            yield* Settling.awaitEscrow(job)
            yield* Effect.forEach(known, job.claim)
            const earned = yield* stage.bank.balance(job.account)
            yield* job.result(`after ${earned / price}`)
            const preimage = yield* job.released
            known.push(preimage)
            yield* job.claim(preimage)
          }).pipe(Effect.provideService(Stage.Stage, stage))
        )
        for (const before of [0, 1, 2]) {
          assert.strictEqual((yield* Deal.buy(customer)).text, `after ${before}`)
          const prices = Array.from({ length: before + 1 }, () => price)
          yield* Books.closing(customer, Books.paid(...prices))
        }
        assert.lengthOf(new Set(known), 3)
      })
    )

    it.effect("and that gives it back cannot take it by the preimage of the next attempt", () =>
      Effect.gen(function* () {
        const given = yield* Deferred.make<Bolt11.Preimage>()
        const tried = yield* Deferred.make<boolean>()
        const dearer = Msat.make(price + 1_000)
        const { customer, peer, place } = yield* meet((job) =>
          Effect.gen(function* () {
            const invoice = yield* Settling.awaitEscrow(job)
            yield* job.htlcLocked
            yield* job.giveBack(invoice)
            const preimage = yield* Deferred.await(given)
            yield* Deferred.complete(tried, job.claim(preimage))
          })
        )
        const terms = Settling.by("escrow")
        const next = yield* Deal.opens(
          place,
          { ...terms, profile: { ...terms.profile, price: dearer } },
          (job) =>
            Effect.gen(function* () {
              yield* Settling.awaitEscrow(job)
              yield* job.result("from the next")
              const preimage = yield* job.released
              yield* Deferred.succeed(given, preimage)
              assert.isFalse(yield* Deferred.await(tried))
              yield* job.claim(preimage)
            })
        )
        const receipt = yield* Deal.buy(customer)
        assert.deepInclude(receipt, { text: "from the next", provider: next.pubkey })
        assert.isFalse(yield* Deferred.await(tried))
        yield* Books.closing(customer, Books.paid(price))
        assert.strictEqual(yield* Books.earned(peer.account), 0)
        assert.strictEqual(yield* Books.earned(next.account), price)
        const hashes = [peer, next].map(({ requests }) => requests[0]?.request.payment_hash)
        assert.lengthOf(new Set(hashes), 2)
        const states = (yield* customer.client.jobs()).map(({ state }) => state)
        assert.sameMembers(states, ["returned", "delivered"])
      })
    )

    it.effect("cannot take it by the preimage that another provider was given", () =>
      Effect.gen(function* () {
        const given = yield* Deferred.make<Bolt11.Preimage>()
        const tried = yield* Deferred.make<boolean>()
        const { customer, peer, place } = yield* meet((job) =>
          Effect.gen(function* () {
            yield* Settling.awaitEscrow(job)
            yield* job.result("from the first")
            const preimage = yield* job.released
            yield* job.claim(preimage)
            yield* Deferred.succeed(given, preimage)
          })
        )
        const friend = yield* Deal.opens(place, Settling.by("escrow"), (job) =>
          Effect.gen(function* () {
            yield* Settling.awaitEscrow(job)
            const preimage = yield* Deferred.await(given)
            yield* Deferred.complete(tried, job.claim(preimage))
            yield* job.result("from the second")
            yield* Settling.claimEscrow(job)
          })
        )
        for (const seller of [peer, friend])
          yield* Deal.buy(customer, { selection: { only: [seller.pubkey] } })
        assert.isFalse(yield* Deferred.await(tried))
        yield* Books.closing(customer, Books.paid(price, price))
        for (const { account } of [peer, friend])
          assert.strictEqual(yield* Books.earned(account), price)
      })
    )
  }
)
