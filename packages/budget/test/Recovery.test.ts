import { assert, describe, it } from "@effect/vitest"
import { Bolt11, Msat } from "@farthing/protocol"
import { Sqlite } from "@farthing/sqlite"
import { Bank, Payer, Wallet } from "@farthing/wallet"
import { Context, Deferred, Effect, Fiber, Layer, Option, Ref } from "effect"
import { TestClock } from "effect/testing"
import { randomBytes } from "node:crypto"
import { DatabaseSync } from "node:sqlite"
import * as Treasury from "../src/Treasury.ts"
import * as TreasuryLive from "../src/TreasuryLive.ts"
import {
  database,
  databaseFile,
  fee,
  funds,
  open,
  sats,
  spend,
  wallet,
  world,
  worldIn
} from "./Fixture.ts"
import { pausing } from "./Pausing.ts"
import { beginning, inject, underWay, untouched } from "./Payments.ts"

const balance = Effect.flatMap(Wallet.Wallet, ({ balance }) => balance)

const cost = Msat.add(sats(100), fee)

describe("a payment whose end the wallet does not tell", () => {
  for (const fault of ["PayThenBreak", "PayThenSilence", "WrongPreimage"] as const) {
    it.effect(`is looked up and settled (${fault})`, () =>
      Effect.gen(function* () {
        yield* inject({ _tag: fault })
        const { payment } = yield* underWay
        yield* TestClock.adjust("1 minute")
        const settled = yield* Fiber.join(payment)
        assert.strictEqual(Bolt11.hashOf(settled.preimage), settled.paymentHash)
        const status = yield* (yield* Treasury.Treasury).status
        assert.strictEqual(status.spentEver, cost)
        assert.strictEqual(status.held, Msat.zero)
      }).pipe(Effect.provide(world()))
    )
  }

  for (const fault of ["BreakBeforePaying", "SilenceBeforePaying"] as const) {
    it.effect(`keeps its reservation until it cannot be executed any more (${fault})`, () =>
      Effect.gen(function* () {
        const treasury = yield* Treasury.Treasury
        yield* inject({ _tag: fault })
        const { payment, record, wish } = yield* underWay
        yield* TestClock.adjust("2 minutes")
        const error = yield* Effect.flip(Fiber.join(payment))
        assert.strictEqual(error._tag, "PaymentUnknown")
        assert.strictEqual((yield* record)?.state, "unknown")
        assert.strictEqual((yield* treasury.status).unknown, sats(110))

        const lastMoment = wish.invoice.expiresAt + 120
        yield* TestClock.setTime(lastMoment * 1000)
        yield* treasury.recover
        assert.strictEqual((yield* record)?.state, "unknown")
        assert.strictEqual((yield* treasury.status).held, sats(110))

        yield* TestClock.setTime((lastMoment + 1) * 1000)
        const [recovered] = yield* treasury.recover
        assert.strictEqual(recovered?.state, "failed")
        assert.strictEqual((yield* treasury.status).held, Msat.zero)
        assert.strictEqual(yield* balance, funds)
        assert.deepStrictEqual((yield* treasury.audit).findings, [])
      }).pipe(Effect.provide(world()))
    )
  }

  it.effect("returns unknown within the time-out, with a few look-ups before", () =>
    Effect.gen(function* () {
      yield* inject({ _tag: "BreakBeforePaying" })
      const { payment } = yield* underWay
      yield* TestClock.adjust("4 seconds")
      assert.isUndefined(payment.pollUnsafe())
      yield* TestClock.adjust("6 seconds")
      assert.isDefined(payment.pollUnsafe())
    }).pipe(Effect.provide(world({}, { payTimeout: "5 seconds" })))
  )

  it.effect("stays while a lock holds the money, and ends as the lock does", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      const bank = yield* Bank.Bank
      const preimages = Array.from({ length: 2 }, () =>
        Bolt11.Preimage.make(randomBytes(32).toString("hex"))
      )
      const payments = yield* Effect.forEach(preimages, (preimage) =>
        Effect.gen(function* () {
          const { bolt11 } = yield* bank.makeInvoice("provider", {
            amount: sats(100),
            description: "",
            expiry: "10 minutes",
            paymentHash: Bolt11.hashOf(preimage)
          })
          const invoice = yield* Effect.fromResult(Bolt11.decode(bolt11))
          const wish = yield* spend(sats(100), { invoice })
          const payment = yield* Effect.forkChild(treasury.pay(wish), { startImmediately: true })
          yield* TestClock.adjust("2 minutes")
          assert.strictEqual((yield* Effect.flip(Fiber.join(payment)))._tag, "PaymentUnknown")
          return preimage
        })
      )
      const waiting = yield* treasury.recover
      assert.deepStrictEqual(
        waiting.map(({ state }) => state),
        ["unknown", "unknown"]
      )
      yield* bank.settleHold("provider", payments[0]!)
      yield* bank.cancelHold("provider", Bolt11.hashOf(payments[1]!))
      const ended = yield* treasury.recover
      assert.deepStrictEqual(
        ended.map(({ state }) => state),
        ["settled", "failed"]
      )
      assert.strictEqual((yield* treasury.status).spentEver, cost)
      assert.strictEqual(yield* balance, Msat.subtract(funds, cost))
      assert.deepStrictEqual((yield* treasury.audit).findings, [])
    }).pipe(Effect.provide(world()))
  )
})

describe("an interrupted payment", () => {
  it.effect("of which the wallet was not asked yet is released", () =>
    Effect.gen(function* () {
      const reserved = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      const pause = Effect.andThen(Deferred.succeed(reserved, undefined), Deferred.await(gate))
      yield* Effect.gen(function* () {
        const treasury = yield* Treasury.Treasury
        const payment = yield* Effect.forkChild(treasury.pay(yield* spend(sats(100))))
        yield* Deferred.await(reserved)
        const end = yield* Effect.forkChild(Fiber.interrupt(payment), { startImmediately: true })
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.join(end)
        yield* untouched
        assert.deepStrictEqual((yield* treasury.audit).findings, [])
      }).pipe(Effect.provide(worldIn(pausing(":memory:", pause))))
    })
  )

  it.effect("that was submitted stays so, without a lease, and is recovered", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      yield* inject({ _tag: "PayThenSilence" })
      const { payment, record } = yield* underWay
      yield* Fiber.interrupt(payment)
      assert.strictEqual((yield* record)?.state, "submitted")
      assert.strictEqual((yield* record)?.leaseUntil, 0)
      assert.strictEqual((yield* treasury.status).held, sats(110))

      const [recovered] = yield* treasury.recover
      assert.strictEqual(recovered?.state, "settled")
      assert.strictEqual((yield* treasury.status).spentEver, cost)
      assert.deepStrictEqual((yield* treasury.audit).findings, [])
    }).pipe(Effect.provide(world()))
  )

  it.live("is let go of although another process holds the database just then", () =>
    Effect.gen(function* () {
      const filename = yield* databaseFile
      yield* Effect.gen(function* () {
        yield* inject({ _tag: "PayThenSilence" })
        const { payment, record } = yield* underWay
        const other = new DatabaseSync(filename)
        other.exec("BEGIN IMMEDIATE")
        const stopping = yield* Effect.forkChild(Fiber.interrupt(payment), {
          startImmediately: true
        })
        yield* Effect.repeat(Effect.yieldNow, { times: 20 })
        other.exec("ROLLBACK")
        other.close()
        yield* Fiber.join(stopping)
        assert.strictEqual((yield* record)?.leaseUntil, 0)
      }).pipe(Effect.provide(worldIn(Sqlite.layer({ filename, synchronous: "NORMAL" }))))
    })
  )

  it.effect("whose wallet breaks down for good is left to recovery too", () =>
    Effect.gen(function* () {
      const { record, payment } = yield* underWay
      yield* Fiber.await(payment)
      assert.strictEqual((yield* record)?.state, "submitted")
      assert.strictEqual((yield* record)?.leaseUntil, 0)
    }).pipe(
      Effect.provide(
        Treasury.layer({ network: "regtest", limits: open }).pipe(
          Layer.provide(
            Layer.succeed(Payer.Payer, {
              capsFee: true,
              pay: () => Effect.die("a defect of the wallet"),
              lock: () => Effect.die("a defect of the wallet"),
              resume: () => Effect.die("a defect of the wallet")
            })
          ),
          Layer.provideMerge(wallet),
          Layer.provideMerge(database)
        )
      )
    )
  )
})

describe("leases", () => {
  /** Another process of the same budget, as far as the ledger can tell. */
  const another = TreasuryLive.make({ network: "regtest", limits: open })

  it.effect("a payment is not taken over while its process renews its lease", () =>
    Effect.gen(function* () {
      const other = yield* another
      yield* inject({ _tag: "PaySlowly", delay: "5 minutes" })
      const { payment, record } = yield* underWay
      for (let minute = 1; minute < 5; minute++) {
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(yield* other.recover, [])
      }
      assert.strictEqual((yield* record)?.state, "submitted")
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(payment)
      assert.deepStrictEqual(yield* other.recover, [])
    }).pipe(Effect.provide(world({}, { payTimeout: "10 minutes" })))
  )

  it.effect("what one process recovers, another one at the same time does not", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      const other = yield* another
      yield* inject({ _tag: "PayThenSilence" })
      const { payment } = yield* underWay
      yield* Fiber.interrupt(payment)
      const taken = yield* Effect.all([treasury.recover, other.recover], {
        concurrency: "unbounded"
      })
      assert.strictEqual(taken.flat().length, 1)
      assert.strictEqual((yield* treasury.status).spentEver, cost)
    }).pipe(Effect.provide(world()))
  )
})

describe("a fee that the wallet does not tell", () => {
  /** NIP-47 has no fee limit, and `fees_paid` may be missing until the wallet looks again. */
  const shy = Layer.effectContext(
    Effect.gen(function* () {
      const wallet = yield* Wallet.Wallet
      const payer = yield* Payer.Payer
      const asked = yield* Ref.make(0)
      return Context.make(Payer.Payer, {
        ...payer,
        capsFee: false,
        pay: (request) =>
          Effect.map(payer.pay({ ...request, maxFee: Msat.most }), ({ preimage }) => ({
            preimage,
            fee: undefined
          }))
      }).pipe(
        Context.add(Wallet.Wallet, {
          ...wallet,
          lookupOutgoing: Effect.fnUntraced(function* (paymentHash) {
            const answer = yield* wallet.lookupOutgoing(paymentHash)
            const before = yield* Ref.getAndUpdate(asked, (n) => n + 1)
            return before > 0
              ? answer
              : Option.map(answer, (outgoing) => ({ ...outgoing, fee: Option.none() }))
          })
        })
      )
    })
  )

  it.effect("is booked with the whole fee reserve until it is known", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      const settled = yield* treasury.pay(yield* spend(sats(100)))
      assert.strictEqual(settled.fee, sats(10))
      assert.strictEqual(settled.feeKnown, false)
      yield* treasury.recover
      assert.strictEqual((yield* treasury.status).spentEver, sats(110))
      yield* treasury.recover
      assert.strictEqual((yield* treasury.status).spentEver, cost)
      assert.deepStrictEqual((yield* treasury.audit).findings, [])
    }).pipe(
      Effect.provide(
        Treasury.layer({ network: "regtest", limits: open }).pipe(
          Layer.provide(shy),
          Layer.provideMerge(wallet),
          Layer.provideMerge(database)
        )
      )
    )
  )
})

type Answer = Effect.Effect<never, Wallet.WalletError>

/** Answers so to each look-up of the first invoice that it paid. */
const forgetful = (answer: Answer) =>
  Layer.effectContext(
    Effect.gen(function* () {
      const wallet = yield* Wallet.Wallet
      const payer = yield* Payer.Payer
      let first: Bolt11.PaymentHash | undefined
      return Context.make(Payer.Payer, {
        ...payer,
        pay: (request) => {
          first ??= request.invoice.paymentHash
          return payer.pay(request)
        }
      }).pipe(
        Context.add(Wallet.Wallet, {
          ...wallet,
          lookupOutgoing: (paymentHash) =>
            paymentHash === first ? answer : wallet.lookupOutgoing(paymentHash)
        })
      )
    })
  )

describe("a payment that the wallet cannot be asked about", () => {
  const refuses: Answer = Effect.fail(
    new Wallet.WalletError({
      reason: new Wallet.WalletRefused({ code: "INTERNAL", message: "lost in the books" })
    })
  )

  const worldOf = (answer: Answer) =>
    Treasury.layer({ network: "regtest", limits: open }).pipe(
      Layer.provide(forgetful(answer)),
      Layer.provideMerge(wallet),
      Layer.provideMerge(database)
    )

  for (const [what, answer] of [
    ["is answered with an error", refuses],
    ["gets no answer", Effect.never]
  ] as const) {
    it.effect(`does not keep the others from being recovered (it ${what})`, () =>
      Effect.gen(function* () {
        const treasury = yield* Treasury.Treasury
        const wishes = [yield* spend(sats(100)), yield* spend(sats(100))]
        for (const wish of wishes) {
          yield* inject({ _tag: "PayThenSilence" })
          const { payment } = yield* beginning(wish)
          yield* Fiber.interrupt(payment)
        }
        const recovery = yield* Effect.forkChild(treasury.recover, { startImmediately: true })
        yield* TestClock.adjust("10 seconds")
        yield* Fiber.join(recovery)
        const states = yield* Effect.forEach(wishes, ({ purchase }) =>
          Effect.map(treasury.find(purchase), ([record]) => record?.state)
        )
        assert.notStrictEqual(states[0], "settled")
        assert.strictEqual(states[1], "settled")
        assert.strictEqual((yield* treasury.status).held, sats(110))
      }).pipe(Effect.provide(worldOf(answer)))
    )
  }

  it.effect("is told of where no other is answered either", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      yield* inject({ _tag: "PayThenSilence" })
      const { payment, record } = yield* underWay
      yield* Fiber.interrupt(payment)
      const recovery = yield* Effect.forkChild(Effect.flip(treasury.recover), {
        startImmediately: true
      })
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* Fiber.join(recovery))._tag, "WalletUnavailable")
      assert.strictEqual((yield* record)?.leaseUntil, 0)
    }).pipe(Effect.provide(worldOf(Effect.never)))
  )
})
