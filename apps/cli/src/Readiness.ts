/** What has to be right with wallet and ledger before anybody is asked for anything. */
import { Treasury } from "@farthing/budget"
import { Wallet } from "@farthing/wallet"
import { Effect, Schema } from "effect"
import { Config } from "farthing"

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

/** A wallet that does not answer by then will not pay either. */
const patience = "10 seconds"

const noAnswer = new Treasury.WalletUnavailable({ message: "The wallet did not answer in time." })

/** Fails while nothing is spent; a wallet that pays but does not describe itself may be used. */
const checkWallet = walletInfo.pipe(
  Effect.catchTag("WalletError", (error) =>
    error.reason._tag === "WalletUnreachable"
      ? Effect.fail(new Treasury.WalletUnavailable({ message: error.message }))
      : Effect.logDebug(error.message)
  ),
  Effect.timeoutOrElse({ duration: patience, orElse: () => Effect.fail(noAnswer) })
)

/** Releases or settles what a dead process left, so that it does not stand in the way. */
const takeUpWhatIsOpen = Effect.gen(function* () {
  const treasury = yield* Treasury.Treasury
  const { held } = yield* treasury.status
  if (held > 0) yield* treasury.recover
})

export const forBuying = Effect.andThen(checkWallet, takeUpWhatIsOpen)

/** The wallet is on another network than the configuration. */
export class WrongNetwork extends Schema.TaggedError<WrongNetwork>()("WrongNetwork", {
  message: Schema.String
}) {}
