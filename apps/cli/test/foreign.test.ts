import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Cli from "./support/Cli.ts"
import * as ForeignPeer from "./support/ForeignPeer.ts"
import * as ScriptedMarket from "./support/ScriptedMarket.ts"

describe("peers that know only the eight messages", () => {
  it.live("sell to `ask`", () =>
    Effect.gen(function* () {
      const market = yield* ScriptedMarket.open((bank) => ({
        name: "echo",
        priceMsats: 5000,
        quote: ForeignPeer.invoiceFrom(bank, 5000),
        deliver: (prompt, job_id) => [{ type: "JobResult", job_id, result: `echo: ${prompt}` }]
      }))
      const asked = yield* Cli.run(["ask", "hello"], yield* market.account(0))
      assert.strictEqual(asked.code, 0, asked.stderr)
      assert.strictEqual(asked.stdout, "echo: hello\n")
      assert.match(asked.stderr, /echo .*5 sats/)
      const balance = yield* Effect.promise(() => market.bank.call("get_balance", {}))
      const funded = yield* Effect.promise(async () => {
        const other = await ForeignPeer.wallet(market.accounts[0]?.nwc ?? "")
        const { balance } = await other.call("get_balance", {})
        other.close()
        return Number(balance)
      })
      assert.strictEqual(Number(balance["balance"]) - funded, 2 * 5000)
    }).pipe(Effect.provide(Cli.layer))
  )

  it.live("stream to `ask` in chunks without numbers", () =>
    Effect.gen(function* () {
      const market = yield* ScriptedMarket.open((bank) => ({
        name: "streamer",
        priceMsats: 5000,
        quote: ForeignPeer.invoiceFrom(bank, 5000),
        deliver: (_, job_id) =>
          ["one ", "two ", "three"].map((chunk, index) => ({
            type: "StreamChunk",
            job_id,
            chunk,
            is_final: index === 2
          }))
      }))
      const asked = yield* Cli.run(["ask", "count"], yield* market.account(0))
      assert.strictEqual(asked.code, 0, asked.stderr)
      assert.strictEqual(asked.stdout, "one two three\n")
    }).pipe(Effect.provide(Cli.layer))
  )

  it.live("buy from `provider`", () =>
    Effect.gen(function* () {
      const market = yield* Cli.market()
      const bought = yield* Effect.promise(() =>
        ForeignPeer.buy(
          market.relay,
          market.accounts[0]?.nwc ?? "",
          market.provider ?? "",
          "Summarise: A farthing was a quarter of a penny. It was the smallest coin."
        )
      )
      assert.include(bought.text, "farthing")
      assert.strictEqual(bought.amountMsats, 10_000)
      assert.match(bought.preimage, /^[0-9a-f]{64}$/)
    }).pipe(Effect.provide(Cli.layer))
  )
})
