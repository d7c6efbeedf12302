/** `farthing wallet`: what is in it, invoices to fill it, and what moved. */
import { Msat, Sat, Text } from "@farthing/protocol"
import { Wallet } from "@farthing/wallet"
import { Effect, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import * as Market from "../Market.ts"
import { limit } from "../Options.ts"
import { Output } from "../Output.ts"
import * as Readiness from "../Readiness.ts"
import * as Show from "../Show.ts"

const showBalance = Effect.fnUntraced(function* () {
  const output = yield* Output
  const wallet = yield* Wallet.Wallet
  const [info, amount] = yield* Readiness.ofWallet(
    Effect.all([wallet.info, wallet.balance], { concurrency: "unbounded" })
  )
  if (output.json)
    return yield* output.value({
      balance_msats: amount,
      alias: info.alias,
      network: info.network,
      capabilities: info.capabilities
    })
  yield* output.line(Show.balance(amount))
  yield* output.note(`${Text.printable(info.alias, 40) || "wallet"} on ${info.network}`)
})

const balance = Command.make("balance", {}, showBalance).pipe(
  Command.withDescription("Show what can be spent")
)

const amountSats = Argument.Int("sats").pipe(
  Argument.withSchema(
    Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: Sat.fromMsatFloor(Msat.most) }))
  ),
  Argument.withDescription("How much to receive")
)

const memo = Flag.String("memo").pipe(
  Flag.withDescription("What the payer reads"),
  Flag.withDefault("farthing")
)

const invoice = Command.make(
  "invoice",
  { amountSats, memo },
  Effect.fnUntraced(function* ({ amountSats, memo }) {
    const output = yield* Output
    const wallet = yield* Wallet.Wallet
    const made = yield* Readiness.ofWallet(
      wallet.makeInvoice({
        amount: Sat.toMsat(Sat.make(amountSats)),
        description: memo,
        expiry: "1 hour"
      })
    )
    if (output.json)
      return yield* output.value({ bolt11: made.bolt11, payment_hash: made.paymentHash })
    yield* output.line(made.bolt11)
  })
).pipe(Command.withDescription("Make an invoice, to put money in"))

interface Movement {
  readonly direction: "in" | "out"
  readonly at: number
  readonly amount: Msat.Msat
  readonly state: string
  readonly paymentHash: string
}

const history = Command.make(
  "history",
  { limit },
  Effect.fnUntraced(function* ({ limit }) {
    const output = yield* Output
    const wallet = yield* Wallet.Wallet
    const { incoming, outgoing } = yield* Readiness.ofWallet(wallet.transactions({ limit }))
    const movements: ReadonlyArray<Movement> = [
      ...incoming.map((it) => ({ ...it, direction: "in" as const, at: it.createdAt })),
      ...outgoing.map((it) => ({ ...it, direction: "out" as const, at: it.createdAt }))
    ]
      .toSorted((a, b) => b.at - a.at)
      .slice(0, limit)
    if (output.json)
      return yield* output.value(
        movements.map(({ amount, at, direction, paymentHash, state }) => ({
          direction,
          amount_msats: amount,
          state,
          payment_hash: paymentHash,
          created_at: at
        }))
      )
    if (movements.length === 0) return yield* output.note("nothing moved yet")
    const rows = movements.map((it) => [
      Show.time(it.at),
      it.direction,
      Show.cost(it.amount),
      it.state,
      it.paymentHash
    ])
    yield* output.table(["TIME (UTC)", "WAY", "AMOUNT", "STATE", "PAYMENT HASH"], rows)
  })
).pipe(Command.withDescription("List what came in and went out"))

export const command = Command.make("wallet", {}, showBalance).pipe(
  Command.withDescription("Show what can be spent, make invoices, list what moved"),
  Command.withSubcommands([balance, invoice, history]),
  Command.provide(Market.wallet)
)
