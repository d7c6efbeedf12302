/**
 * What becomes of payments that nobody takes care of any more: their leases, their look-ups, and
 * what a wallet tells late.
 */
import { UnixTime } from "@farthing/relay"
import { Wallet } from "@farthing/wallet"
import { Clock, Duration, Effect, Option } from "effect"
import type { Scope } from "effect"
import * as Outcome from "./Outcome.ts"
import type * as Room from "./Room.ts"
import type { SpendRecord } from "./Spend.ts"
import type { SpendLedger } from "./SpendLedger.ts"
import { WalletUnavailable } from "./TreasuryError.ts"
import type { LedgerUnavailable } from "./TreasuryError.ts"

export interface Options {
  readonly ledger: SpendLedger
  readonly room: Room.Room
  readonly lease: Duration.Duration
  /** By how many seconds clocks may differ. */
  readonly margin: number
}

/** A wallet that does not answer a question in this time is not there. */
const lookupTimeout = Duration.seconds(10)

/** For how long after a payment its fee is still looked for. */
const feeWindow = Duration.days(1)

export const make = Effect.fnUntraced(function* ({ ledger, room, lease, margin }: Options) {
  const wallet = yield* Wallet.Wallet

  const keepLease = (spend: SpendRecord): Effect.Effect<void, never, Scope.Scope> =>
    warned(ledger.renew(spend)).pipe(
      Effect.delay(Duration.divideUnsafe(lease, 3)),
      Effect.forever,
      Effect.forkScoped,
      Effect.asVoid
    )

  /** Whatever ends this payment early: a reservation that was never submitted is released. */
  const letGo = (spend: SpendRecord) => warned(ledger.letGo(spend))

  /** Everything that was taken over, as it stands now; late fees are learned on the way. */
  const recover = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    const abandoned = (yield* ledger.unresolved).filter(({ leaseUntil }) => leaseUntil <= now)
    let hasAnswered = false
    const taken = yield* Effect.forEach(
      abandoned,
      (spend) =>
        resolve(spend, () => (hasAnswered = true)).pipe(
          // A payment that alone gets no answer must not keep the others from theirs.
          Effect.catchIf(
            ({ _tag }) => _tag === "WalletUnavailable" && hasAnswered,
            ({ message }) => Effect.as(Effect.logWarning(message), Option.none())
          )
        ),
      { concurrency: 4 }
    )
    yield* learnFees
    return taken.flatMap(Option.toArray)
  }).pipe(Effect.withSpan("Treasury.recover"))

  /** Takes one spend over and finds out what became of it. */
  const resolve = ({ paymentHash }: SpendRecord, onAnswer: () => void) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(
        ledger.takeOver(paymentHash),
        Option.match({
          onNone: () => Effect.succeedNone,
          onSome: (spend) =>
            (spend.state === "failed"
              ? Effect.succeed(spend)
              : investigate(spend, restore, onAnswer)
            ).pipe(Effect.ensuring(room.release), Effect.asSome)
        })
      )
    )

  const investigate = (spend: SpendRecord, restore: Room.Restore, onAnswer: () => void) =>
    keepLease(spend).pipe(
      Effect.andThen(restore(lookUp(spend))),
      Effect.tap(() => Effect.sync(onAnswer)),
      Effect.flatMap((outcome) => record(spend, outcome)),
      Effect.onError(() => letGo(spend)),
      Effect.scoped
    )

  const record = (spend: SpendRecord, outcome: Outcome.Outcome) => {
    switch (outcome._tag) {
      case "Settled":
        return ledger.settle(spend.paymentHash, outcome)
      case "Failed":
        return ledger.fail(spend.paymentHash, outcome.note)
      case "Open":
        return ledger.leaveUnknown(spend.paymentHash, outcome.note)
    }
  }

  /** A fee that the wallet tells late replaces the whole reserve that was booked for it. */
  const learnFees = Effect.gen(function* () {
    const since = (yield* Clock.currentTimeMillis) - Duration.toMillis(feeWindow)
    const learnFee = Effect.fnUntraced(function* (spend: SpendRecord) {
      const outcome = yield* lookUp(spend)
      if (outcome._tag === "Settled") yield* ledger.settle(spend.paymentHash, outcome)
    })
    yield* Effect.forEach(yield* ledger.feeUnknown(since), learnFee, {
      concurrency: 4,
      discard: true
    })
  }).pipe(
    // The next recovery asks again.
    Effect.catchTag("WalletUnavailable", ({ message }) => Effect.logDebug(message))
  )

  /** An answer that says nothing of the payment, such as an error, leaves its end open. */
  const lookUp = (spend: SpendRecord): Effect.Effect<Outcome.Outcome, WalletUnavailable> =>
    Effect.gen(function* () {
      const answer = yield* wallet.lookupOutgoing(spend.paymentHash)
      return Outcome.of(spend, answer, { now: yield* UnixTime.now, margin })
    }).pipe(
      Effect.catchIf(
        ({ reason }) => reason._tag !== "WalletUnreachable",
        ({ message }) => Effect.succeed(Outcome.open(message))
      ),
      available
    )

  return { keepLease, letGo, lookUp, recover } as const
})

export const available = <A>(
  question: Effect.Effect<A, Wallet.WalletError>
): Effect.Effect<A, WalletUnavailable> =>
  question.pipe(
    Effect.mapError(({ message }) => new WalletUnavailable({ message })),
    Effect.timeoutOrElse({
      duration: lookupTimeout,
      orElse: () =>
        Effect.fail(new WalletUnavailable({ message: "The wallet did not answer in time." }))
    })
  )

/** Where the payment's own outcome matters more: recovery repairs what the ledger missed. */
export const warned = <A>(effect: Effect.Effect<A, LedgerUnavailable>): Effect.Effect<void> =>
  Effect.catch(Effect.asVoid(effect), ({ message }) => Effect.logWarning(message))
