import { assert, describe, it } from "@effect/vitest"
import { Devnet } from "@farthing/devnet"
import { Key, Msat } from "@farthing/protocol"
import { SparkLocal } from "@farthing/spark-local"
import { Bank, SparkWallet, Wallet } from "@farthing/wallet"
import { Effect, FileSystem, Layer, Redacted } from "effect"
import * as Identity from "../src/Identity.ts"
import * as Market from "../src/Market.ts"
import * as Mnemonic from "../src/Mnemonic.ts"
import * as TestHome from "./TestHome.ts"

// The vectors of NIP-06.
const mnemonic = "leader monkey parrot ring guide accident before fence cannon height naive bean"
const mnemonicKey = "17162c921dc4d2518f9a101db33695df1afb56ab82f5ff3e5da6eec3ca5cd917"

const balance = Msat.make(10_000_000)

/** Spark on this machine, and the file that says where. */
const operators = Effect.gen(function* () {
  const fileSystem = yield* FileSystem.FileSystem
  const folder = yield* TestHome.folder
  const { bank } = yield* Devnet.make({ folder, accounts: [], balance })
  const spark = yield* Effect.provideService(SparkLocal.make(), Bank.Bank, bank)
  const connection = `${folder}/spark.json`
  yield* fileSystem.writeFileString(connection, JSON.stringify(spark.connection))
  return { spark, connection }
})

/** Somebody whose home is new, and who has nothing but this in the environment. */
const newcomer = Effect.fnUntraced(function* (environment: Readonly<Record<string, string>>) {
  const home = yield* TestHome.folder
  return Layer.mergeAll(
    Market.wallet.pipe(Layer.provide(Market.database)),
    Layer.effect(Identity.Identity, Identity.Identity)
  ).pipe(Market.livingIn({ FARTHING_HOME: home, ...environment }))
})

const account = { mnemonic: Redacted.make(mnemonic), network: "regtest" } as const

describe("Twelve words and an account number", () => {
  it.live("bring back identity and money in a home that has nothing else", () =>
    Effect.gen(function* () {
      const { connection, spark } = yield* operators
      const address = yield* SparkWallet.addressOf({ ...account, account: 0 })
      yield* spark.fund(address, balance)
      const person = yield* newcomer({
        FARTHING_WALLET_KIND: "spark",
        FARTHING_WALLET_SPARK_CONNECTION: connection,
        FARTHING_IDENTITY_MNEMONIC: mnemonic
      })
      yield* Effect.gen(function* () {
        const identity = yield* Identity.Identity
        const wallet = yield* Wallet.Wallet
        assert.strictEqual(identity.publicKey, mnemonicKey)
        assert.strictEqual(Key.publicKeyOf(identity.secretKey), mnemonicKey)
        assert.deepStrictEqual(yield* wallet.balance, balance)
        const info = yield* wallet.info
        // What is known of it before it is open is what it says itself.
        assert.strictEqual(wallet.id, info.id)
      }).pipe(Effect.provide(person))
    }).pipe(Effect.scoped, Effect.provide(TestHome.platform))
  )

  it.effect("lead to the same keys as the SDK's, and another account to others", () =>
    Effect.gen(function* () {
      const identities = yield* Effect.forEach([0, 1, 7], (number) =>
        Effect.gen(function* () {
          const ours = yield* Mnemonic.sparkIdentity(account.mnemonic, number)
          assert.strictEqual(ours, yield* SparkWallet.identityOf({ ...account, account: number }))
          return ours
        })
      )
      assert.strictEqual(new Set(identities).size, 3)
    })
  )
})

describe("A Spark wallet that nobody asks for anything", () => {
  it.live("is not opened: operators that are away do not stand in the way", () =>
    Effect.gen(function* () {
      const fileSystem = yield* FileSystem.FileSystem
      const folder = yield* TestHome.folder
      const connection = `${folder}/spark.json`
      const away = {
        operators: [
          {
            id: 0,
            identifier: "00".repeat(31) + "01",
            address: "https://localhost:9",
            identityPublicKey: "02".repeat(33)
          }
        ],
        coordinator: "00".repeat(31) + "01",
        threshold: 1,
        serviceProvider: { url: "http://127.0.0.1:9", identityPublicKey: "03".repeat(33) }
      }
      yield* fileSystem.writeFileString(connection, JSON.stringify(away))
      const person = yield* newcomer({
        FARTHING_WALLET_KIND: "spark",
        FARTHING_WALLET_SPARK_CONNECTION: connection,
        FARTHING_WALLET_MNEMONIC: mnemonic
      })
      const id = yield* Effect.map(Wallet.Wallet, ({ id }) => id).pipe(Effect.provide(person))
      const identity = yield* SparkWallet.identityOf({ ...account, account: 0 })
      assert.strictEqual(id, `spark:regtest:${identity}`)
    }).pipe(Effect.scoped, Effect.provide(TestHome.platform))
  )

  it.live("is missing where there are no words", () =>
    Effect.gen(function* () {
      const person = yield* newcomer({ FARTHING_WALLET_KIND: "spark" })
      const error = yield* Effect.flip(Effect.provide(Wallet.Wallet, person))
      assert.strictEqual(error._tag, "WalletMissing")
      assert.include(error.message, "farthing init --wallet spark")
    }).pipe(Effect.scoped, Effect.provide(TestHome.platform))
  )
})
