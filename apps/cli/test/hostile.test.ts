import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Cli from "./support/Cli.ts"
import * as ForeignPeer from "./support/ForeignPeer.ts"
import * as ScriptedMarket from "./support/ScriptedMarket.ts"

/** A new title, a cleared screen, a hidden half, a line over the one before, and one-byte forms. */
const evil = "\u001b]0;owned\u0007\u001b[2J\u001b[8m\u202egpj.exe\u200b\r\u0000\u009b2Jyou paid 0"

const assertHarmless = (text: string): void =>
  assert.notMatch(text, /(?![\n\t])\p{Cc}|[\u200b\u202a-\u202e]/u)

describe("what the command prints of hostile providers", () => {
  it.live("a provider whose every word is an escape sequence touches no terminal", () =>
    Effect.gen(function* () {
      const market = yield* ScriptedMarket.open((bank) => ({
        name: evil,
        priceMsats: 5000,
        quote: ForeignPeer.invoiceFrom(bank, 5000),
        deliver: (_, job_id) => [{ type: "JobResult", job_id, result: evil, model: evil }]
      }))
      const env = yield* market.account(0)
      const asked = yield* Cli.run(["ask", "hello"], env)
      assert.strictEqual(asked.code, 0, asked.stderr)
      // A pipe gets what was bought, byte by byte; a person's screen gets none of it.
      assert.strictEqual(asked.stdout, `${evil}\n`)
      assertHarmless(asked.stderr)
      for (const listing of [["providers"], ["jobs"], ["receipts"]])
        for (const form of [[], ["--json"]]) {
          const { code, stderr, stdout } = yield* Cli.run([...listing, ...form], env)
          assert.strictEqual(code, 0, stderr)
          assert.include(stdout, "gpj.exe")
          assertHarmless(stdout + stderr)
        }
    }).pipe(Effect.provide(Cli.layer))
  )
})
