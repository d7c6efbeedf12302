/**
 * Spark beside a devnet: operators on this machine, and wallets of twelve words that begin with
 * money in them. What it is made of is loaded only where it is asked for, and is optional.
 */
import { Devnet } from "@farthing/devnet"
import type { Msat } from "@farthing/protocol"
import { Bank, SparkWallet } from "@farthing/wallet"
import { Effect, FileSystem, Path, Predicate, Redacted, Schema } from "effect"
import { Mnemonic, SecretFile } from "farthing"

export interface Options {
  /** An existing folder, for the words and for the way to the operators. */
  readonly folder: string
  readonly devnet: Devnet.Shape
  /** What each wallet begins with. The operators keep their books in memory: each time anew. */
  readonly balance: Msat.Msat
}

export interface Person {
  readonly name: string
  /** Its Spark address. */
  readonly address: string
  readonly words: Redacted.Redacted<string>
  /** All that is needed to take part. */
  readonly environment: Readonly<Record<string, string>>
}

const account = 0

/** Serves until the scope closes; answers with how people come to have wallets. */
export const open = Effect.fnUntraced(function* ({ balance, devnet, folder }: Options) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const { SparkLocal } = yield* load
  const local = yield* Effect.provideService(SparkLocal.make(), Bank.Bank, devnet.bank)
  const connection = path.join(folder, "spark.json")
  yield* fs.writeFileString(connection, JSON.stringify(local.connection), { mode: 0o600 })

  /** The same words each time; money in the wallet. */
  const person = Effect.fnUntraced(function* (name: string) {
    const words = yield* wordsAt(path.join(folder, `${name}.mnemonic`))
    const address = yield* SparkWallet.addressOf({
      mnemonic: words,
      account,
      network: Devnet.network,
      local: local.connection
    })
    yield* local.fund(address, balance)
    const person: Person = {
      name,
      address,
      words,
      environment: {
        FARTHING_NETWORK: Devnet.network,
        FARTHING_RELAYS_URLS: devnet.relay,
        FARTHING_WALLET_KIND: "spark",
        FARTHING_WALLET_ACCOUNT: String(account),
        FARTHING_WALLET_SPARK_CONNECTION: connection,
        FARTHING_WALLET_MNEMONIC: Redacted.value(words)
      }
    }
    return person
  })
  return { connection, person }
})

const wordsAt = Effect.fnUntraced(function* (file: string) {
  yield* SecretFile.create(file, yield* Mnemonic.generate, "new")
  return yield* Effect.flatMap(SecretFile.read(file), Mnemonic.parse)
})

const load = Effect.promise(() => import("@farthing/spark-local")).pipe(
  Effect.catchDefect((defect) =>
    Predicate.hasProperty(defect, "code") && defect.code === "ERR_MODULE_NOT_FOUND"
      ? Effect.fail(new SparkLocalMissing())
      : Effect.die(defect)
  )
)

/** What a market with Spark needs is not installed. */
export class SparkLocalMissing extends Schema.TaggedError<SparkLocalMissing>()(
  "SparkLocalMissing",
  {}
) {
  override get message(): string {
    return "A market with Spark needs packages that are not installed. Run: npm install @buildonspark/spark-sdk @grpc/grpc-js nice-grpc"
  }
}
