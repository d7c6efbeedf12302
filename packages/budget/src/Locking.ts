/**
 * One lock from its reservation on: ask the wallet, book that the money is locked, and book its end
 * when it comes, which nobody has to wait for.
 */
import { Payer } from "@farthing/wallet"
import { PaymentFailed } from "@farthing/wallet/Payer"
import { Effect, Result } from "effect"
import * as Limits from "./Limits.ts"
import { settled } from "./Payment.ts"
import type { Proof } from "./Proof.ts"
import type { Recovery } from "./Recovery.ts"
import type * as Reservation from "./Reservation.ts"
import type { Lock, LockSpend, Settled, SpendRecord } from "./Spend.ts"
import type { SpendLedger } from "./SpendLedger.ts"
import { proven, unknown } from "./Submission.ts"
import type { Found, Order, Submission, Unpaid } from "./Submission.ts"
import * as WalletRequest from "./WalletRequest.ts"

/** What is to be locked, and how. */
interface LockOrder extends Order {
  readonly wish: LockSpend
}

export interface Options {
  readonly ledger: SpendLedger
  readonly submission: Submission
  readonly recovery: Recovery
}

/** What becomes of money that is locked; unknown where only look-ups can tell. */
type End = Effect.Effect<Proof, Unpaid>

export const make = Effect.fnUntraced(function* ({ ledger, submission, recovery }: Options) {
  const payer = yield* Payer.Payer

  const carryOut = (spend: SpendRecord, order: LockOrder): Effect.Effect<Lock, Unpaid> =>
    submission.submit(spend, order, {
      ask: submission.believed(spend, ask(spend, order), locked(spend)),
      book: (end) => hold(spend, end, order.rules)
    })

  const ask = (spend: SpendRecord, { wish }: LockOrder): Effect.Effect<End, Unpaid> =>
    Effect.map(payer.lock(WalletRequest.ofLock(spend, wish)), ({ end }) => proven(spend, end))

  /** The money is locked: its end is booked also where the ledger fails now. */
  const hold = Effect.fnUntraced(function* (
    spend: SpendRecord,
    end: End,
    rules: Reservation.Rules
  ) {
    const held = yield* Effect.result(ledger.holdAndCount(spend.paymentHash, rules.zone))
    const ended = yield* recovery.follow(spend.paymentHash, bookEnd(spend, end))
    if (Result.isFailure(held)) {
      return yield* unknown(spend, `locked, but not recorded. ${held.failure.message}`)
    }
    const { booked, today } = held.success
    if (booked.state === "failed") {
      return yield* unknown(spend, `the ledger says that it failed: ${booked.note}`)
    }
    return {
      paymentHash: spend.paymentHash,
      amount: spend.amount,
      allowedFee: spend.allowedFee,
      leftToday: Limits.leftOfDay(rules.limits, today),
      end: Effect.flatMap(ended, (resolved) => tellEnd(resolved, rules))
    } satisfies Lock
  })

  /** Once the end is known, by the wallet's own word; fails where only look-ups can tell. */
  const bookEnd = (spend: SpendRecord, end: End) =>
    end.pipe(
      Effect.catchTag("PaymentFailed", (error) =>
        Effect.flatten(submission.uncontradicted(spend, error, locked(spend)))
      ),
      Effect.flatMap((proof) => ledger.settle(spend.paymentHash, proof)),
      Effect.catchTag("PaymentFailed", ({ message, reason }) =>
        ledger.fail(spend, `${reason}: ${message}`)
      )
    )

  const tellEnd = (
    spend: SpendRecord,
    { limits, zone }: Reservation.Rules
  ): Effect.Effect<Settled, PaymentFailed> => {
    const { note, preimage, state } = spend
    return state === "settled" && preimage !== undefined
      ? ledger.summary(zone).pipe(
          Effect.map(({ today }) => Limits.leftOfDay(limits, today)),
          // It is paid, whether or not the ledger can tell what is left.
          Effect.orElseSucceed(() => undefined),
          Effect.map((leftToday) => settled(spend, { preimage }, leftToday))
        )
      : Effect.fail(new PaymentFailed({ reason: "refused", message: note }))
  }

  return carryOut
})

/** That the wallet has begun it is all that a lock waits for. */
const locked = (spend: SpendRecord): Found<End> => ({
  settled: (proof) => Effect.succeed(Effect.succeed(proof)),
  begun: (note) => Effect.succeed(Effect.fail(unknown(spend, note)))
})
