import { assert, describe, it } from "@effect/vitest"
import { Bolt11 } from "@farthing/protocol"
import { Effect, Record, Schema } from "effect"
import { TestClock } from "effect/testing"
import * as Audit from "../src/Audit.ts"
import { SpendOutcome, TickId } from "../src/Spend.ts"
import { payee, sats } from "./Fixture.ts"
import * as Model from "./Model.ts"
import { ledgerOf, migrated, order, preimageOf, proofOf, rules, walletId } from "./Orders.ts"

const nth = Schema.Literals([0, 1, 2, 3, 4, 5, 6, 7])

/** Locks come to something only if the same one is meant again and again. */
const first = Schema.Literals([0, 1, 2])

/** What happens to a ledger, in any order. */
const Step = Schema.Union([
  Schema.TaggedStruct("Reserve", {
    amount: Schema.Literals([1, 5, 20, 60]),
    payee: Schema.Literals([1, 2]),
    tick: Schema.Literals(["a", "b"]),
    isLock: Schema.Boolean
  }),
  Schema.TaggedStruct("Hold", { nth: first }),
  Schema.TaggedStruct("Release", { nth: first }),
  Schema.TaggedStruct("Settle", { nth, fee: Schema.UndefinedOr(Schema.Literals([0, 1, 2])) }),
  Schema.TaggedStruct("Fail", { nth }),
  Schema.TaggedStruct("LeaveUnknown", { nth }),
  Schema.TaggedStruct("Conclude", { nth, outcome: SpendOutcome }),
  // Seldom frozen, so that something happens.
  Schema.TaggedStruct("Freeze", { on: Schema.Literals([false, false, true]) }),
  /** The process dies, and another one opens the ledger. */
  Schema.TaggedStruct("Crash", {}),
  Schema.TaggedStruct("Clock", { hours: Schema.Literals([-30, 1, 12, 24]) })
]).pipe(Schema.toTaggedUnion("_tag"))

const Steps = Schema.Array(Step).check(Schema.isMaxLength(80))

const hour = 3_600_000
const allowedFee = 2

describe("the ledger", () => {
  it.effect.prop(
    "counts like a list of spends, whatever happens in whatever order",
    [Steps],
    ([steps]) =>
      Effect.gen(function* () {
        let ledger = yield* ledgerOf("owner")
        const model = Model.make()
        const limits = rules(Record.map(Model.limits, sats))
        const names: Array<string> = []
        // Far enough from 1970 that the clock can jump back.
        let hours = 24_000

        /** The spend that a step is about, if there is one already. */
        const withSpend = <A, E>(
          n: number,
          f: (spend: Model.Spend, name: string, hash: Bolt11.PaymentHash) => Effect.Effect<A, E>
        ): Effect.Effect<void, E> => {
          const spend = model.spends[n]
          const name = names[n]
          return spend === undefined || name === undefined
            ? Effect.void
            : Effect.asVoid(f(spend, name, Bolt11.hashOf(preimageOf(name))))
        }

        const reserve = Effect.fnUntraced(function* (
          step: Extract<typeof Step.Type, { _tag: "Reserve" }>,
          name: string
        ) {
          const wish = order(name, {
            payee: payee(step.payee),
            tick: TickId.make(step.tick),
            amount: sats(step.amount),
            allowedFee: sats(allowedFee),
            isLock: step.isLock
          })
          const isReserved = yield* ledger.reserve(wish, limits).pipe(
            Effect.as(true),
            Effect.catchTag("Refused", () => Effect.succeed(false))
          )
          assert.strictEqual(isReserved, model.reserve(hours, { ...step, allowedFee }))
          if (isReserved) names.push(name)
        })

        yield* TestClock.setTime(hours * hour)
        for (const [n, step] of steps.entries()) {
          yield* Step.match(step, {
            Reserve: (step) => reserve(step, `spend ${n}`),
            Settle: ({ nth, fee }) =>
              withSpend(nth, (spend, name, hash) => {
                model.settle(spend, fee)
                return ledger.settle(hash, proofOf(name, fee === undefined ? fee : sats(fee)))
              }),
            Fail: ({ nth }) =>
              withSpend(nth, (spend, _, hash) => {
                model.fail(spend)
                return ledger.fail({ paymentHash: hash, fence: 1 }, "")
              }),
            Hold: ({ nth }) =>
              withSpend(nth, (spend, _, hash) => {
                if (!spend.isLock) return Effect.void
                model.hold(spend)
                return ledger.hold(hash, "")
              }),
            Release: ({ nth }) =>
              withSpend(nth, (spend, name, hash) =>
                Effect.map(ledger.release(hash, preimageOf(name)), (isReleased) =>
                  assert.strictEqual(isReleased, spend.isLock && model.release(spend))
                )
              ),
            LeaveUnknown: ({ nth }) =>
              withSpend(nth, (_spend, _name, hash) =>
                ledger.leaveUnknown({ paymentHash: hash, fence: 1 }, "")
              ),
            Conclude: ({ nth, outcome }) =>
              withSpend(nth, (spend, _, hash) => {
                model.conclude(spend, outcome)
                return ledger.conclude(hash, outcome)
              }),
            Freeze: ({ on }) => {
              model.freeze(on)
              return on ? ledger.freeze("for a while") : ledger.unfreeze
            },
            Crash: () => Effect.map(ledgerOf(`owner ${n}`), (opened) => (ledger = opened)),
            Clock: (step) => {
              hours = Math.max(0, hours + step.hours)
              return TestClock.setTime(hours * hour)
            }
          })
        }

        const report = Audit.ofBooks(yield* ledger.everything, walletId)
        assert.deepStrictEqual(report.findings, [])
        assert.strictEqual(report.spent, sats(model.spent()))
        assert.strictEqual(report.held, sats(model.held()))
        assert.strictEqual(report.spends, model.spends.length)
      }).pipe(Effect.provide(migrated)),
    { arbitrary: { runs: 40, size: 80 } }
  )
})
