import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Cli from "./support/Cli.ts"
import * as ForeignWallet from "./support/ForeignWallet.ts"

describe("Ctrl-C during `ask`", () => {
  it.live("while paying it says where the money is, and so does `jobs` afterwards", () =>
    Effect.gen(function* () {
      const market = yield* Cli.market()
      const wallet = yield* ForeignWallet.serve(market.relay, ForeignWallet.mute)
      const env = yield* market.account(0, { FARTHING_WALLET_NWC_URI: wallet.uri })
      const ask = yield* Cli.start(["ask", "hello", "--json"], env)
      yield* ask.until('"stage":"pay"')
      yield* ask.kill("SIGINT")
      assert.strictEqual(yield* ask.exitCode, 130)
      assert.match(yield* ask.output, /interrupted while paying: the money may have left/)
      const jobs = yield* Cli.run(["jobs"], env)
      assert.match(jobs.stdout, /unknown .*interrupted while paying; `farthing jobs recover`/)
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
})
