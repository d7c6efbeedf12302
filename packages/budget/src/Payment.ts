/**
 * One payment from its reservation to its end: ask the wallet, and book what came of it. A
 * wallet's word counts only as far as its own record of the payment does not contradict it.
 */
import { Msat } from "@farthing/protocol"
import type { Bolt11 } from "@farthing/protocol"
import { Payer } from "@farthing/wallet"
import { PaymentFailed, PaymentUnknown } from "@farthing/wallet/Payer"
import { Clock, Duration, Effect, Schedule } from "effect"
import * as Lease from "./Lease.ts"
import * as Limits from "./Limits.ts"
import * as Outcome from "./Outcome.ts"
import type { Proof } from "./Proof.ts"
import { warned } from "./Recovery.ts"
import type { Recovery } from "./Recovery.ts"
import type * as Reservation from "./Reservation.ts"
import type * as Room from "./Room.ts"
import { costOf } from "./Spend.ts"
import type { Settled, SpendRecord } from "./Spend.ts"
import type { SpendLedger } from "./SpendLedger.ts"

export interface Options {
  readonly ledger: SpendLedger
  readonly recovery: Recovery
  /** How long it may take before its end is unknown. */
  readonly timeout: Duration.Duration
}

/** What is paid, by which rules it was reserved, and how to wait for it interruptibly. */
export interface Order {
  readonly invoice: Bolt11.Invoice
  readonly rules: Reservation.Rules
  readonly restore: Room.Restore
}

export const make = Effect.fnUntraced(function* ({ ledger, recovery, timeout }: Options) {
  const payer = yield* Payer.Payer

  /** Whatever ends it early leaves the ledger true. */
  const carryOut = (
    spend: SpendRecord,
    { invoice, restore, rules }: Order
  ): Effect.Effect<Settled, PaymentFailed | PaymentUnknown> => {
    let isAsked = false
    const asking = Effect.andThen(
      Effect.sync(() => {
        isAsked = true
      }),
      askWallet(spend, invoice)
    )
    return restore(Effect.andThen(stillOurs(spend), asking)).pipe(
      Effect.catchTags({
        PaymentFailed: (error) => release(spend, error),
        PaymentUnknown: (error) => leaveUnknown(spend, error)
      }),
      Effect.flatMap((proof) => settle(spend, proof, rules)),
      recovery.keepingLease(spend),
      Effect.onError(() =>
        warned(isAsked ? ledger.letGo(spend, interrupted) : ledger.fail(spend, notAsked))
      )
    )
  }

  /** A process that was stopped for long must not wake up and pay: others may have taken over. */
  const stillOurs = (spend: SpendRecord) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) =>
      Lease.isAlive(spend, now)
        ? Effect.void
        : Effect.fail(new PaymentFailed({ reason: "refused", message: leaseLost }))
    )

  const askWallet = (spend: SpendRecord, invoice: Bolt11.Invoice) =>
    Effect.flatMap(Clock.currentTimeMillis, (start) =>
      payer
        .pay({
          invoice,
          maxFee: spend.allowedFee,
          expiresAt: spend.payExpiresAt ?? spend.invoiceExpiresAt
        })
        .pipe(
          Effect.timeoutOrElse({
            duration: timeout,
            orElse: () => Effect.fail(unknown(spend, "the wallet did not answer in time"))
          }),
          Effect.filterOrFail(
            ({ preimage }) => Outcome.proves(spend.paymentHash)(preimage),
            () => unknown(spend, "the wallet showed the proof of another payment")
          ),
          Effect.catchTags({
            PaymentFailed: (error) => doubt(spend, error),
            PaymentUnknown: (error) => inquire(spend, error, start + Duration.toMillis(timeout))
          })
        )
    )

  /** Only the wallet's record can contradict what it said; without one its word stands. */
  const doubt = (spend: SpendRecord, error: PaymentFailed) =>
    neverAsked.has(error.reason)
      ? Effect.fail(error)
      : recovery.lookUp(spend).pipe(
          Effect.catchTag("WalletUnavailable", () => Effect.fail(error)),
          Effect.flatMap((outcome): Effect.Effect<Proof, PaymentFailed | PaymentUnknown> => {
            switch (outcome._tag) {
              case "Settled":
                return Effect.succeed(outcome)
              case "Begun":
                return Effect.fail(
                  unknown(spend, `the wallet says that it failed, but ${outcome.note}`)
                )
              case "Failed":
              case "Open":
                return Effect.fail(error)
            }
          })
        )

  /** A payment whose end the wallet does not tell in time is looked up until the time is over. */
  const inquire = (spend: SpendRecord, error: PaymentUnknown, deadline: number) =>
    recovery.lookUp(spend).pipe(
      Effect.flatMap((outcome): Effect.Effect<Proof, PaymentFailed | PaymentUnknown> => {
        switch (outcome._tag) {
          case "Settled":
            return Effect.succeed(outcome)
          case "Failed":
            return Effect.fail(new PaymentFailed({ reason: "refused", message: outcome.note }))
          case "Begun":
          case "Open":
            return Effect.fail(error)
        }
      }),
      Effect.catchTag("WalletUnavailable", () => Effect.fail(error)),
      Effect.retry({
        while: ({ _tag }) =>
          _tag === "PaymentUnknown"
            ? Effect.map(Clock.currentTimeMillis, (now) => now < deadline)
            : Effect.succeed(false),
        schedule: Schedule.min([Schedule.exponential("200 millis"), Schedule.spaced("5 seconds")])
      })
    )

  /** The money is gone: a ledger that fails now leaves the payment to recovery. */
  const settle = Effect.fnUntraced(function* (
    spend: SpendRecord,
    proof: Proof,
    { limits, zone }: Reservation.Rules
  ) {
    const { settled, today } = yield* Effect.mapError(
      ledger.settleAndCount(spend, proof, zone),
      ({ message }) => unknown(spend, `paid, but not recorded. ${message}`)
    )
    return {
      paymentHash: settled.paymentHash,
      preimage: proof.preimage,
      amount: settled.amount,
      fee: Msat.subtract(costOf(settled), settled.amount),
      feeKnown: settled.fee !== undefined,
      leftToday:
        limits.daily === undefined ? undefined : Limits.leftOf({ most: limits.daily, ...today })
    } satisfies Settled
  })

  /** Whoever has taken the payment over decides what became of it. */
  const release = (spend: SpendRecord, error: PaymentFailed) =>
    ledger.fail(spend, `${error.reason}: ${error.message}`).pipe(
      // Recovery repairs what the ledger missed.
      Effect.catch(({ message }) => Effect.as(Effect.logWarning(message), undefined)),
      Effect.flatMap((booked) =>
        Effect.fail(
          booked === undefined || booked.state === "failed"
            ? error
            : unknown(spend, `another process takes care of it. ${error.message}`)
        )
      )
    )

  const leaveUnknown = (spend: SpendRecord, error: PaymentUnknown) =>
    Effect.andThen(warned(ledger.leaveUnknown(spend, error.message)), Effect.fail(error))

  return carryOut
})

/** Failures from before anything was asked of the wallet. */
const neverAsked: ReadonlySet<PaymentFailed["reason"]> = new Set(["unreachable", "expired"])

const leaseLost = "this process lost its lease before the wallet was asked; nothing was paid"
const notAsked = "interrupted before the wallet was asked"
const interrupted = "its process went away before the wallet answered"

const unknown = (spend: SpendRecord, message: string): PaymentUnknown =>
  new PaymentUnknown({ paymentHash: spend.paymentHash, message })
