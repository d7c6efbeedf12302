/** Spark wallets at local operators, with a bank behind the service provider. */
import { assert } from "@effect/vitest"
import { Key, Msat } from "@farthing/protocol"
import { SparkLocal } from "@farthing/spark-local"
import { Sqlite } from "@farthing/sqlite"
import type { SparkConnection } from "@farthing/wallet"
import { Bank, BankBook, Payer, SparkWallet, Wallet } from "@farthing/wallet"
import type { Later } from "@farthing/wallet/testing/MovableClock"
import * as MovableClock from "@farthing/wallet/testing/MovableClock"
import type { Redacted, Scope } from "effect"
import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"

/** A person with a wallet: its words, and the database of its book. */
export interface Party {
  readonly mnemonic: Redacted.Redacted<string>
  readonly database: SqlClient.SqlClient
  readonly wallet: Wallet.Shape
  readonly payer: Payer.Shape
}

export interface World {
  readonly spark: SparkLocal.Shape
  readonly bank: Bank.Shape
  readonly later: Later
  /** A new wallet with so much money. */
  readonly party: (
    funds?: Msat.Msat,
    options?: Partial<SparkWallet.Options>
  ) => Effect.Effect<Party, unknown, Scope.Scope>
  /** The wallet of these words; with a new book unless one is given. */
  readonly open: (
    identity: Pick<Party, "mnemonic"> & Partial<Pick<Party, "database">>,
    options?: Partial<SparkWallet.Options>
  ) => Effect.Effect<Party, unknown, Scope.Scope>
}

/** Runs a test in a world of its own, and audits its books when it is over. */
export const within = <A, E>(test: (world: World) => Effect.Effect<A, E, Scope.Scope>) =>
  MovableClock.within((later) =>
    Effect.gen(function* () {
      const spark = yield* SparkLocal.SparkLocal
      const bank = yield* Bank.Bank
      yield* Effect.scoped(test({ spark, bank, later, ...wallets(spark) }))
      assert.deepStrictEqual((yield* spark.audit).findings, [])
      assert.deepStrictEqual((yield* bank.audit).findings, [])
    }).pipe(Effect.provide(layer))
  )

const layer = SparkLocal.layer().pipe(
  Layer.provideMerge(BankBook.layer({ network: "regtest", lookAround: "100 millis" })),
  Layer.provide(Sqlite.layer({ filename: ":memory:" }))
)

const wallets = (spark: SparkLocal.Shape): Pick<World, "open" | "party"> => {
  const open: World["open"] = Effect.fnUntraced(function* ({ mnemonic, database }, options) {
    const sql = database ?? (yield* newDatabase)
    const context = yield* SparkWallet.make(optionsOf(mnemonic, spark.connection, options)).pipe(
      Effect.provideService(SqlClient.SqlClient, sql)
    )
    return {
      mnemonic,
      database: sql,
      wallet: Context.get(context, Wallet.Wallet),
      payer: Context.get(context, Payer.Payer)
    }
  })
  const party: World["party"] = Effect.fnUntraced(function* (funds = Msat.zero, options) {
    const mnemonic = yield* Key.generateMnemonic
    const opened = yield* open({ mnemonic }, options)
    if (funds > 0) yield* give(spark, opened, funds)
    return opened
  })
  return { open, party }
}

export const optionsOf = (
  mnemonic: Redacted.Redacted<string>,
  local: SparkConnection.SparkConnection,
  options: Partial<SparkWallet.Options> = {}
): SparkWallet.Options => ({ mnemonic, account: 0, network: "regtest", local, ...options })

/** New money, until it can be spent. */
export const give = Effect.fnUntraced(function* (
  spark: SparkLocal.Shape,
  { mnemonic, wallet }: Party,
  funds: Msat.Msat
) {
  const before = yield* wallet.balance
  const address = yield* SparkWallet.addressOf(optionsOf(mnemonic, spark.connection))
  yield* spark.fund(address, funds)
  yield* Effect.repeat(wallet.balance, { until: (balance) => balance === before + funds })
})

const newDatabase = Effect.map(
  Layer.build(Sqlite.layer({ filename: ":memory:" })),
  Context.get(SqlClient.SqlClient)
)
