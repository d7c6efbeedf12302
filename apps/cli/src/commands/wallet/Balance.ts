/** `farthing wallet balance`: what can be spent. */
import { Text } from "@farthing/protocol"
import { Wallet } from "@farthing/wallet"
import { Effect } from "effect"
import { Command } from "effect/cli"
import { Output } from "../../Output.ts"
import * as Readiness from "../../Readiness.ts"
import * as Show from "../../Show.ts"

export const show = Effect.fnUntraced(function* () {
  const output = yield* Output
  const wallet = yield* Wallet.Wallet
  const [info, amount] = yield* Readiness.ofWallet(
    Effect.all([wallet.info, wallet.balance], { concurrency: "unbounded" })
  )
  if (output.json)
    return yield* output.value({
      balance_msats: amount,
      wallet: wallet.id,
      alias: info.alias,
      network: info.network,
      capabilities: info.capabilities
    })
  yield* output.line(Show.balance(amount))
  yield* output.note(`${Text.printable(info.alias, 40) || "wallet"} on ${info.network}`)
})

export const command = Command.make("balance", {}, show).pipe(
  Command.withDescription("Show what can be spent")
)
