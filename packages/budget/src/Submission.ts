/**
 * What is reserved is given to the wallet, once: whatever ends that early leaves the ledger true. A
 * wallet's word counts only as far as its own record of the payment does not contradict it.
 */
import { PaymentFailed, PaymentUnknown } from "@farthing/wallet/Payer"
import { Clock, Duration, Effect, Schedule } from "effect"
import * as Lease from "./Lease.ts"
import type { LeaseKeeper } from "./LeaseKeeper.ts"
import type { Lookup } from "./Lookup.ts"
import * as Outcome from "./Outcome.ts"
import type { Proof } from "./Proof.ts"
import { warned } from "./Recovery.ts"
import type * as Reservation from "./Reservation.ts"
import type * as Room from "./Room.ts"
import type { SpendRecord } from "./Spend.ts"
import type { SpendLedger } from "./SpendLedger.ts"

export interface Options {
  readonly ledger: SpendLedger
  readonly lookUp: Lookup
  readonly keepingLease: LeaseKeeper
  /** How long the wallet may take before nothing is known. */
  readonly timeout: Duration.Duration
}

/** By which rules something was reserved, and how to wait for it interruptibly. */
export interface Order {
  readonly rules: Reservation.Rules
  readonly restore: Room.Restore
}

/** Why there is nothing to be booked. */
export type Unpaid = PaymentFailed | PaymentUnknown

/** What somebody makes of the wallet's own record of a payment. */
export interface Found<A> {
  readonly settled: (proof: Proof) => Effect.Effect<A, Unpaid>
  /** The wallet has begun it, and its end is open. */
  readonly begun: (note: string) => Effect.Effect<A, Unpaid>
}

export interface Submission extends ReturnType<typeof make> {}

export const make = ({ ledger, lookUp, keepingLease, timeout }: Options) => {
  /** Asks the wallet, if what is reserved is still ours, and books what it answers. */
  const submit = <A, B>(
    spend: SpendRecord,
    { restore }: Pick<Order, "restore">,
    work: {
      readonly ask: Effect.Effect<A, Unpaid>
      readonly book: (answer: A) => Effect.Effect<B, Unpaid>
    }
  ): Effect.Effect<B, Unpaid> => {
    let isAsked = false
    const asking = Effect.andThen(
      Effect.sync(() => {
        isAsked = true
      }),
      work.ask
    )
    return restore(Effect.andThen(stillOurs(spend), asking)).pipe(
      Effect.catchTags({
        PaymentFailed: (error) => release(spend, error),
        PaymentUnknown: (error) => leaveUnknown(spend, error)
      }),
      Effect.flatMap(work.book),
      keepingLease(spend),
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

  /** What the wallet answers in time and its record does not contradict. */
  const believed = <A>(
    spend: SpendRecord,
    answer: Effect.Effect<A, Unpaid>,
    found: Found<A>
  ): Effect.Effect<A, Unpaid> =>
    Effect.flatMap(Clock.currentTimeMillis, (start) =>
      answer.pipe(
        Effect.timeoutOrElse({
          duration: timeout,
          orElse: () => Effect.fail(unknown(spend, "the wallet did not answer in time"))
        }),
        Effect.catchTags({
          PaymentFailed: (error) => doubt(spend, error, found),
          PaymentUnknown: (error) =>
            inquire(spend, error, found, start + Duration.toMillis(timeout))
        })
      )
    )

  const doubt = <A>(spend: SpendRecord, error: PaymentFailed, found: Found<A>) =>
    neverAsked.has(error.reason) ? Effect.fail(error) : uncontradicted(spend, error, found)

  /** Only the wallet's record can contradict what it said; without one its word stands. */
  const uncontradicted = <A>(
    spend: SpendRecord,
    error: PaymentFailed,
    found: Found<A>
  ): Effect.Effect<A, Unpaid> =>
    lookUp(spend).pipe(
      Effect.catchTag("WalletUnavailable", () => Effect.fail(error)),
      Effect.flatMap((outcome): Effect.Effect<A, Unpaid> => {
        switch (outcome._tag) {
          case "Settled":
            return found.settled(outcome)
          case "Begun":
            return found.begun(`the wallet says that it failed, but ${outcome.note}`)
          case "Failed":
          case "Open":
            return Effect.fail(error)
        }
      })
    )

  /** A payment whose end the wallet does not tell in time is looked up until the time is over. */
  const inquire = <A>(
    spend: SpendRecord,
    error: PaymentUnknown,
    found: Found<A>,
    deadline: number
  ): Effect.Effect<A, Unpaid> =>
    lookUp(spend).pipe(
      Effect.flatMap((outcome): Effect.Effect<A, Unpaid> => {
        switch (outcome._tag) {
          case "Settled":
            return found.settled(outcome)
          case "Failed":
            return Effect.fail(new PaymentFailed({ reason: "refused", message: outcome.note }))
          case "Begun":
            return found.begun(error.message)
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

  return { submit, believed, uncontradicted } as const
}

/** Only the preimage of this very hash proves it. */
export const proven = (
  spend: SpendRecord,
  answer: Effect.Effect<Proof, Unpaid>
): Effect.Effect<Proof, Unpaid> =>
  Effect.filterOrFail(
    answer,
    ({ preimage }) => Outcome.proves(spend.paymentHash)(preimage),
    () => unknown(spend, "the wallet showed the proof of another payment")
  )

export const unknown = (
  { paymentHash }: Pick<SpendRecord, "paymentHash">,
  message: string
): PaymentUnknown => new PaymentUnknown({ paymentHash, message })

/** Failures from before anything was asked of the wallet. */
const neverAsked: ReadonlySet<PaymentFailed["reason"]> = new Set(["unreachable", "expired"])

const leaseLost = "this process lost its lease before the wallet was asked; nothing was paid"
const notAsked = "interrupted before the wallet was asked"
const interrupted = "its process went away before the wallet answered"
