/**
 * What becomes of payments that nobody takes care of any more, and of locks, which need nobody to:
 * their leases, their look-ups, what a wallet left half-way, and what it tells late.
 */
import type { Bolt11 } from "@farthing/protocol"
import { Payer, Wallet } from "@farthing/wallet"
import { Clock, Duration, Effect, Option } from "effect"
import * as Lease from "./Lease.ts"
import type { LeaseKeeper } from "./LeaseKeeper.ts"
import * as LockWatch from "./LockWatch.ts"
import type { Lookup } from "./Lookup.ts"
import type * as Outcome from "./Outcome.ts"
import type * as Room from "./Room.ts"
import { isResolved } from "./Spend.ts"
import type { SpendRecord } from "./Spend.ts"
import type { SpendLedger } from "./SpendLedger.ts"
import type { LedgerUnavailable } from "./TreasuryError.ts"
import * as WalletRequest from "./WalletRequest.ts"

export interface Options {
  readonly ledger: SpendLedger
  readonly lookUp: Lookup
  readonly keepingLease: LeaseKeeper
  readonly room: Room.Room
  /** How long the wallet may take to take a payment up again. */
  readonly timeout: Duration.Duration
}

/** For how long after a payment it is looked at again for what the wallet tells late. */
const lateWindow = Duration.days(1)

/** How many payments that were believed to have failed are looked at again in one recovery. */
const mostDoubtful = 20

export interface Recovery extends Effect.Success<ReturnType<typeof make>> {}

export const make = Effect.fnUntraced(function* (options: Options) {
  const { ledger, lookUp, keepingLease, room, timeout } = options
  const wallet = yield* Wallet.Wallet
  const payer = yield* Payer.Payer

  /** Everything that was taken over or told late, as it stands now. */
  const recover = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    const abandoned = (yield* ledger.unresolved).filter((spend) => !Lease.isAlive(spend, now))
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
    return [...taken.flatMap(Option.toArray), ...(yield* lateNews)]
  }).pipe(Effect.withSpan("Treasury.recover"))

  const resolve = (spend: SpendRecord, onAnswer: () => void) =>
    spend.state === "held" ? Effect.asSome(learn(spend, onAnswer)) : takeOver(spend, onAnswer)

  /** A lock has no owner: whoever asks the wallet may book what it says. */
  const learn = (spend: SpendRecord, onAnswer: () => void) =>
    Effect.flatMap(pursue(spend, onAnswer), (outcome) => record(spend, outcome))

  /** Looks it up; what the wallet was interrupted at is taken up again, and looked up once more. */
  const pursue = (spend: SpendRecord, onAnswer: () => void = () => undefined) =>
    lookUp(spend).pipe(
      Effect.tap(() => Effect.sync(onAnswer)),
      Effect.filterOrElse(
        ({ _tag }) => _tag !== "Begun",
        // What was learned already stands.
        (outcome) =>
          Effect.andThen(
            resume(spend),
            Effect.orElseSucceed(lookUp(spend), () => outcome)
          )
      )
    )

  /** No wallet moves money a second time for it; one that cannot be at it now is asked again later. */
  const resume = (spend: SpendRecord) =>
    Option.match(WalletRequest.again(spend), {
      onNone: () => Effect.void,
      onSome: (request) =>
        payer.resume(request).pipe(
          Effect.timeoutOption(timeout),
          Effect.asVoid,
          Effect.catch(({ message }) => Effect.logDebug(message))
        )
    })

  /** Takes one spend over and finds out what became of it. */
  const takeOver = ({ paymentHash }: SpendRecord, onAnswer: () => void) =>
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
    restore(pursue(spend, onAnswer)).pipe(
      Effect.flatMap((outcome) => record(spend, outcome)),
      keepingLease(spend),
      Effect.onError(() => warned(ledger.letGo(spend, notAsked)))
    )

  const record = (spend: SpendRecord, outcome: Outcome.Outcome) =>
    Effect.tap(book(spend, outcome), (booked) =>
      booked.state !== "held"
        ? locks.tell(booked)
        : booked.wallet === wallet.id
          ? locks.watch(booked.paymentHash)
          : Effect.void
    )

  const book = (spend: SpendRecord, outcome: Outcome.Outcome) => {
    switch (outcome._tag) {
      case "Settled":
        return ledger.settle(spend.paymentHash, outcome)
      case "Failed":
        return ledger.fail(spend, outcome.note)
      case "Begun":
      case "Open":
        return stillOpen(spend, outcome)
    }
  }

  /** What is held stays so; nothing is written where nothing is new. */
  const stillOpen = (spend: SpendRecord, { _tag, note }: Outcome.Unfinished) => {
    if (spend.state === "held") return Effect.succeed(spend)
    return spend.isLock && _tag === "Begun"
      ? ledger.hold(spend.paymentHash, note)
      : ledger.leaveUnknown(spend, note)
  }

  /** What the ledger says by now, or else the wallet. */
  const learnAgain = (paymentHash: Bolt11.PaymentHash) =>
    Effect.filterOrElse(ledger.find(paymentHash), isResolved, (spend) =>
      Effect.flatMap(pursue(spend), (outcome) => book(spend, outcome))
    )

  const locks = yield* LockWatch.make({ learn: learnAgain, room })

  /**
   * A fee that the wallet tells late replaces the whole reserve that was booked for it. A payment
   * that was believed to have failed, but was made, is booked too, and freezes spending.
   */
  const lateNews = Effect.gen(function* () {
    const since = (yield* Clock.currentTimeMillis) - Duration.toMillis(lateWindow)
    const feeless = yield* ledger.feeUnknown(since)
    const failed = yield* ledger.doubtful(since, mostDoubtful)
    const heard = yield* Effect.forEach([...feeless, ...failed], settleLate, { concurrency: 4 })
    return heard
      .flatMap(Option.toArray)
      .filter(({ paymentHash }) => failed.some((spend) => spend.paymentHash === paymentHash))
  }).pipe(
    // The next recovery asks again.
    Effect.catchTag("WalletUnavailable", ({ message }) => Effect.as(Effect.logDebug(message), []))
  )

  const settleLate = Effect.fnUntraced(function* (spend: SpendRecord) {
    const outcome = yield* lookUp(spend)
    return outcome._tag === "Settled"
      ? Option.some(yield* ledger.settle(spend.paymentHash, outcome))
      : Option.none()
  })

  return { recover, follow: locks.follow } as const
})

const notAsked = "its end is not known, and the wallet could not be asked"

/** Where the payment's own outcome matters more: recovery repairs what the ledger missed. */
export const warned = <A>(effect: Effect.Effect<A, LedgerUnavailable>): Effect.Effect<void> =>
  Effect.catch(Effect.asVoid(effect), ({ message }) => Effect.logWarning(message))
