/** Operators, service provider and bank, and wallets of the SDK itself that use them. */
import { SparkWallet, SparkWalletEvent } from "@buildonspark/spark-sdk"
import { assert } from "@effect/vitest"
import { Bolt11, Msat } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { SparkLocal } from "@farthing/spark-local"
import { Sqlite } from "@farthing/sqlite"
import { Bank, BankBook } from "@farthing/wallet"
import type { SparkConnection } from "@farthing/wallet/SparkConnection"
import * as MovableClock from "@farthing/wallet/testing/MovableClock"
import type { Cause, Scope } from "effect"
import { Clock, Effect, Layer, Schedule } from "effect"
import { randomBytes } from "node:crypto"

/** The SDK's wallet: its promises as effects. */
export interface RawWallet {
  readonly address: string
  readonly ask: <A>(
    question: (sdk: SparkWallet) => Promise<A>
  ) => Effect.Effect<A, Cause.UnknownError>
  /** Until so many sats can be spent, and no other number. */
  readonly has: (sats: number) => Effect.Effect<unknown, Cause.UnknownError>
}

export interface World {
  readonly spark: SparkLocal.Shape
  readonly bank: Bank.Shape
  readonly later: MovableClock.Later
  /** A wallet with so many sats; who gives the same seed again gets the same wallet. */
  readonly wallet: (options?: {
    readonly sats?: number
    readonly seed?: Uint8Array
  }) => Effect.Effect<RawWallet, unknown, Scope.Scope>
}

/** Runs a test in a world of its own, and audits the books when it is over. */
export const within = <A, E>(test: (world: World) => Effect.Effect<A, E, Scope.Scope>) =>
  MovableClock.within((later) =>
    Effect.gen(function* () {
      const spark = yield* SparkLocal.SparkLocal
      const bank = yield* Bank.Bank
      const wallet = walletOf(spark)
      yield* Effect.scoped(test({ spark, bank, later, wallet }))
      assert.deepStrictEqual((yield* spark.audit).findings, [])
      assert.deepStrictEqual((yield* bank.audit).findings, [])
    }).pipe(Effect.provide(layer))
  )

const layer = SparkLocal.layer().pipe(
  Layer.provideMerge(BankBook.layer({ network: "regtest", lookAround: "100 millis" })),
  Layer.provide(Sqlite.layer({ filename: ":memory:" }))
)

const walletOf =
  (spark: SparkLocal.Shape): World["wallet"] =>
  ({ sats = 0, seed = randomBytes(32) } = {}) =>
    Effect.gen(function* () {
      const sdk = yield* open(spark.connection, seed)
      const ask: RawWallet["ask"] = (question) => Effect.tryPromise(() => question(sdk))
      const has: RawWallet["has"] = (wanted) =>
        eventually(available(ask), (found) => found === wanted)
      const address = yield* ask((sdk) => sdk.getSparkAddress())
      if (sats > 0) {
        yield* spark.fund(address, Msat.make(sats * 1000))
        yield* has(sats)
      }
      return { address, ask, has }
    })

/** A date so many seconds from now. */
export const inSeconds = (seconds: number): Effect.Effect<Date> =>
  Effect.map(Clock.currentTimeMillis, (now) => new Date(now + seconds * 1000))

/** Looks again and again, and leaves the others time to work. */
export const eventually = <A, E, R>(look: Effect.Effect<A, E, R>, until: (found: A) => boolean) =>
  Effect.repeat(look, { until, schedule: Schedule.spaced("20 millis") })

/** The bank account pays, whatever the fee. */
export const pay = Effect.fnUntraced(function* (bank: Bank.Shape, account: string, bolt11: string) {
  const invoice = yield* Effect.fromResult(Bolt11.decode(bolt11))
  const expiresAt = (yield* UnixTime.now) + 60
  return yield* bank.pay(account, { invoice, maxFee: Msat.most, expiresAt })
})

export const newPreimage = Effect.sync(() => Bolt11.Preimage.make(randomBytes(32).toString("hex")))

/** In sats. */
export const available = (ask: RawWallet["ask"]) =>
  Effect.map(
    ask((sdk) => sdk.getBalance()),
    ({ satsBalance }) => Number(satsBalance.available)
  )

/** Open once it hears of what comes in. */
const open = (connection: SparkConnection, seed: Uint8Array) =>
  Effect.acquireRelease(
    Effect.tryPromise(async () => {
      const connected = Promise.withResolvers<void>()
      const events = { [SparkWalletEvent.StreamConnected]: connected.resolve }
      const { wallet } = await SparkWallet.initialize({
        mnemonicOrSeed: seed,
        accountNumber: 0,
        options: { ...optionsOf(connection), events }
      })
      await connected.promise
      return wallet
    }),
    (wallet) => Effect.promise(() => wallet.cleanup())
  )

const optionsOf = ({ coordinator, operators, serviceProvider, threshold }: SparkConnection) => ({
  network: "LOCAL" as const,
  threshold,
  tls: { dangerouslyDisableCertificateVerification: true },
  signingOperators: Object.fromEntries(
    operators.map((operator) => [operator.identifier, operator])
  ),
  coordinatorIdentifier: coordinator,
  sspClientOptions: {
    baseUrl: serviceProvider.url,
    identityPublicKey: serviceProvider.identityPublicKey,
    schemaEndpoint: "graphql/spark/rc"
  },
  optimizationOptions: { auto: false },
  tokenOptimizationOptions: { enabled: false }
})
