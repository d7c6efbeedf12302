/** What each wallet costs whoever opens it and pays with it, beside an account in the same process. */
import { Devnet } from "@farthing/devnet"
import { Key, Msat } from "@farthing/protocol"
import { SparkLocal } from "@farthing/spark-local"
import { Bank, SparkWallet } from "@farthing/wallet"
import { Context, Effect, FileSystem, Layer, Redacted } from "effect"
import { randomUUID } from "node:crypto"
import { join } from "node:path"
import * as Processes from "../src/Processes.ts"
import { measured, type Measurement, type Row } from "../src/Row.ts"
import { median } from "../src/Statistics.ts"
import type { Account, WalletPerformance } from "../src/WalletTask.ts"

const balance = Msat.make(1_000_000_000)

/** How often each is opened, and what it pays each time. */
const rounds = 5
const payments = 20

/** The bank at which everybody has an account, or is paid from Spark. */
const found = Effect.gen(function* () {
  const fileSystem = yield* FileSystem.FileSystem
  const folder = yield* fileSystem.makeTempDirectoryScoped({ prefix: "farthing-bench-" })
  const devnet = yield* Devnet.make({ folder, accounts: ["nwc"], balance })
  const spark = Context.get(
    yield* Layer.build(
      SparkLocal.layer().pipe(Layer.provide(Layer.succeed(Bank.Bank)(devnet.bank)))
    ),
    SparkLocal.SparkLocal
  )
  const mnemonic = yield* Key.generateMnemonic
  const address = yield* SparkWallet.addressOf({
    mnemonic,
    account: 0,
    network: "regtest",
    local: spark.connection
  })
  yield* spark.fund(address, balance)
  yield* devnet.bank.open("ledger", balance)
  yield* devnet.bank.open(payee)

  const accountOf: Readonly<Record<Account["_tag"], () => Account>> = {
    ledger: () => ({ _tag: "ledger", account: "ledger", database: join(folder, "bank.db") }),
    nwc: () => ({ _tag: "nwc", uri: Redacted.value(devnet.accounts[0]!.nwc) }),
    spark: () => ({
      _tag: "spark",
      mnemonic: Redacted.value(mnemonic),
      connection: spark.connection,
      database: join(folder, `${randomUUID()}.db`)
    })
  }
  return { accountOf, bank: devnet.bank }
})

const payee = "payee"

const invoicesOf = (bank: Bank.Shape) =>
  Effect.replicateEffect(
    Effect.map(
      bank.makeInvoice(payee, { amount: Msat.make(10_000), description: "", expiry: "10 minutes" }),
      ({ bolt11 }) => bolt11
    ),
    payments
  )

const kinds = ["ledger", "nwc", "spark"] as const

const names = {
  ledger: "an account in the same process",
  nwc: "over NWC",
  spark: "on Spark, local operators"
} as const

export const wallets: Row = {
  name: "wallets",
  title: "opening a wallet, and paying with it",
  measure: Effect.gen(function* () {
    const { accountOf, bank } = yield* found
    const runs: Array<Readonly<Record<Account["_tag"], WalletPerformance>>> = []
    for (let round = 0; round < rounds; round++) {
      const run = (kind: Account["_tag"]) =>
        Effect.flatMap(invoicesOf(bank), (invoices) =>
          Processes.wallet({ account: accountOf[kind](), invoices })
        )
      runs.push({
        ledger: yield* run("ledger"),
        nwc: yield* run("nwc"),
        spark: yield* run("spark")
      })
    }
    const of = (kind: Account["_tag"], what: keyof WalletPerformance) =>
      median(runs.map((run) => run[kind][what]))
    const row = (what: keyof WalletPerformance, text: string, unit: string) =>
      kinds.map((kind): Measurement => ({
        what: `${text}, ${names[kind]}`,
        unit,
        value: of(kind, what),
        ...(kind === "ledger"
          ? {}
          : { baseline: { name: names.ledger, value: of("ledger", what) } })
      }))
    return measured([
      ...row("start", "a wallet is opened and says its balance", "ms"),
      ...row("payment", "a payment: p50", "ms"),
      ...row("resident", "memory of the process that pays", "MB")
    ])
  })
}
