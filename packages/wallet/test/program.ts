/**
 * A process that pays: `program.ts <file> <payer> pay <payee> <count>` pays that many invoices, one
 * after the other, and prints each payment hash once the bank says that it is paid.
 * `program.ts <file> <payer> lock <bolt11>` locks the money of one, prints its payment hash, and
 * once more when it is taken.
 */
import { Bolt11, Msat } from "@farthing/protocol"
import { Sqlite } from "@farthing/sqlite"
import { Bank, BankBook } from "@farthing/wallet"
import { Effect, Layer } from "effect"
import * as Books from "./Books.ts"

const [, , filename = "", payer = "", task = "", ...rest] = process.argv

const say = (paymentHash: Bolt11.PaymentHash) =>
  Effect.sync(() => process.stdout.write(`${paymentHash}\n`))

const payOnce = Effect.fnUntraced(function* (payee: string) {
  const bank = yield* Bank.Bank
  const made = yield* bank.makeInvoice(payee, {
    amount: Msat.make(1_000),
    description: "",
    expiry: "1 minute"
  })
  yield* Books.pay(payer, made)
  yield* say(made.paymentHash)
})

const payMany = Effect.fnUntraced(function* ([payee = "", count = "0"]: ReadonlyArray<string>) {
  const bank = yield* Bank.Bank
  yield* bank.open(payee)
  yield* Effect.repeat(payOnce(payee), { times: Number(count) - 1 })
})

const lock = Effect.fnUntraced(function* ([bolt11 = ""]: ReadonlyArray<string>) {
  const { paymentHash } = yield* Effect.fromResult(Bolt11.decode(bolt11))
  const { end } = yield* Books.lock(payer, { bolt11 })
  yield* say(paymentHash)
  yield* say(Bolt11.hashOf((yield* end).preimage))
})

const program = Effect.gen(function* () {
  const bank = yield* Bank.Bank
  yield* bank.open(payer, Msat.make(1_000_000_000))
  yield* task === "lock" ? lock(rest) : payMany(rest)
})

await Effect.runPromise(
  program.pipe(
    Effect.provide(
      BankBook.layer({ network: "regtest", fees: Books.fees }).pipe(
        Layer.provide(Sqlite.layer({ filename }))
      )
    )
  )
)
