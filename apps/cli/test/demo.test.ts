import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Cli from "./support/Cli.ts"
import { openAi } from "./support/OpenAi.ts"

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

  it.live("uses the Ollama of this machine if there is one, and says so", () =>
    Effect.gen(function* () {
      const ollama = yield* openAi(["A ", "small ", "coin."])
      ollama.finish()
      const demo = yield* Cli.run(["demo"], { OLLAMA_HOST: new URL(ollama.url).host })
      assert.strictEqual(demo.code, 0, demo.stderr)
      assert.include(demo.stdout, "A small coin.")
      assert.match(demo.stderr, /Ollama at http:\/\/127\.0\.0\.1/)
    }).pipe(Effect.provide(Cli.layer))
  )
})
