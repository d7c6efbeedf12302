import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Cli from "./support/Cli.ts"

describe("the budget holds", () => {
  it.live(
    "of 50 processes that ask at once on one home, a daily limit for 10 jobs lets exactly 10 buy",
    () =>
      Effect.gen(function* () {
        const market = yield* Cli.market()
        const env = yield* market.account(0, {
          FARTHING_RUNWAY_DAILY_LIMIT_SATS: "100",
          FARTHING_RUNWAY_MAX_FEE_SATS: "0",
          FARTHING_RUNWAY_MAX_FEE_PERCENT: "0",
          // Fifty processes that start at once on two cores keep each other waiting.
          FARTHING_RELAYS_PUBLISH_TIMEOUT: "90 seconds",
          FARTHING_COMPUTE_DISCOVERY_TIMEOUT: "90 seconds",
          FARTHING_COMPUTE_QUOTE_TIMEOUT: "90 seconds",
          FARTHING_COMPUTE_JOB_TIMEOUT: "3 minutes"
        })
        const asks = yield* Effect.forEach(
          Array.from({ length: 50 }, (_, index) => index),
          (index) =>
            Cli.run(["ask", `Summarise: the ${index}th farthing.`, "--budget-sats", "10"], env),
          { concurrency: "unbounded" }
        )
        const codes = asks.map(({ code }) => code)
        const unexpected = asks.find(({ code }) => code !== 0 && code !== 3)
        assert.strictEqual(codes.filter((code) => code === 0).length, 10, unexpected?.stderr)
        assert.strictEqual(codes.filter((code) => code === 3).length, 40, unexpected?.stderr)
        const budget = yield* Cli.run(["budget", "--json"], env)
        assert.include(budget.stdout, '"spent_today_msats":100000')
        assert.include(budget.stdout, '"held_msats":0')
      }).pipe(Effect.provide(Cli.layer)),
    240_000
  )
})
