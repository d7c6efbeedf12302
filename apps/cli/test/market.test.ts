import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Schema } from "effect"
import * as Cli from "./support/Cli.ts"
import { openAi } from "./support/OpenAi.ts"

const Receipt = Schema.fromJsonString(
  Schema.Struct({
    type: Schema.Literal("receipt"),
    text: Schema.String,
    provider: Schema.String,
    amount_msats: Schema.Int,
    fee_msats: Schema.Int,
    payment_hash: Schema.String,
    preimage: Schema.String
  })
)

/** A market with one provider, of account 1, that sells what a server infers. */
const selling = Effect.fnUntraced(function* (url: string, ...flags: ReadonlyArray<string>) {
  const market = yield* Cli.market(["--no-provider", "--accounts", "2"])
  const provider = yield* Cli.start(
    ["provider", "--backend", url, ...flags],
    yield* market.account(1)
  )
  yield* provider.until("online")
  return { market, provider }
})

describe("three terminals: a market, a provider, a customer", () => {
  it.live("the market's own provider has a home of its own", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const market = yield* Cli.market()
      assert.isTrue(yield* fs.exists(`${market.home}/devnet/provider/identity.nsec`))
      assert.isTrue(yield* fs.exists(`${market.home}/devnet/provider/farthing.db`))
      assert.isFalse(yield* fs.exists(`${market.home}/identity.nsec`))
      assert.isFalse(yield* fs.exists(`${market.home}/farthing.db`))
    }).pipe(Effect.provide(Cli.layer))
  )

  it.live("what one sells the other buys, streamed", () =>
    Effect.gen(function* () {
      const server = yield* openAi(["Once ", "upon ", "a ", "coin."])
      server.finish()
      const { market } = yield* selling(server.url, "--name", "tiny shop", "--price-msats", "7000")
      const env = yield* market.account(0)
      const asked = yield* Cli.run(["ask", "Tell", "--json"], env, "me a story\n")
      assert.strictEqual(asked.code, 0, asked.stderr)
      const lines = asked.stdout.trim().split("\n")
      const receipt = yield* Schema.decodeEffect(Receipt)(lines.at(-1) ?? "")
      assert.strictEqual(receipt.text, "Once upon a coin.")
      assert.strictEqual(receipt.amount_msats, 7000)
      assert.isTrue(lines.some((line) => line.includes('"type":"chunk"')))
      const receipts = yield* Cli.run(["receipts", "--json"], env)
      assert.include(receipts.stdout, receipt.preimage)
      const providers = yield* Cli.run(["providers"], env)
      assert.include(providers.stdout, "tiny shop")
    }).pipe(Effect.provide(Cli.layer))
  )

  it.live(
    "a provider that dies in the middle of an answer has been paid, and the ledger says so",
    () =>
      Effect.gen(function* () {
        const server = yield* openAi(["Half "])
        const { market, provider } = yield* selling(server.url)
        const env = yield* market.account(0, { FARTHING_COMPUTE_IDLE_TIMEOUT: "2 seconds" })
        const ask = yield* Cli.start(["ask", "Tell me a story", "--json"], env)
        yield* ask.until('"chunk"')
        yield* provider.kill("SIGKILL")
        yield* ask.until('"error"')
        assert.strictEqual(yield* ask.exitCode, 7)
        assert.match(yield* ask.output, /DeliveryTruncated/)
        const budget = yield* Cli.run(["budget", "--json"], env)
        assert.include(budget.stdout, '"spent_today_msats":10000')
        assert.include(budget.stdout, '"held_msats":0')
      }).pipe(Effect.provide(Cli.layer))
  )

  it.live("a relay that dies and comes back finds both sides still there", () =>
    Effect.gen(function* () {
      const server = yield* openAi(["The ", "end."])
      const { market } = yield* selling(server.url)
      const env = yield* market.account(0)
      const ask = yield* Cli.start(["ask", "Tell me a story", "--json"], env)
      yield* ask.until('"chunk"')
      yield* market.dev.kill("SIGKILL")
      const port = new URL(market.relay).port
      const again = yield* Cli.start(
        ["dev", "--json", "--port", port, "--no-provider", "--accounts", "2"],
        { FARTHING_HOME: market.home }
      )
      yield* again.until('"relay"')
      server.finish()
      yield* ask.until('"receipt"')
      assert.strictEqual(yield* ask.exitCode, 0)
      const next = yield* Cli.run(["ask", "And another"], env)
      assert.strictEqual(next.code, 0, next.stderr)
      assert.strictEqual(next.stdout, "The end.\n")
    }).pipe(Effect.provide(Cli.layer))
  )

  it.live("Ctrl-C while waiting for the answer leaves the ledger true", () =>
    Effect.gen(function* () {
      const server = yield* openAi(["Half "])
      const { market } = yield* selling(server.url)
      const env = yield* market.account(0)
      const ask = yield* Cli.start(["ask", "Tell me a story", "--json"], env)
      yield* ask.until('"chunk"')
      yield* ask.kill("SIGINT")
      assert.strictEqual(yield* ask.exitCode, 130)
      const budget = yield* Cli.run(["budget", "--json"], env)
      assert.include(budget.stdout, '"spent_today_msats":10000')
      server.finish()
      const recovered = yield* Cli.run(["jobs", "recover"], env)
      assert.strictEqual(recovered.code, 0, recovered.stderr)
      const receipts = yield* Cli.run(["receipts", "--json"], env)
      assert.include(receipts.stdout, '"text":"Half "')
    }).pipe(Effect.provide(Cli.layer))
  )

  it.live("a provider that is told to stop finishes what is paid", () =>
    Effect.gen(function* () {
      const server = yield* openAi(["All ", "of ", "it."])
      const { market, provider } = yield* selling(server.url)
      const ask = yield* Cli.start(["ask", "Tell", "--json"], yield* market.account(0))
      yield* ask.until('"chunk"')
      const stopped = yield* Effect.forkChild(provider.kill("SIGTERM"))
      void stopped
      server.finish()
      yield* ask.until('"receipt"')
      assert.strictEqual(yield* ask.exitCode, 0)
      const providers = yield* Cli.run(["providers", "--json"], yield* market.account(0))
      assert.strictEqual(providers.stdout.trim(), "[]")
    }).pipe(Effect.provide(Cli.layer))
  )
})
