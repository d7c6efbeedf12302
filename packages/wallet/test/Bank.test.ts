import { assert, describe, it } from "@effect/vitest"
import { Bolt11, Key, Msat } from "@farthing/protocol"
import { Bank, BankBook } from "@farthing/wallet"
import { Effect, Fiber, Option, Schema, Stream } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { randomBytes } from "node:crypto"
import * as Books from "./Books.ts"

const amount = Msat.make(21_000)
const fee = Msat.make(1_105)
const funds = Msat.make(100_000)
const thought = { amount, description: "one thought", expiry: "10 minutes" } as const

const accounts = Effect.gen(function* () {
  const bank = yield* Bank.Bank
  yield* bank.open("alice", funds)
  yield* bank.open("bob")
  return bank
})

const keyOf = (bank: Bank.Shape, account: string) => Key.publicKeyOf(bank.keyOf(account, "nwc"))

const newPreimage = Effect.sync(() => Bolt11.Preimage.make(randomBytes(32).toString("hex")))

/** Alice's payment of a hold invoice of bob, under way. */
const heldPayment = Effect.gen(function* () {
  const bank = yield* accounts
  const preimage = yield* newPreimage
  const paymentHash = Bolt11.hashOf(preimage)
  const made = yield* bank.makeInvoice("bob", { ...thought, paymentHash })
  const told = yield* Effect.forkChild(Stream.runHead(bank.changes("bob")), {
    startImmediately: true
  })
  const paying = yield* Effect.forkChild(Effect.result(Books.pay("alice", made)))
  yield* Fiber.join(told)
  return { bank, made, paymentHash, preimage, paying }
})

describe("a bank's book", () => {
  it.effect("balances: what alice and the fees have, bob had or the mint owes", () =>
    Effect.gen(function* () {
      const bank = yield* accounts
      yield* Books.pay("alice", yield* bank.makeInvoice("bob", thought))
      const audit = yield* bank.audit
      assert.deepEqual(audit.findings, [])
      assert.strictEqual(audit.sum, 0)
      assert.deepEqual(
        audit.balances,
        new Map([
          ["alice", funds - amount - fee],
          ["bob", amount],
          ["fees", fee],
          ["held", 0],
          ["mint", -funds]
        ])
      )
    }).pipe(Effect.provide(Books.layer()))
  )

  it.effect("rounds fees up", () =>
    Effect.gen(function* () {
      const bank = yield* Bank.Bank
      assert.strictEqual(bank.feeFor(Msat.make(1)), 1_001)
      assert.strictEqual(bank.feeFor(Msat.make(200)), 1_001)
      assert.strictEqual(bank.feeFor(Msat.make(201)), 1_002)
    }).pipe(Effect.provide(Books.layer()))
  )

  it.effect("opens an account with its money once", () =>
    Effect.gen(function* () {
      const bank = yield* accounts
      yield* bank.open("alice", funds)
      assert.strictEqual(yield* bank.balance("alice"), funds)
    }).pipe(Effect.provide(Books.layer()))
  )

  it.effect("keeps the bank's own accounts to itself", () =>
    Effect.gen(function* () {
      const bank = yield* Bank.Bank
      for (const name of ["mint", "fees", "held", ""]) {
        const refused = yield* Effect.flip(bank.open(name))
        assert.strictEqual(refused.reason._tag, "InvalidRequest")
        const unknown = yield* Effect.flip(bank.makeInvoice(name, thought))
        assert.strictEqual(unknown.reason._tag, "UnknownAccount")
      }
    }).pipe(Effect.provide(Books.layer()))
  )

  it.effect("lets nobody overdraw, change or delete, not even in SQL", () =>
    Effect.gen(function* () {
      yield* accounts
      const sql = yield* SqlClient.SqlClient
      yield* Effect.flip(
        sql`INSERT INTO bank_entry (transfer, account, amount) VALUES (1, 'bob', -1)`
      )
      yield* Effect.flip(sql`UPDATE bank_entry SET amount = amount * 2`)
      yield* Effect.flip(sql`DELETE FROM bank_entry`)
    }).pipe(Effect.provide(Books.layer()))
  )

  it.effect("finds in an audit what was tampered with", () =>
    Effect.gen(function* () {
      const bank = yield* accounts
      const sql = yield* SqlClient.SqlClient
      yield* sql`UPDATE bank_account SET balance = balance + 1 WHERE name = 'bob'`
      yield* sql`INSERT INTO bank_entry (transfer, account, amount) VALUES (1, 'fees', 5)`
      const audit = yield* bank.audit
      assert.strictEqual(audit.sum, 5)
      assert.deepEqual(audit.findings, [
        "The balance of bob is not the sum of its entries",
        "Transfer 1 does not balance",
        "The fees are not what was charged"
      ])
    }).pipe(Effect.provide(Books.layer()))
  )

  it.effect("belongs to one network", () =>
    Effect.gen(function* () {
      const refused = yield* Effect.flip(BankBook.make({ network: "mainnet" }))
      assert.strictEqual(refused.reason._tag, "BookUnavailable")
    }).pipe(Effect.provide(Books.layer()))
  )

  it.effect(
    "signs every invoice with the key of its node, and keeps the keys of its accounts",
    () =>
      Effect.gen(function* () {
        const bank = yield* accounts
        const sql = yield* SqlClient.SqlClient
        const reopened = yield* BankBook.make({ network: "regtest" }).pipe(
          Effect.provideService(SqlClient.SqlClient, sql)
        )
        const made = yield* reopened.makeInvoice("bob", thought)
        const invoice = yield* Effect.fromResult(Bolt11.decode(made.bolt11))
        assert.strictEqual(invoice.payee, bank.nodeId)
        assert.strictEqual(keyOf(reopened, "bob"), keyOf(bank, "bob"))
        assert.notStrictEqual(keyOf(reopened, "bob"), keyOf(bank, "alice"))
      }).pipe(Effect.provide(Books.layer()))
  )

  it.effect("gives a payment hash one invoice", () =>
    Effect.gen(function* () {
      const bank = yield* accounts
      const paymentHash = Bolt11.hashOf(yield* newPreimage)
      yield* bank.makeInvoice("bob", { ...thought, paymentHash })
      const refused = yield* Effect.flip(bank.makeInvoice("alice", { ...thought, paymentHash }))
      assert.strictEqual(refused.reason._tag, "InvalidRequest")
    }).pipe(Effect.provide(Books.layer()))
  )

  it.effect("does not show a preimage before it is paid for", () =>
    Effect.gen(function* () {
      const bank = yield* accounts
      const made = yield* bank.makeInvoice("bob", thought)
      const before = Option.getOrThrow(yield* bank.findInvoice("bob", made.paymentHash))
      assert.deepEqual([made.preimage, before.preimage], [Option.none(), Option.none()])
      const { preimage } = yield* Books.pay("alice", made)
      const after = Option.getOrThrow(yield* bank.findInvoice("bob", made.paymentHash))
      assert.deepEqual(after.preimage, Option.some(preimage))
    }).pipe(Effect.provide(Books.layer()))
  )
})

describe("time in a bank", () => {
  it.effect("an invoice can be paid until it expires", () =>
    Effect.gen(function* () {
      const bank = yield* accounts
      const made = yield* bank.makeInvoice("bob", thought)
      yield* TestClock.adjust("10 minutes")
      const found = Option.getOrThrow(yield* bank.findInvoice("bob", made.paymentHash))
      assert.strictEqual(found.state, "expired")
      const failed = yield* Effect.flip(Books.pay("alice", made))
      assert.strictEqual(failed._tag === "PaymentFailed" && failed.reason, "expired")
      assert.strictEqual(yield* bank.balance("alice"), funds)
    }).pipe(Effect.provide(Books.layer()))
  )

  it.effect("a lock that nobody settles in a day goes back, fee and all", () =>
    Effect.gen(function* () {
      const { bank, made, paying, preimage } = yield* heldPayment
      const held = Option.getOrThrow(yield* bank.findInvoice("bob", made.paymentHash))
      assert.deepEqual(held.heldUntil, Option.some(made.createdAt + 86_400))
      assert.strictEqual(yield* bank.balance("alice"), funds - amount - fee)

      yield* TestClock.adjust("1 day")
      const outcome = yield* Fiber.join(paying)
      assert.strictEqual(outcome._tag, "Failure")
      assert.strictEqual(yield* bank.balance("alice"), funds)
      const late = yield* Effect.flip(bank.settleHold("bob", preimage))
      assert.strictEqual(late.reason._tag, "WrongState")
      assert.deepEqual((yield* bank.audit).findings, [])
    }).pipe(Effect.provide(Books.layer()))
  )

  it.effect("a lock can be settled until then, even after the invoice has expired", () =>
    Effect.gen(function* () {
      const { bank, paying, preimage } = yield* heldPayment
      yield* TestClock.adjust("23 hours")
      yield* bank.settleHold("bob", preimage)
      yield* bank.settleHold("bob", preimage)
      assert.strictEqual((yield* Fiber.join(paying))._tag, "Success")
      assert.strictEqual(yield* bank.balance("bob"), amount)
      assert.deepEqual((yield* bank.audit).findings, [])
    }).pipe(Effect.provide(Books.layer()))
  )

  it.effect("a payer that stops waiting leaves the lock in place", () =>
    Effect.gen(function* () {
      const { bank, made, paying, preimage } = yield* heldPayment
      yield* Fiber.interrupt(paying)
      assert.strictEqual(yield* bank.balance("alice"), funds - amount - fee)
      yield* bank.settleHold("bob", preimage)
      const paid = yield* Books.pay("alice", made)
      assert.strictEqual(paid.preimage, preimage)
    }).pipe(Effect.provide(Books.layer()))
  )

  it.effect("a lock lasts for as many blocks as the invoice says, if that can be", () =>
    Effect.gen(function* () {
      const bank = yield* accounts
      const paymentHash = Bolt11.hashOf(yield* newPreimage)
      for (const minFinalCltvDelta of [0, -1, 1.5, 2_017, Number.NaN]) {
        const refused = yield* Effect.flip(
          bank.makeInvoice("bob", { ...thought, paymentHash, minFinalCltvDelta })
        )
        assert.strictEqual(refused.reason._tag, "InvalidRequest")
      }
      const made = yield* bank.makeInvoice("bob", { ...thought, paymentHash, minFinalCltvDelta: 2 })
      const { end } = yield* Books.lock("alice", made)
      const held = Option.getOrThrow(yield* bank.findInvoice("bob", paymentHash))
      assert.deepEqual(held.heldUntil, Option.some(2 * 600))
      yield* TestClock.adjust("1 hour")
      assert.strictEqual((yield* Effect.flip(end))._tag, "PaymentFailed")
      assert.strictEqual(yield* bank.balance("alice"), funds)
    }).pipe(Effect.provide(Books.layer()))
  )

  it.effect("a pending hold invoice can be voided", () =>
    Effect.gen(function* () {
      const bank = yield* accounts
      const paymentHash = Bolt11.hashOf(yield* newPreimage)
      const made = yield* bank.makeInvoice("bob", { ...thought, paymentHash })
      yield* bank.cancelHold("bob", paymentHash)
      yield* bank.cancelHold("bob", paymentHash)
      const failed = yield* Effect.flip(Books.pay("alice", made))
      assert.strictEqual(failed._tag === "PaymentFailed" && failed.reason, "refused")
    }).pipe(Effect.provide(Books.layer()))
  )
})

describe("whatever happens in whatever order", () => {
  const names = ["alice", "bob", "carol"] as const
  const Name = Schema.Literals(names)
  const Which = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 11 }))
  const Amount = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 60_000 }))
  const Step = Schema.Union([
    Schema.Struct({ do: Schema.Literal("invoice"), payee: Name, amount: Amount }),
    Schema.Struct({ do: Schema.Literal("hold"), payee: Name, amount: Amount }),
    Schema.Struct({ do: Schema.Literal("pay"), payer: Name, which: Which }),
    Schema.Struct({ do: Schema.Literal("settle"), which: Which }),
    Schema.Struct({ do: Schema.Literal("cancel"), which: Which }),
    Schema.Struct({ do: Schema.Literal("wait"), minutes: Schema.Literals([1, 11, 1_500]) })
  ])

  it.effect.prop(
    "no money is made or lost, nobody is below zero, and no hash is paid twice",
    [Schema.Array(Step).check(Schema.isMinLength(5), Schema.isMaxLength(40))],
    ([steps]) =>
      Effect.gen(function* () {
        const bank = yield* Bank.Bank
        for (const name of names) yield* bank.open(name, funds)
        const made: Array<Bank.IssuedInvoice & { readonly payee: string }> = []
        const preimages = new Map<string, Bolt11.Preimage>()
        const invoiceOf = (which: number) => made[which % Math.max(1, made.length)]

        const take = Effect.fnUntraced(function* (step: typeof Step.Type) {
          switch (step.do) {
            case "invoice":
            case "hold": {
              const preimage = yield* newPreimage
              const paymentHash = Bolt11.hashOf(preimage)
              preimages.set(paymentHash, preimage)
              const invoice = yield* bank.makeInvoice(step.payee, {
                ...thought,
                amount: Msat.make(step.amount),
                ...(step.do === "hold" ? { paymentHash } : {})
              })
              return made.push({ ...invoice, payee: step.payee })
            }
            case "pay": {
              const invoice = invoiceOf(step.which)
              return invoice && (yield* Effect.forkChild(Books.pay(step.payer, invoice)))
            }
            case "settle": {
              const invoice = invoiceOf(step.which)
              const preimage = invoice && preimages.get(invoice.paymentHash)
              return preimage && (yield* bank.settleHold(invoice.payee, preimage))
            }
            case "cancel": {
              const invoice = invoiceOf(step.which)
              return invoice && (yield* bank.cancelHold(invoice.payee, invoice.paymentHash))
            }
            case "wait":
              return yield* TestClock.adjust(`${step.minutes} minutes`)
          }
        })
        yield* Effect.forEach(steps, (step) => Effect.ignore(take(step)), { concurrency: 3 })

        const audit = yield* bank.audit
        assert.deepEqual(audit.findings, [])
        assert.strictEqual(audit.sum, 0)
        assert.strictEqual(audit.balances.get("mint"), -3 * funds)

        const sql = yield* SqlClient.SqlClient
        const twice = yield* sql`
          SELECT payment_hash FROM bank_transfer WHERE kind IN ('payment', 'lock')
          GROUP BY payment_hash HAVING count(*) > 1`
        assert.deepEqual(twice, [])
      }).pipe(Effect.provide(Books.layer(), { local: true })),
    { arbitrary: { runs: 60 } }
  )
})
