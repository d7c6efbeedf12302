/** `farthing wallet address`: where money can be sent to without an invoice. */
import { Text } from "@farthing/protocol"
import { Wallet } from "@farthing/wallet"
import { Effect, Option } from "effect"
import { Command } from "effect/cli"
import { Output } from "../../Output.ts"
import * as QrCode from "../../QrCode.ts"
import * as Readiness from "../../Readiness.ts"
import { UsageError } from "../../UsageError.ts"

export const command = Command.make(
  "address",
  { qr: QrCode.flag },
  Effect.fnUntraced(function* ({ qr }) {
    const output = yield* Output
    const wallet = yield* Wallet.Wallet
    const found = yield* Readiness.ofWallet(wallet.address)
    if (Option.isNone(found))
      return yield* new UsageError({
        message:
          "this wallet has no address: make an invoice instead, with `farthing wallet invoice <sats>`"
      })
    const address = Text.printable(found.value, 1_000)
    yield* QrCode.show(address, qr)
    yield* output.json ? output.value({ address }) : output.line(address)
  })
).pipe(Command.withDescription("Show where money can be sent to without an invoice"))
