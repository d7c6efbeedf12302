/**
 * A process that pays: `program.ts <file> <payer> <payee> <count>` pays that many invoices, one
 * after the other, and prints each payment hash once the bank says that it is paid.
 */
import { Msat } from "@farthing/protocol"
import { Sqlite } from "@farthing/sqlite"
import { Bank, BankBook } from "@farthing/wallet"
import { Effect, Layer } from "effect"
import * as Books from "./Books.ts"

const [, , filename = "", payer = "", payee = "", count = "0"] = process.argv

const payOnce = Effect.gen(function* () {
  const bank = yield* Bank.Bank
  const made = yield* bank.makeInvoice(payee, {
    amount: Msat.make(1_000),
    description: "",
    expiry: "1 minute"
  })
  yield* Books.pay(payer, made)
  process.stdout.write(`${made.paymentHash}\n`)
})

const program = Effect.gen(function* () {
  const bank = yield* Bank.Bank
  yield* bank.open(payer, Msat.make(1_000_000_000))
  yield* bank.open(payee)
  yield* Effect.repeat(payOnce, { times: Number(count) - 1 })
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
