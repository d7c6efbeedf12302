/**
 * Spark for some of a town's people: operators and a service provider that live as long as the
 * town, whoever else dies. A fuse stands around each of their calls: there a wallet is half-way.
 */
import { Key, Msat } from "@farthing/protocol"
import { SparkLocal } from "@farthing/spark-local"
import { Sqlite } from "@farthing/sqlite"
import { SparkWallet } from "@farthing/wallet"
import { SparkConnection } from "@farthing/wallet/SparkConnection"
import { Context, Effect, FileSystem, Layer, Redacted, Schema } from "effect"
import { join } from "node:path"
import type * as Books from "../books/Books.ts"
import * as Ahead from "./Ahead.ts"
import * as Fuse from "./Fuse.ts"
import type { Line } from "./Lines.ts"
import * as TownBank from "./TownBank.ts"

export interface Options {
  readonly folder: string
  /** The database of the bank at which the service provider has its accounts. */
  readonly bank: string
  /** Who has a wallet on Spark, opened with so much. */
  readonly people: ReadonlyArray<string>
  readonly opening: Msat.Msat
  /** By how many seconds everybody's clock is ahead. */
  readonly ahead: () => number
  readonly onLine: (line: Line) => void
}

export interface SparkTown {
  /** Around the calls of operators and service provider. */
  readonly fuse: Fuse.Shape
  /** What makes a person's wallet the one that it is. */
  readonly environmentOf: (name: string) => Readonly<Record<string, string>>
  /** The books with what the operators know of their people. */
  readonly completed: (books: Books.Books) => Effect.Effect<Books.Books>
}

interface Resident {
  readonly name: string
  readonly words: Redacted.Redacted<string>
  readonly address: string
  readonly identity: string
}

export const make = Effect.fnUntraced(function* (options: Options) {
  const fileSystem = yield* FileSystem.FileSystem
  const fuse = Fuse.make({ tells: true, say: options.onLine })
  const services = yield* Layer.build(
    SparkLocal.layer({ around: fuse.around }).pipe(
      Layer.provide(TownBank.layer),
      Layer.provide(Sqlite.layer({ filename: options.bank }))
    )
  ).pipe(Ahead.following(options.ahead))
  const spark = Context.get(services, SparkLocal.SparkLocal)

  const connectionFile = join(options.folder, "spark.json")
  yield* fileSystem.writeFileString(
    connectionFile,
    yield* Schema.encodeEffect(Schema.fromJsonString(SparkConnection))(spark.connection)
  )

  const residents = new Map(
    yield* Effect.forEach(
      options.people,
      Effect.fnUntraced(function* (name) {
        const account: SparkWallet.Account = {
          mnemonic: yield* Key.generateMnemonic,
          account: 0,
          network: "regtest",
          local: spark.connection
        }
        const address = yield* SparkWallet.addressOf(account)
        yield* spark.fund(address, options.opening)
        const resident: Resident = {
          name,
          words: account.mnemonic,
          address,
          identity: yield* SparkWallet.identityOf(account)
        }
        return [name, resident] as const
      })
    )
  )

  /** One resident's side of the bank's part of the books. */
  const told = Effect.fnUntraced(function* ({ address, identity, name }: Resident) {
    const { payments, receipts } = yield* spark.statement(address)
    const { findings, owners } = yield* spark.audit
    const holding = [...owners].find(([owner]) => owner === identity)?.[1]
    const sats = holding === undefined ? 0 : holding.available + holding.locked + holding.incoming
    return {
      balance: [name, sats * 1_000] as const,
      findings: findings.map((finding) => `spark: ${finding}`),
      payments: payments.map(({ amount, fee, paymentHash, state }): Books.Payment => ({
        payment_hash: paymentHash,
        account: name,
        amount: amount * 1_000,
        fee: fee * 1_000,
        state
      })),
      invoices: receipts.map(({ amount, paymentHash, state }): Books.Invoice => ({
        payment_hash: paymentHash,
        account: name,
        amount: amount * 1_000,
        state
      }))
    }
  })

  const town: SparkTown = {
    fuse,
    environmentOf: (name) => {
      const resident = residents.get(name)
      return resident === undefined
        ? {}
        : {
            FARTHING_WALLET_KIND: "spark",
            FARTHING_WALLET_ACCOUNT: "0",
            FARTHING_WALLET_SPARK_CONNECTION: connectionFile,
            FARTHING_WALLET_MNEMONIC: Redacted.value(resident.words)
          }
    },
    completed: Effect.fnUntraced(function* (books) {
      const all = yield* Effect.forEach(residents.values(), told)
      return {
        ...books,
        bank: {
          balances: new Map([...books.bank.balances, ...all.map(({ balance }) => balance)]),
          findings: [...books.bank.findings, ...all.flatMap(({ findings }) => findings)],
          payments: [...books.bank.payments, ...all.flatMap(({ payments }) => payments)],
          invoices: [...books.bank.invoices, ...all.flatMap(({ invoices }) => invoices)]
        }
      }
    }, Effect.orDie)
  }
  return town
})
