/**
 * Wallets that err and lie about money that is locked: what is not proven stays held, what is proven
 * is booked, and a preimage that is out counts as spent.
 */
import { assert, describe, it } from "@effect/vitest"
import { Bolt11, Msat } from "@farthing/protocol"
import { Deferred, Effect, Schedule } from "effect"
import * as Books from "../src/Books.ts"
import * as Deal from "../src/Deal.ts"
import * as Settling from "../src/Settling.ts"
import * as Stage from "../src/Stage.ts"
import * as Aftermath from "./wallets/Aftermath.ts"
import * as CrookedWallet from "./wallets/CrookedWallet.ts"
import { bought, cost, freed, missed, settled, unknown } from "./wallets/Expected.ts"

const { changed, except, honest, looksUp, paysNothingAnd, refusal, result } = CrookedWallet

const { price } = Deal
const { played } = Stage

const environment = {
  ...Aftermath.impatient,
  FARTHING_COMPUTE_FIRST_CHUNK_TIMEOUT: "1 second"
}

const escrow = {
  environment,
  settlement: "escrow",
  script: Settling.honestEscrow(Aftermath.text)
} as const

const sealed = {
  environment,
  settlement: "sealed",
  script: Settling.honestSealed(Aftermath.text)
} as const

/** Recovery, once it has found out so much. */
const recovers = (deal: Aftermath.Deal, expected: Partial<Aftermath.Aftermath>) =>
  Aftermath.recover(deal).pipe(
    Effect.repeat({
      until: ({ held, spent }) => held === expected.held && spent === expected.spent,
      schedule: Schedule.spaced("100 millis")
    }),
    Effect.timeoutOrElse({ duration: "15 seconds", orElse: () => Aftermath.recover(deal) }),
    Effect.tap((found) => Effect.sync(() => assert.deepInclude(found, expected)))
  )

/** What the only job has come to. */
const stateOf = ({ customer }: Aftermath.Deal) =>
  Effect.map(customer.client.jobs(), ([job]) => job?.state)

/** Says of whatever it is asked for that it is under way. */
const pretends = except("lookup_invoice", ({ params }) =>
  Effect.succeed([
    result("lookup_invoice", {
      type: "outgoing",
      state: "pending",
      payment_hash: params.payment_hash,
      amount: price,
      created_at: 0
    })
  ])
)

/** Of another payment, as good as any. */
const another = Bolt11.Preimage.make("ab".repeat(32))

describe.concurrent("wallets that lie about a lock", () => {
  for (const [name, terms] of Object.entries({ escrow, sealed })) {
    it.live(`${name}: a wallet that says nothing of it is asked for its record`, () =>
      played(() =>
        Effect.gen(function* () {
          const deal = yield* Aftermath.meet(honest, terms)
          yield* deal.wallet.behave(deal.wallet.beginsAnd())
          assert.deepInclude(yield* Aftermath.buy(deal), { heard: "Receipt", exit: 0 })
          yield* recovers(deal, settled)
          assert.lengthOf(yield* deal.wallet.asked(1), 1)
        })
      )
    )

    it.live(`${name}: a wallet that locks the money and says that it failed is not believed`, () =>
      played(() =>
        Effect.gen(function* () {
          const deal = yield* Aftermath.meet(honest, terms)
          yield* deal.wallet.behave(deal.wallet.beginsAnd(refusal("PAYMENT_FAILED")))
          assert.deepInclude(yield* Aftermath.buy(deal), { heard: "Receipt", exit: 0 })
          yield* recovers(deal, settled)
          assert.lengthOf(yield* deal.wallet.asked(1), 1)
        })
      )
    )

    it.live(`${name}: a wallet that locks nothing and says so costs nothing`, () =>
      played(() =>
        Effect.gen(function* () {
          const deal = yield* Aftermath.meet(paysNothingAnd(refusal("PAYMENT_FAILED"))(), terms)
          assert.deepInclude(yield* Aftermath.buy(deal), {
            heard: "PaymentFailed",
            exit: 5,
            ...Books.untouched
          })
          assert.strictEqual(yield* stateOf(deal), "unpaid")
        })
      )
    )

    it.live(`${name}: a wallet that never locks nor answers: held until it cannot any more`, () =>
      played((later) =>
        Effect.gen(function* () {
          const deal = yield* Aftermath.meet(paysNothingAnd()(), terms)
          assert.deepEqual(yield* Aftermath.buy(deal), { ...unknown, gone: 0 })
          yield* deal.wallet.behave(honest)
          assert.deepInclude(yield* Aftermath.recover(deal), { held: unknown.held })
          yield* later("48 hours")
          yield* recovers(deal, freed)
        })
      )
    )

    it.live(`${name}: a wallet that says it has locked what it has not: held just as long`, () =>
      played((later) =>
        Effect.gen(function* () {
          const deal = yield* Aftermath.meet(paysNothingAnd()(pretends()), terms)
          const { heard, ...books } = yield* Aftermath.buy(deal)
          assert.include(["DeliveryTimeout", "PaymentUnknown"], heard)
          assert.deepInclude(books, { held: unknown.held, spent: Msat.zero, gone: 0 })
          yield* deal.wallet.behave(honest)
          assert.deepInclude(yield* Aftermath.recover(deal), { held: unknown.held })
          yield* later("48 hours")
          yield* recovers(deal, freed)
          assert.strictEqual(yield* Books.earned(deal.peer.account), 0)
        })
      )
    )
  }

  it.live("a wallet that shows the preimage of another payment opens nothing", () =>
    played(() =>
      Effect.gen(function* () {
        const wrong = (answer: string) => changed(answer, { preimage: another })
        const pays = except("pay_invoice", (_, honest) =>
          Effect.map(honest, (answer) => [wrong(answer)])
        )
        const lies = looksUp((answer) => (answer.includes('"preimage"') ? wrong(answer) : answer))
        const deal = yield* Aftermath.meet(pays(lies()), sealed)
        assert.deepEqual(yield* Aftermath.buy(deal), { ...unknown, gone: cost })
        yield* deal.wallet.behave(honest)
        yield* recovers(deal, settled)
        yield* recovers(deal, { ...bought, heard: "Receipt" })
        assert.strictEqual((yield* deal.customer.client.receipts())[0]?.text, Aftermath.text)
      })
    )
  )

  it.live("a wallet that goes silent once it has locked the money loses none of it", () =>
    played(() =>
      Effect.gen(function* () {
        const late = yield* Deferred.make<void>()
        const deal = yield* Aftermath.meet(honest, {
          ...sealed,
          script: (job) =>
            Effect.gen(function* () {
              const one = yield* Settling.seal(job, [Aftermath.text])
              yield* Settling.saySealed(job, one)
              yield* job.htlcLocked
              yield* Deferred.await(late)
              yield* Settling.claimSealed(job, one)
            })
        })
        yield* deal.wallet.behave(deal.wallet.beginsAnd())
        assert.deepEqual(yield* Aftermath.buy(deal), { ...unknown, gone: cost })
        yield* deal.wallet.behave(() => Effect.succeed([]))
        yield* Deferred.succeed(late, undefined)
        yield* Effect.repeat(Books.earned(deal.peer.account), {
          until: (earned) => earned === price,
          schedule: Schedule.spaced("50 millis")
        })
        assert.deepInclude(yield* deal.customer.treasury.status, { held: unknown.held })
        yield* deal.wallet.behave(honest)
        yield* recovers(deal, settled)
        yield* Aftermath.recover(deal).pipe(
          Effect.andThen(customerText(deal)),
          Effect.repeat({
            until: (text) => text === Aftermath.text,
            schedule: Schedule.spaced("100 millis")
          })
        )
      })
    )
  )

  it.live("a wallet that has the money back, it says, when it was released: it is audited", () =>
    played((later) =>
      Effect.gen(function* () {
        const late = yield* Deferred.make<void>()
        const deal = yield* Aftermath.meet(honest, {
          ...escrow,
          script: (job) =>
            Effect.gen(function* () {
              yield* Settling.awaitEscrow(job)
              yield* job.result(Aftermath.text)
              const preimage = yield* job.released
              yield* Deferred.await(late)
              yield* job.claim(preimage)
            })
        })
        yield* deal.wallet.behave(deal.wallet.beginsAnd())
        assert.deepInclude(yield* Aftermath.buy(deal), { heard: "Receipt", exit: 0 })
        assert.deepInclude(yield* Aftermath.recover(deal), Books.released(price))
        yield* deal.wallet.behave(looksUp((answer) => changed(answer, { state: "failed" }))())
        yield* later("5 minutes")
        yield* recovers(deal, { ...missed, held: Msat.zero, spent: Msat.zero })

        yield* Deferred.succeed(late, undefined)
        yield* Effect.repeat(Books.earned(deal.peer.account), {
          until: (earned) => earned === price,
          schedule: Schedule.spaced("50 millis")
        })
        const { findings } = yield* Aftermath.recover(deal)
        assert.include(findings.join(), "the wallet says")
        yield* deal.wallet.behave(honest)
        yield* recovers(deal, { spends: ["settled"], ...Books.paid(price) })
      })
    )
  )
})

const customerText = ({ customer }: Aftermath.Deal) =>
  Effect.map(customer.client.receipts(), ([receipt]) => receipt?.text)
