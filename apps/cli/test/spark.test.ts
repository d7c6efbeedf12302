import { assert, describe, it, layer } from "@effect/vitest"
import { Clock, Context, Effect, Layer, Schema } from "effect"
import * as Cli from "./support/Cli.ts"

const DevLine = Schema.fromJsonString(
  Schema.Struct({
    relay: Schema.String,
    accounts: Schema.Array(
      Schema.Struct({
        nwc: Schema.String,
        mnemonic: Schema.String,
        spark_address: Schema.String,
        spark_connection: Schema.String
      })
    )
  })
)

/** A market whose provider is paid over Spark; each account has a wallet there and one at a bank. */
class SparkMarket extends Context.Service<SparkMarket, typeof DevLine.Type>()(
  "@farthing/cli/test/SparkMarket"
) {}

const market = Layer.effect(
  SparkMarket,
  Effect.gen(function* () {
    const dev = yield* Cli.start(
      ["dev", "--json", "--port", "0", "--accounts", "3", "--wallet", "spark"],
      { FARTHING_HOME: yield* Cli.tempHome }
    )
    return yield* Schema.decodeEffect(DevLine)(yield* dev.until('{"relay"'))
  })
).pipe(Layer.provideMerge(Cli.layer))

/** An account, and what is in the environment of whoever uses its one wallet or the other. */
const account = Effect.fnUntraced(function* (index: number) {
  const { accounts, relay } = yield* SparkMarket
  const { mnemonic, nwc, spark_address, spark_connection } = yield* Effect.fromNullishOr(
    accounts[index]
  )
  const common = { FARTHING_NETWORK: "regtest", FARTHING_RELAYS_URLS: relay }
  return {
    address: spark_address,
    spark: {
      ...common,
      FARTHING_HOME: yield* Cli.tempHome,
      FARTHING_WALLET_KIND: "spark",
      FARTHING_WALLET_MNEMONIC: mnemonic,
      FARTHING_WALLET_SPARK_CONNECTION: spark_connection
    },
    bank: { ...common, FARTHING_HOME: yield* Cli.tempHome, FARTHING_WALLET_NWC_URI: nwc }
  }
})

/** What a command prints that ends well. */
const says = Effect.fnUntraced(function* (args: ReadonlyArray<string>, env: Cli.Env) {
  const { code, stderr, stdout } = yield* Cli.run(args, env)
  assert.strictEqual(code, 0, `${args.join(" ")}\n${stderr}`)
  return stdout.trim()
})

layer(market, { excludeTestServices: true })("a Spark wallet at the command line", (it) => {
  it.effect("has an address to be filled at, and pays who is at a bank", () =>
    Effect.gen(function* () {
      const { address, bank, spark } = yield* account(0)
      assert.strictEqual(yield* says(["wallet", "address"], spark), address)
      const invoice = yield* says(["wallet", "invoice", "21"], bank)
      const paid = yield* says(["wallet", "pay", invoice], spark)
      assert.match(paid, /^paid +21 sats \(21,000 msat\)\nfee +1 sat \(1,000 msat\)\n/)
      const history = yield* says(["wallet", "history"], spark)
      assert.match(history, / out +21 sats +1 sat +settled +[0-9a-f]{64}/)
      assert.match(history, / in +100,000 sats +transferred /)
    })
  )

  it.effect("is paid by who is at a bank", () =>
    Effect.gen(function* () {
      const { bank, spark } = yield* account(1)
      const invoice = yield* says(["wallet", "invoice", "40"], spark)
      yield* says(["wallet", "pay", invoice], bank)
      assert.strictEqual(yield* says(["wallet"], spark), "100,040 sats")
      assert.strictEqual(yield* says(["wallet"], bank), "99,960 sats")
    })
  )

  it.effect("buys, and agrees with the books", () =>
    Effect.gen(function* () {
      const { spark } = yield* account(2)
      yield* says(["ask", "What is a farthing?"], spark)
      assert.include(yield* says(["receipts"], spark), "11 sats")
      assert.include(yield* says(["budget", "audit"], spark), "the wallet agrees")
    })
  )
})

describe("farthing demo --wallet spark", () => {
  for (const settlement of ["upfront", "escrow", "sealed"])
    it.live(`buys with the real SDK (${settlement}), and is gone soon after`, () =>
      Effect.gen(function* () {
        const demo = yield* Cli.start(["demo", "--wallet", "spark", "--settlement", settlement], {})
        yield* demo.until(`settlement   ${settlement}`)
        yield* demo.until("budget left")
        const end = yield* Clock.currentTimeMillis
        assert.strictEqual(yield* demo.exitCode, 0)
        assert.isBelow((yield* Clock.currentTimeMillis) - end, 2_000)
      }).pipe(Effect.scoped, Effect.provide(Cli.layer))
    )
})
