/** What the wallet knows of a spend, and for how long it is waited for. */
import { UnixTime } from "@farthing/relay"
import { Wallet } from "@farthing/wallet"
import { Duration, Effect, Option } from "effect"
import * as Outcome from "./Outcome.ts"
import type { SpendRecord } from "./Spend.ts"
import { WalletUnavailable } from "./TreasuryError.ts"

export interface Options {
  /** By how many seconds clocks may differ. */
  readonly margin: number
}

/** A wallet that does not answer a question in this time is not there. */
const patience = Duration.seconds(10)

export interface Lookup extends Effect.Success<ReturnType<typeof make>> {}

/** An answer that says nothing of the payment, such as an error, leaves its end open. */
export const make = Effect.fnUntraced(function* ({ margin }: Options) {
  const wallet = yield* Wallet.Wallet

  const judge = (spend: SpendRecord, answer: Option.Option<Wallet.Outgoing>) =>
    spend.wallet === undefined && Option.isNone(answer)
      ? Effect.succeed(Outcome.open(ofNobody))
      : Effect.map(UnixTime.now, (now) => Outcome.of(spend, answer, { now, margin }))

  return (spend: SpendRecord): Effect.Effect<Outcome.Outcome, WalletUnavailable> =>
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
})

export const available = <A>(
  question: Effect.Effect<A, Wallet.WalletError>,
  within = patience
): Effect.Effect<A, WalletUnavailable> =>
  question.pipe(
    Effect.mapError(({ message }) => new WalletUnavailable({ message })),
    Effect.timeoutOrElse({
      duration: within,
      orElse: () =>
        Effect.fail(new WalletUnavailable({ message: "The wallet did not answer in time." }))
    })
  )

const ofNobody = "it is not known which wallet it was given to, and this one does not know it"
const isOf = (wallet: Wallet.WalletId) =>
  `it was given to the wallet ${wallet}: configure that one to learn its end`
