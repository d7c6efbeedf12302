import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Cli from "./support/Cli.ts"
import * as ForeignPeer from "./support/ForeignPeer.ts"
import * as ScriptedMarket from "./support/ScriptedMarket.ts"

describe("the list of providers", () => {
  it.live("is filtered, says how old it is, and is remembered where no relay answers", () =>
    Effect.gen(function* () {
      const market = yield* ScriptedMarket.open((bank) => ({
        name: "corner shop",
        priceMsats: 5000,
        quote: ForeignPeer.invoiceFrom(bank, 5000),
        deliver: () => []
      }))
      const env = yield* market.account(0)
      const list = (...flags: ReadonlyArray<string>) => Cli.run(["providers", ...flags], env)
      const all = yield* list()
      assert.include(all.stdout, "corner shop · 5 sats")
      assert.include(all.stderr, "as the relays told just now")
      for (const flags of [
        ["--max-price", "5"],
        ["--settlement", "upfront"],
        ["--sort", "seen"]
      ])
        assert.include((yield* list(...flags)).stdout, "corner shop")
      for (const flags of [
        ["--max-price", "4"],
        ["--settlement", "sealed"],
        ["--model", "none"]
      ])
        assert.strictEqual((yield* list(...flags)).stdout, "")
      // Nobody is asked, or nobody is there to be asked.
      assert.include((yield* list("--seconds", "0", "--online")).stdout, "corner shop")
      const away = yield* Cli.run(["providers"], {
        ...env,
        FARTHING_RELAYS_URLS: "ws://127.0.0.1:1"
      })
      assert.strictEqual(away.code, 0, away.stderr)
      assert.include(away.stdout, "corner shop")
      assert.include(away.stderr, "as the relays told")
    }).pipe(Effect.provide(Cli.layer))
  )
})
