/** `farthing wallet invoice`: asks for an amount, to put money in. */
import { Msat, Sat } from "@farthing/protocol"
import { Wallet } from "@farthing/wallet"
import { Effect, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { Output } from "../../Output.ts"
import * as QrCode from "../../QrCode.ts"
import * as Readiness from "../../Readiness.ts"

const sats = Argument.Int("sats").pipe(
  Argument.withSchema(
    Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: Sat.fromMsatFloor(Msat.most) }))
  ),
  Argument.withDescription("How much to receive")
)

const memo = Flag.String("memo").pipe(
  Flag.withDescription("What the payer reads"),
  Flag.withDefault("farthing")
)

export const command = Command.make(
  "invoice",
  { sats, memo, qr: QrCode.flag },
  Effect.fnUntraced(function* ({ memo, qr, sats }) {
    const output = yield* Output
    const wallet = yield* Wallet.Wallet
    const { bolt11, paymentHash } = yield* Readiness.ofWallet(
      wallet.makeInvoice({
        amount: Sat.toMsat(Sat.make(sats)),
        description: memo,
        expiry: "1 hour"
      })
    )
    yield* QrCode.show(QrCode.ofInvoice(bolt11), qr)
    yield* output.json ? output.value({ bolt11, payment_hash: paymentHash }) : output.line(bolt11)
  })
).pipe(Command.withDescription("Make an invoice, to put money in"))
