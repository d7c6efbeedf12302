/** `farthing agent fund`: where money for an agent is sent to. */
import { Msat, Sat, Text } from "@farthing/protocol"
import { Wallet } from "@farthing/wallet"
import { Effect, Option, Schema } from "effect"
import { Argument, Command } from "effect/cli"
import * as Naming from "../../agent/Naming.ts"
import { Output } from "../../Output.ts"
import * as QrCode from "../../QrCode.ts"
import * as Readiness from "../../Readiness.ts"
import { UsageError } from "../../UsageError.ts"

const sats = Argument.Int("sats").pipe(
  Argument.withSchema(
    Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: Sat.fromMsatFloor(Msat.most) }))
  ),
  Argument.withDescription("Make an invoice for so much; without it the wallet's address"),
  Argument.optional
)

const invoice = Effect.fnUntraced(function* (name: string, sats: number) {
  const wallet = yield* Wallet.Wallet
  const { bolt11, paymentHash } = yield* Readiness.ofWallet(
    wallet.makeInvoice({
      amount: Sat.toMsat(Sat.make(sats)),
      description: `for ${name}`,
      expiry: "1 hour"
    })
  )
  return {
    text: bolt11,
    code: QrCode.ofInvoice(bolt11),
    fields: { bolt11, payment_hash: paymentHash }
  }
})

const address = Effect.fnUntraced(function* (name: string) {
  const wallet = yield* Wallet.Wallet
  const found = yield* Readiness.ofWallet(wallet.address)
  if (Option.isNone(found))
    return yield* new UsageError({
      message: `the wallet of ${name} has no address: say how many sats, as in \`farthing agent fund ${name} 1000\``
    })
  const address = Text.printable(found.value, 1_000)
  return { text: address, code: address, fields: { address } }
})

interface Input {
  readonly name: string
  readonly sats: Option.Option<number>
  readonly qr: Option.Option<boolean>
}

const fund = Effect.fnUntraced(function* ({ name: who, qr, sats }: Input) {
  const output = yield* Output
  const { name } = (yield* Naming.find(who)).settings
  const { code, fields, text } = yield* Option.match(sats, {
    onNone: () => address(name),
    onSome: (sats) => invoice(name, sats)
  })
  yield* QrCode.show(code, qr)
  yield* output.json ? output.value({ name, ...fields }) : output.line(text)
})

export const command = Command.make("fund", { name: Naming.name, sats, qr: QrCode.flag }, (input) =>
  Naming.as(input.name)(fund(input))
).pipe(
  Command.withDescription("Show where money for an agent is sent to: an address, or an invoice"),
  Command.withExamples([
    { command: "farthing agent fund heron 1000", description: "An invoice over 1,000 sats" },
    { command: "farthing agent fund heron", description: "The address of its Spark wallet" }
  ])
)
