/**
 * What becomes of payments that nobody takes care of any more: their leases, their look-ups, and
 * what a wallet tells late.
 */
import { UnixTime } from "@farthing/relay"
import { Wallet } from "@farthing/wallet"
import { Clock, Duration, Effect, Option } from "effect"
import * as Lease from "./Lease.ts"
import * as LeaseKeeper from "./LeaseKeeper.ts"
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

/** For how long after a payment it is looked at again for what the wallet tells late. */
const lateWindow = Duration.days(1)

/** How many payments that were believed to have failed are looked at again in one recovery. */
const mostDoubtful = 20

export interface Recovery extends Effect.Success<ReturnType<typeof make>> {}

export const make = Effect.fnUntraced(function* ({ ledger, room, lease, margin }: Options) {
  const wallet = yield* Wallet.Wallet
  const keepingLease = yield* LeaseKeeper.make({
    lease,
    renew: (spend) => warned(ledger.renew(spend))
  })

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
    restore(lookUp(spend)).pipe(
      Effect.tap(() => Effect.sync(onAnswer)),
      Effect.flatMap((outcome) => record(spend, outcome)),
      keepingLease(spend),
      Effect.onError(() => warned(ledger.letGo(spend, notAsked)))
    )

  const record = (spend: SpendRecord, outcome: Outcome.Outcome) => {
    switch (outcome._tag) {
      case "Settled":
        return ledger.settle(spend.paymentHash, outcome)
      case "Failed":
        return ledger.fail(spend, outcome.note)
      case "Begun":
      case "Open":
        return ledger.leaveUnknown(spend, outcome.note)
    }
  }

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

  /** An answer that says nothing of the payment, such as an error, leaves its end open. */
  const lookUp = (spend: SpendRecord): Effect.Effect<Outcome.Outcome, WalletUnavailable> =>
    spend.wallet !== undefined && spend.wallet !== wallet.id
      ? Effect.succeed(Outcome.open(isOf(spend.wallet)))
      : wallet.lookupOutgoing(spend.paymentHash).pipe(
          Effect.flatMap((answer) => judge(spend, answer)),
          Effect.catchIf(
            ({ reason }) => reason._tag !== "WalletUnreachable",
            ({ message }) => Effect.succeed(Outcome.open(message))
          ),
          available
        )

  const judge = (spend: SpendRecord, answer: Option.Option<Wallet.Outgoing>) =>
    spend.wallet === undefined && Option.isNone(answer)
      ? Effect.succeed(Outcome.open(ofNobody))
      : Effect.map(UnixTime.now, (now) => Outcome.of(spend, answer, { now, margin }))

  return { keepingLease, lookUp, recover } as const
})

const notAsked = "its end is not known, and the wallet could not be asked"
const ofNobody = "it is not known which wallet it was given to, and this one does not know it"
const isOf = (wallet: Wallet.WalletId) =>
  `it was given to the wallet ${wallet}: configure that one to learn its end`

export const available = <A>(
  question: Effect.Effect<A, Wallet.WalletError>,
  patience = lookupTimeout
): Effect.Effect<A, WalletUnavailable> =>
  question.pipe(
    Effect.mapError(({ message }) => new WalletUnavailable({ message })),
    Effect.timeoutOrElse({
      duration: patience,
      orElse: () =>
        Effect.fail(new WalletUnavailable({ message: "The wallet did not answer in time." }))
    })
  )

/** Where the payment's own outcome matters more: recovery repairs what the ledger missed. */
export const warned = <A>(effect: Effect.Effect<A, LedgerUnavailable>): Effect.Effect<void> =>
  Effect.catch(Effect.asVoid(effect), ({ message }) => Effect.logWarning(message))
