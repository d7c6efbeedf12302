import { assert, describe, it } from "@effect/vitest"
import { Bolt11, Msat } from "@farthing/protocol"
import { Sqlite } from "@farthing/sqlite"
import { Bank, BankBook } from "@farthing/wallet"
import * as MovableClock from "@farthing/wallet/testing/MovableClock"
import { Context, Effect, Fiber, Layer, Option, Queue, Stream } from "effect"
import { SqlClient } from "effect/sql"
import { spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import * as Books from "./Books.ts"

const program = new URL("program.ts", import.meta.url).pathname

const env = { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), "farthing-compile-cache") }

const file = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "bank-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true }))
).pipe(Effect.map((path) => join(path, "book.db")))

/** A process that pays, the hashes that it has printed, and how it ended. */
const start = Effect.fnUntraced(function* (...args: ReadonlyArray<string>) {
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => spawn(process.execPath, [program, ...args], { env })),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )
  const hashes = yield* Queue.unbounded<Bolt11.PaymentHash>()
  createInterface({ input: child.stdout }).on("line", (line) =>
    Queue.offerUnsafe(hashes, Bolt11.PaymentHash.make(line))
  )
  const ended = Effect.callback<string>((resume) => {
    let said = ""
    child.stderr.on("data", (text) => (said += String(text)))
    child.once("close", (code, signal) => resume(Effect.succeed(`${signal ?? code}${said}`)))
  })
  return { child, hashes, ended }
})

/** A second bank over the same file, as another process has it. */
const open = (filename: string) =>
  Layer.build(
    BankBook.layer({ network: "regtest", fees: Books.fees, lookAround: "10 millis" }).pipe(
      Layer.provideMerge(Sqlite.layer({ filename }))
    )
  )

/** An invoice of bob's, who waits a block for its money. */
const holdInvoice = Effect.fnUntraced(function* (bank: Bank.Shape) {
  yield* bank.open("bob")
  const preimage = Bolt11.Preimage.make(randomBytes(32).toString("hex"))
  const made = yield* bank.makeInvoice("bob", {
    amount: Msat.make(21_000),
    description: "",
    expiry: "1 minute",
    paymentHash: Bolt11.hashOf(preimage),
    minFinalCltvDelta: 1
  })
  return { made, preimage }
})

describe("processes that share a book", () => {
  it.live("kill -9 amid payments loses none that was reported, and the book stays whole", () =>
    Effect.gen(function* () {
      const filename = yield* file
      const seen: Array<Bolt11.PaymentHash> = []
      for (const after of [1, 16]) {
        const { child, ended, hashes } = yield* start(filename, "alice", "pay", "bob", "100000")
        const dying = yield* Effect.forkChild(ended, { startImmediately: true })
        seen.push(...(yield* Queue.takeN(hashes, after)))
        child.kill("SIGKILL")
        assert.strictEqual(yield* Fiber.join(dying), "SIGKILL")
      }
      const context = yield* open(filename)
      const bank = Context.get(context, Bank.Bank)
      const audit = yield* bank.audit
      assert.deepEqual(audit.findings, [])
      assert.strictEqual(audit.sum, 0)
      for (const hash of seen) {
        const paid = yield* bank.findPayment("alice", hash)
        assert.strictEqual(Option.getOrThrow(paid).state, "settled")
      }
    })
  )

  it.live("two that pay at the same time lose and double nothing", () =>
    Effect.gen(function* () {
      const filename = yield* file
      const one = yield* start(filename, "alice", "pay", "bob", "60")
      const two = yield* start(filename, "carol", "pay", "bob", "60")
      assert.deepEqual(yield* Effect.all([one.ended, two.ended], { concurrency: 2 }), ["0", "0"])

      const bank = Context.get(yield* open(filename), Bank.Bank)
      const audit = yield* bank.audit
      assert.deepEqual(audit.findings, [])
      assert.strictEqual(audit.balances.get("bob"), 120_000)
      assert.strictEqual(audit.balances.get("fees"), 120 * bank.feeFor(Msat.make(1_000)))
    })
  )

  it.live("one of them hears what the other does, and settles what the other holds", () =>
    Effect.gen(function* () {
      const filename = yield* file
      const payers = Context.get(yield* open(filename), Bank.Bank)
      const payees = Context.get(yield* open(filename), Bank.Bank)
      yield* payers.open("alice", Msat.make(100_000))
      yield* payees.open("bob")
      const told = yield* Effect.forkChild(Stream.runHead(payees.changes("bob")), {
        startImmediately: true
      })
      const preimage = Bolt11.Preimage.make(randomBytes(32).toString("hex"))
      const made = yield* payees.makeInvoice("bob", {
        amount: Msat.make(21_000),
        description: "",
        expiry: "1 minute",
        paymentHash: Bolt11.hashOf(preimage)
      })
      const paying = yield* Effect.forkChild(
        Books.pay("alice", made).pipe(Effect.provideService(Bank.Bank, payers))
      )
      const change = Option.getOrThrow(yield* Fiber.join(told))
      assert.strictEqual(change._tag === "Incoming" && change.incoming.state, "held")
      yield* payees.settleHold("bob", preimage)
      assert.strictEqual((yield* Fiber.join(paying)).preimage, preimage)
    })
  )

  it.live(
    "a lock outlives the process that made it, is taken up by another, and ends for both",
    () =>
      Effect.gen(function* () {
        const filename = yield* file
        const bank = Context.get(yield* open(filename), Bank.Bank)
        const { made, preimage } = yield* holdInvoice(bank)
        const first = yield* start(filename, "alice", "lock", made.bolt11)
        const dying = yield* Effect.forkChild(first.ended, { startImmediately: true })
        assert.strictEqual(yield* Queue.take(first.hashes), made.paymentHash)
        first.child.kill("SIGKILL")
        yield* Fiber.join(dying)
        const left = yield* bank.balance("alice")

        const second = yield* start(filename, "alice", "lock", made.bolt11)
        assert.strictEqual(yield* Queue.take(second.hashes), made.paymentHash)
        const { end } = yield* Books.lock("alice", made).pipe(
          Effect.provideService(Bank.Bank, bank)
        )
        assert.strictEqual(yield* bank.balance("alice"), left)
        yield* bank.settleHold("bob", preimage)
        assert.strictEqual((yield* end).preimage, preimage)
        assert.strictEqual(yield* Queue.take(second.hashes), made.paymentHash)
        assert.deepEqual((yield* bank.audit).findings, [])
        assert.strictEqual(yield* bank.balance("bob"), made.amount)
      })
  )

  it.live("a lock that ran out while no process was there goes back when the next one comes", () =>
    MovableClock.within((later) =>
      Effect.gen(function* () {
        const filename = yield* file
        const made = yield* Effect.scoped(
          Effect.gen(function* () {
            const bank = Context.get(yield* open(filename), Bank.Bank)
            yield* bank.open("alice", Msat.make(100_000))
            const { made } = yield* holdInvoice(bank)
            yield* Books.lock("alice", made).pipe(Effect.provideService(Bank.Bank, bank))
            return made
          })
        )
        yield* later("10 minutes")
        const bank = Context.get(yield* open(filename), Bank.Bank)
        yield* Effect.repeat(bank.findPayment("alice", made.paymentHash), {
          until: Option.exists(({ state }) => state === "failed")
        })
        assert.strictEqual(yield* bank.balance("alice"), 100_000)
      })
    )
  )

  it.live("a book that another process keeps locked leaves the outcome of a payment unknown", () =>
    Effect.gen(function* () {
      const filename = yield* file
      const context = yield* Layer.build(Books.layer(filename))
      const bank = Context.get(context, Bank.Bank)
      yield* bank.open("alice", Msat.make(100_000))
      yield* bank.open("bob")
      const made = yield* bank.makeInvoice("bob", {
        amount: Msat.make(21_000),
        description: "",
        expiry: "1 minute"
      })
      const other = Context.get(yield* open(filename), SqlClient.SqlClient)
      const pay = Books.pay("alice", made).pipe(Effect.provideService(Bank.Bank, bank))
      const outcome = yield* other.withTransaction(Effect.flip(pay))
      assert.strictEqual(outcome._tag, "PaymentUnknown")
      assert.strictEqual(yield* bank.balance("alice"), 100_000)
      yield* pay
      assert.strictEqual(yield* bank.balance("bob"), 21_000)
    })
  )
})
