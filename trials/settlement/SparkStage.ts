/** Spark operators of a stage's own, over the stage's bank, and people who have their wallets there. */
import { type AgentMessage, Key, Msat } from "@farthing/protocol"
import { SparkLocal } from "@farthing/spark-local"
import { Bank, SparkWallet, type Wallet } from "@farthing/wallet"
import { Effect, FileSystem, Option, Redacted, Schedule } from "effect"
import { assert } from "@effect/vitest"
import { join } from "node:path"
import type { Job } from "../../packages/compute/test/PeerJob.ts"
import type * as People from "../src/People.ts"
import * as Stage from "../src/Stage.ts"

/** What everybody has to begin with. */
export const funds = Msat.make(100_000)

export interface Shape {
  readonly local: SparkLocal.Shape
  /** A new wallet with `funds`, as its owner configures it. */
  readonly wallet: Effect.Effect<People.Environment>
}

export const open = Effect.gen(function* () {
  const { bank, folder } = yield* Stage.Stage
  const fileSystem = yield* FileSystem.FileSystem
  const local = yield* SparkLocal.make().pipe(Effect.provideService(Bank.Bank, bank))
  const file = join(folder, "spark.json")
  yield* fileSystem.writeFileString(file, JSON.stringify(local.connection))

  const wallet = Effect.gen(function* () {
    const mnemonic = yield* Key.generateMnemonic
    const account = { mnemonic, account: 0, network: "regtest", local: local.connection } as const
    yield* local.fund(yield* SparkWallet.addressOf(account), funds)
    return {
      FARTHING_WALLET_KIND: "spark",
      FARTHING_WALLET_MNEMONIC: Redacted.value(mnemonic),
      FARTHING_WALLET_SPARK_CONNECTION: file
    }
  })
  return { local, wallet: Effect.orDie(wallet) } satisfies Shape
})

/** The address of somebody who waits for nothing. */
export const stranger = ({ local }: Shape) =>
  Effect.map(
    Effect.flatMap(Key.generateMnemonic, (mnemonic) =>
      SparkWallet.addressOf({
        mnemonic,
        account: 0,
        network: "regtest",
        local: local.connection
      })
    ),
    (address) => ({ address })
  )

/** What a scripted provider says who wants money locked at an address. */
export const quoteOf = (
  { event, jobId, request }: Job,
  address: string,
  amount: Msat.Msat
): AgentMessage.EscrowQuote => ({
  type: "EscrowQuote",
  request_id: event.id,
  job_id: jobId,
  rail: "spark",
  spark_address: address,
  amount_msats: amount,
  payment_hash: Option.getOrThrow(Option.fromUndefinedOr(request.payment_hash)),
  lock_secs: 1_020
})

/** Waits until a wallet has so much. */
export const has = ({ balance }: Wallet.Shape, amount: number) =>
  balance.pipe(
    Effect.repeat({ until: (now) => now === amount, schedule: Schedule.spaced("50 millis") }),
    Effect.timeoutOrElse({ duration: "10 seconds", orElse: () => balance }),
    Effect.map((now) => assert.strictEqual(now, amount))
  )

/** The operators' own books are whole. */
export const closing = ({ local }: Shape) =>
  Effect.map(local.audit, ({ findings }) => assert.deepStrictEqual(findings, []))
