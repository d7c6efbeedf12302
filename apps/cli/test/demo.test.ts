import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Cli from "./support/Cli.ts"

describe("farthing demo", () => {
  it.live("buys a real answer, twice at once, and prints the receipt", () =>
    Effect.gen(function* () {
      const demos = yield* Effect.all([Cli.run(["demo"], {}), Cli.run(["demo"], {})], {
        concurrency: 2
      })
      for (const demo of demos) {
        assert.strictEqual(demo.code, 0, demo.stderr)
        for (const fact of ["provider", "invoice", "fee", "preimage", "time", "budget left"])
          assert.include(demo.stdout + demo.stderr, fact)
      }
    }).pipe(Effect.provide(Cli.layer))
  )
})
