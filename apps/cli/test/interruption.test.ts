import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Cli from "./support/Cli.ts"
import * as ForeignWallet from "./support/ForeignWallet.ts"
import { openAi } from "./support/OpenAi.ts"

describe("Ctrl-C during `ask`", () => {
  it.live("while paying it says where the money is, and so does `jobs` afterwards", () =>
    Effect.gen(function* () {
      const market = yield* Cli.market()
      const wallet = yield* ForeignWallet.serve(market.relay, ForeignWallet.mute)
      const env = yield* market.account(0, { FARTHING_WALLET_NWC_URI: wallet.uri })
      const ask = yield* Cli.start(["ask", "hello", "--json"], env)
      yield* wallet.untilAsked("pay_invoice")
      yield* ask.kill("SIGINT")
      assert.strictEqual(yield* ask.exitCode, 130)
      assert.match(yield* ask.output, /interrupted while paying: the money may have left/)
      const jobs = yield* Cli.run(["jobs"], env)
      assert.match(
        jobs.stdout,
        / unknown .*\n {2}interrupted while paying; `farthing jobs recover` looks it up\n/
      )
      const budget = yield* Cli.run(["budget"], env)
      assert.match(budget.stdout, /^under way +20 sats: see `farthing jobs`$/m)
    }).pipe(Effect.provide(Cli.layer))
  )

  it.live("before paying it says that nothing was paid", () =>
    Effect.gen(function* () {
      const market = yield* Cli.market(["--no-provider"])
      const env = yield* market.account(0, { FARTHING_COMPUTE_DISCOVERY_TIMEOUT: "30 seconds" })
      const ask = yield* Cli.start(["ask", "hello", "--json"], env)
      yield* ask.until('"stage":"discover"')
      yield* ask.kill("SIGINT")
      assert.strictEqual(yield* ask.exitCode, 130)
      assert.match(yield* ask.output, /interrupted: nothing was paid/)
    }).pipe(Effect.provide(Cli.layer))
  )

  it.live("what was paid is collected later, also without a wallet", () =>
    Effect.gen(function* () {
      const server = yield* openAi(["The answer"])
      const market = yield* Cli.market(["--no-provider"])
      const provider = yield* Cli.start(
        ["provider", "--backend", server.url],
        yield* market.account(1)
      )
      yield* provider.until("online")
      const env = yield* market.account(0)
      const paid = yield* Cli.start(["ask", "one", "--json"], env)
      yield* paid.until('"chunk"')
      yield* paid.kill("SIGINT")
      assert.match(yield* paid.output, /interrupted after paying: `farthing jobs recover`/)
      const wallet = yield* ForeignWallet.serve(market.relay, ForeignWallet.mute)
      const paying = yield* Cli.start(["ask", "two", "--json"], {
        ...env,
        FARTHING_WALLET_NWC_URI: wallet.uri
      })
      yield* wallet.untilAsked("pay_invoice")
      yield* paying.kill("SIGINT")
      server.finish()
      yield* provider.until("delivered")
      const { FARTHING_WALLET_NWC_URI: _, ...withoutWallet } = env
      const recovered = yield* Cli.run(["jobs", "recover"], withoutWallet)
      assert.match(recovered.stdout, / delivered /, recovered.stderr)
      assert.match(recovered.stdout, / unknown /)
      assert.match(recovered.stderr, /1 payment is still unknown/)
    }).pipe(Effect.provide(Cli.layer))
  )
})
