import { assert, describe, it } from "@effect/vitest"
import { Msat } from "@farthing/protocol"
import type { Bolt11 } from "@farthing/protocol"
import { Sqlite } from "@farthing/sqlite"
import { Context, Effect, Exit, Fiber, Layer, Option, References, Schema, Scope } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { PurchaseId, SpendOutcome, TickId, weigh } from "../src/Spend.ts"
import type { SpendRecord } from "../src/Spend.ts"
import * as Treasury from "../src/Treasury.ts"
import * as Vault from "./Vault.ts"
import { databaseFile, open, payee, sats, seconds } from "./Fixture.ts"
import { invoiceOf, preimageOf } from "./Orders.ts"

const few = Schema.Literals([0, 1, 2, 3, 4, 5, 6, 7])

/** What happens to processes that pay and lock, in any order. */
const Step = Schema.Union([
  Schema.TaggedStruct("Pay", { purchase: few, amount: Schema.Literals([5, 20, 60]), payee: few }),
  Schema.TaggedStruct("Lock", { purchase: few, amount: Schema.Literals([5, 20, 60]), payee: few }),
  Schema.TaggedStruct("Answer", {
    nth: few,
    verdict: Schema.Literals(["pay", "payAndBreak", "payAndSayFailed", "break", "fail"]),
    fee: Schema.Literals([0, 1, 2])
  }),
  Schema.TaggedStruct("Release", { nth: few }),
  Schema.TaggedStruct("End", {
    nth: few,
    verdict: Schema.Literals(["take", "takeSilently", "giveBack", "giveBackSilently"])
  }),
  Schema.TaggedStruct("Trouble", {
    what: Schema.Literals([
      "interrupt",
      "recover",
      "crash",
      "conclude",
      "freeze",
      "unfreeze",
      "a minute",
      "eleven minutes",
      "a day",
      "back"
    ]),
    nth: few,
    outcome: SpendOutcome
  })
]).pipe(Schema.toTaggedUnion("_tag"))
type Step = typeof Step.Type

const Steps = Schema.Array(Step).check(Schema.isMaxLength(80))

/** In minutes. */
const jumps = { "a minute": 1, "eleven minutes": 11, "a day": 1440, back: -90 }

const limits = {
  ...open,
  maxFee: sats(2),
  maxFeePercent: 0,
  daily: sats(150),
  unresolved: sats(130),
  lifetime: sats(600),
  unprovenDaily: sats(120),
  wait: seconds(5)
}

/** Far enough from 1970 that the clock can jump back. */
const start = 40_000_000

type Paying = Fiber.Fiber<Treasury.Settled | Treasury.Lock, Treasury.PayError>

/** One process over the file: its treasury, and the payments under way in it. */
const boot = Effect.fnUntraced(function* (filename: string, vault: Vault.Vault) {
  const database = yield* Scope.make()
  const rest = yield* Scope.make()
  const sql = yield* Layer.buildWithScope(
    Sqlite.layer({ filename, synchronous: "NORMAL" }),
    database
  )
  const context = yield* Layer.buildWithScope(
    Treasury.layer({ network: "regtest", limits }).pipe(
      Layer.provide(vault.layer),
      Layer.provide(Layer.succeedContext(sql))
    ),
    rest
  )
  const fibers: Array<Paying> = []
  return {
    treasury: Context.get(context, Treasury.Treasury),
    sql: Context.get(sql, SqlClient.SqlClient),
    fibers,
    /** What is in its memory is gone, and it writes nothing any more. */
    crash: Effect.andThen(
      Scope.close(database, Exit.void),
      Effect.andThen(Fiber.interruptAll(fibers), Scope.close(rest, Exit.void))
    )
  }
})

const story = Effect.fnUntraced(function* (steps: ReadonlyArray<Step>) {
  const filename = yield* databaseFile
  const names = new Map<Bolt11.PaymentHash, string>()
  const out = new Set<Bolt11.PaymentHash>()
  const vault = Vault.make((hash) => preimageOf(names.get(hash) ?? ""))
  let time = start
  let process = yield* boot(filename, vault)
  let frozen = false

  const quiet = Effect.repeat(Effect.yieldNow, { times: 30 })
  const purchases = few.literals.map((n) => PurchaseId.make(`purchase ${n}`))
  const spends = Effect.suspend(() =>
    Effect.map(Effect.forEach(purchases, process.treasury.find), (found) => found.flat())
  )

  const wish = Effect.fnUntraced(function* (
    step: Extract<Step, { _tag: "Lock" | "Pay" }>,
    name: string
  ) {
    const invoice = invoiceOf(name, time + 600)
    names.set(invoice.paymentHash, name)
    const { lock, pay } = process.treasury
    const fiber: Paying = yield* Effect.forkChild(
      (step._tag === "Pay" ? pay : lock)({
        purchase: purchases[step.purchase]!,
        tick: TickId.make(name),
        payee: payee(step.payee),
        invoice: { ...invoice, amount: Option.some(sats(step.amount)) },
        cap: sats(200),
        approved: false
      }),
      { startImmediately: true }
    )
    process.fibers.push(fiber)
  })

  /** Whatever may be released is, and from then on it is out. */
  const release = Effect.fnUntraced(function* (nth: number) {
    const found = yield* spends
    const spend = found[nth % found.length]
    if (spend === undefined) return
    const { paymentHash } = spend
    const isReleased = yield* process.treasury.release(
      paymentHash,
      preimageOf(names.get(paymentHash) ?? "")
    )
    if (isReleased) out.add(paymentHash)
  })

  const trouble = Effect.fnUntraced(function* ({
    nth,
    outcome,
    what
  }: Extract<Step, { _tag: "Trouble" }>) {
    switch (what) {
      case "interrupt": {
        const fiber = process.fibers[nth]
        return fiber === undefined ? undefined : yield* Fiber.interrupt(fiber)
      }
      case "recover":
        return yield* process.treasury.recover
      case "conclude": {
        const spend = (yield* spends)[nth]
        return spend && (yield* process.treasury.conclude(spend.paymentHash, outcome))
      }
      case "freeze":
        frozen = true
        return yield* process.treasury.freeze("storm")
      case "unfreeze":
        frozen = false
        return yield* process.treasury.unfreeze
      case "crash":
        yield* process.crash
        process = yield* boot(filename, vault)
        return
      default:
        time += jumps[what] * 60
        return yield* TestClock.setTime(time * 1000)
    }
  })

  const act = (step: Step, n: number): Effect.Effect<unknown, unknown> =>
    Step.match(step, {
      Pay: (step) => wish(step, `payment ${n}`),
      Lock: (step) => wish(step, `lock ${n}`),
      Release: ({ nth }) => release(nth),
      End: ({ nth, verdict }) => vault.end(nth, verdict),
      Answer: ({ fee, nth, verdict }) => vault.answer(nth, verdict, sats(fee)),
      Trouble: trouble
    })

  yield* TestClock.setTime(time * 1000)
  for (const [n, step] of steps.entries()) {
    const askedBefore = vault.asked.length
    yield* act(step, n)
    yield* quiet
    // An unfrozen treasury may pay what waits; a frozen one nothing.
    if (frozen) assert.strictEqual(vault.asked.length, askedBefore)
    yield* mustHold(yield* spends, vault, out)
  }

  // The end of all doubt: whatever was asked cannot be executed any more, and every lock ends.
  while (vault.locks.size > 0) yield* vault.end(0, "giveBackSilently")
  yield* process.treasury.unfreeze
  yield* TestClock.setTime((time + 100_000) * 1000)
  yield* quiet
  yield* process.treasury.recover
  const { held, spentEver } = yield* process.treasury.status
  assert.deepStrictEqual({ held, spentEver }, { held: Msat.zero, spentEver: vault.cost() })
  const report = yield* process.treasury.audit
  assert.deepStrictEqual(report.findings, [])
  assert.strictEqual(report.unexplained, 0)
  yield* process.crash
})

/** What has to be true at every moment. */
const mustHold = (
  spends: ReadonlyArray<SpendRecord>,
  vault: Vault.Vault,
  out: ReadonlySet<Bolt11.PaymentHash>
) =>
  Effect.sync(() => {
    // Nothing is asked of the wallet twice.
    assert.strictEqual(new Set(vault.asked).size, vault.asked.length)
    // No purchase is paid twice, nor locked beside.
    const left = new Map([...vault.payments, ...vault.locks])
    const paid = spends.filter(({ paymentHash }) => left.has(paymentHash))
    assert.strictEqual(paid.length, left.size)
    assert.strictEqual(new Set(paid.map(({ purchase }) => purchase)).size, paid.length)
    // Whatever left the wallet is spent or held, and nothing else is spent.
    for (const spend of spends) {
      const payment = left.get(spend.paymentHash)
      const { held, spent } = weigh(spend)
      const cost = payment === undefined ? 0 : payment.amount + payment.fee
      assert.isTrue(spent + held >= cost, `${spend.state} covers ${cost}`)
      if (spend.state === "settled") assert.strictEqual(spent, cost)
      // A preimage that is out is spent, as long as somebody could use it.
      if (out.has(spend.paymentHash)) assert.isTrue(spent >= cost, `${spend.state} is out`)
    }
    // No limit is exceeded, by what is spent and held together.
    const used = (which: (spend: SpendRecord) => boolean) =>
      spends.filter(which).reduce((sum, spend) => sum + weigh(spend).spent + weigh(spend).held, 0)
    assert.isAtMost(
      used(() => true),
      limits.lifetime
    )
    assert.isAtMost(
      spends.reduce((sum, spend) => sum + weigh(spend).held, 0),
      limits.unresolved
    )
    for (const day of new Set(spends.map(({ day }) => day))) {
      assert.isAtMost(
        used((spend) => spend.day === day),
        limits.daily
      )
      assert.isAtMost(
        used((spend) => spend.day === day && spend.unproven),
        limits.unprovenDaily
      )
    }
  })

describe("the treasury in a storm", () => {
  it.effect.prop(
    "loses nothing, pays nothing twice and keeps to its limits, whatever happens in whatever order",
    [Steps],
    ([steps]) =>
      story(steps).pipe(Effect.scoped, Effect.provideService(References.MinimumLogLevel, "None")),
    { arbitrary: { runs: 30, size: 80 } }
  )
})
