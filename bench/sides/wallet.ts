/**
 * One wallet in a process of its own: how long it takes to answer, and to pay. Given which one it is
 * and what it has to pay.
 */
import { Bolt11, Msat } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Sqlite } from "@farthing/sqlite"
import { Payer } from "@farthing/wallet/Payer"
import { Wallet } from "@farthing/wallet/Wallet"
import { Console, Context, Effect, Layer, Redacted, Schema } from "effect"
import * as Program from "../src/Program.ts"
import { median } from "../src/Statistics.ts"
import { timed } from "../src/Stopwatch.ts"
import { type Account, WalletPerformance, WalletTask } from "../src/WalletTask.ts"

/** With its module: who has another wallet does not load it. */
const build = Effect.fnUntraced(function* (account: Account) {
  switch (account._tag) {
    case "ledger": {
      const BankBook = yield* Effect.promise(() => import("@farthing/wallet/BankBook"))
      const LedgerWallet = yield* Effect.promise(() => import("@farthing/wallet/LedgerWallet"))
      const bank = BankBook.layer({ network: "regtest" }).pipe(
        Layer.provide(Sqlite.layer({ filename: account.database }))
      )
      return yield* Layer.build(LedgerWallet.layer(account).pipe(Layer.provide(bank)))
    }
    case "nwc": {
      const NwcWallet = yield* Effect.promise(() => import("@farthing/wallet/NwcWallet"))
      const NwcUri = yield* Effect.promise(() => import("@farthing/protocol/NwcUri"))
      const uri = yield* Effect.fromResult(NwcUri.parse(Redacted.make(account.uri)))
      return yield* Layer.build(NwcWallet.layer(uri))
    }
    case "spark": {
      const SparkWallet = yield* Effect.promise(() => import("@farthing/wallet/SparkWallet"))
      const wallet = SparkWallet.layer({
        mnemonic: Redacted.make(account.mnemonic),
        account: 0,
        network: "regtest",
        local: account.connection
      })
      const book = Sqlite.layer({ filename: account.database })
      return yield* Layer.build(wallet.pipe(Layer.provide(book)))
    }
  }
})

const open = Effect.fnUntraced(function* (account: Account) {
  const services = yield* build(account)
  yield* Context.get(services, Wallet).balance
  return Context.get(services, Payer)
})

const main = Effect.gen(function* () {
  const [given = ""] = yield* Program.given
  const { account, invoices } = yield* Schema.decodeEffect(Schema.fromJsonString(WalletTask))(given)
  const { result: payer, wall: start } = yield* timed(open(account))
  const payments = yield* Effect.forEach(invoices, (bolt11) =>
    Effect.gen(function* () {
      const invoice = yield* Effect.fromResult(Bolt11.decode(bolt11))
      const expiresAt = (yield* UnixTime.now) + 60
      const { wall } = yield* timed(payer.pay({ invoice, maxFee: Msat.most, expiresAt }))
      return wall
    })
  )
  const performance: WalletPerformance = {
    start: start * 1_000,
    payment: median(payments) * 1_000,
    resident: process.memoryUsage().rss / 1e6
  }
  yield* Console.log(
    yield* Schema.encodeEffect(Schema.fromJsonString(WalletPerformance))(performance)
  )
})

Program.run(main)
