/** What has to be right with wallet and ledger before anybody is asked for anything. */
import { Treasury } from "@farthing/budget"
import { Wallet } from "@farthing/wallet"
import { Effect, Option, Predicate, Schema } from "effect"
import { Config } from "farthing"
import { Output } from "./Output.ts"

/** Where the wallet is, as it says itself; fails if that is not where the configuration is. */
export const walletInfo = Effect.gen(function* () {
  const config = yield* Config.Config
  const wallet = yield* Wallet.Wallet
  const info = yield* wallet.info
  if (info.network !== config.network)
    return yield* new WrongNetwork({
      message: `the wallet is on ${info.network}, the configuration on ${config.network}`
    })
  return info
})

/** Over what the wallet is asked; empty where there is none. */
const wayToWallet = Effect.map(Config.Config, ({ network, wallet }) => {
  if (wallet.kind === "spark")
    return Option.isSome(wallet.sparkConnection)
      ? "Spark's operators on this machine"
      : `Spark's operators of ${network}`
  return Option.match(wallet.nwcUri, {
    onNone: () => "",
    onSome: ({ relays }) => relays.join(", ")
  })
})

/** A wallet that does not answer is told of with where it was asked. */
export const reaching = Effect.fnUntraced(function* <A, E extends Failure, R>(
  ask: Effect.Effect<A, E, R>
) {
  const way = yield* wayToWallet
  return yield* Effect.mapError(ask, (error) =>
    isUnreachable(error)
      ? new Treasury.WalletUnavailable({ message: `${error.message} (asked over ${way})` })
      : error
  )
})

/** Asks the wallet for a person, who sees what is waited for. */
export const ofWallet = Effect.fnUntraced(function* <A, E extends Failure, R>(
  ask: Effect.Effect<A, E, R>
) {
  const output = yield* Output
  yield* output.progress(`asking the wallet over ${yield* wayToWallet} …`)
  return yield* reaching(ask)
})

const noAnswer = new Treasury.WalletUnavailable({ message: "The wallet did not answer in time." })

interface Failure {
  readonly _tag: string
  readonly message: string
  readonly reason?: unknown
}

const isUnreachable = (error: Failure): boolean =>
  error._tag === "WalletError" && Predicate.isTagged(error.reason, "WalletUnreachable")

/**
 * Fails while nothing is spent. A wallet has the time of a payment to answer, because a machine
 * may be busy with many purchases; one that pays but does not describe itself may be used.
 */
const checkWallet = Effect.gen(function* () {
  const { compute } = yield* Config.Config
  yield* walletInfo.pipe(
    Effect.retry({ while: isUnreachable, times: 1 }),
    Effect.catchTag("WalletError", (error) =>
      isUnreachable(error)
        ? Effect.fail(new Treasury.WalletUnavailable({ message: error.message }))
        : Effect.logDebug(error.message)
    ),
    Effect.timeoutOrElse({ duration: compute.paymentTimeout, orElse: () => Effect.fail(noAnswer) })
  )
})

/** Releases or settles what a dead process left, so that it does not stand in the way. */
const takeUpWhatIsOpen = Effect.gen(function* () {
  const treasury = yield* Treasury.Treasury
  const { held, locked } = yield* treasury.status
  if (held > 0 || locked > 0) yield* treasury.recover
})

export const forBuying = Effect.andThen(checkWallet, takeUpWhatIsOpen)

/** The wallet is on another network than the configuration. */
export class WrongNetwork extends Schema.TaggedError<WrongNetwork>()("WrongNetwork", {
  message: Schema.String
}) {}
