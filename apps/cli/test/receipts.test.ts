import { assert, layer } from "@effect/vitest"
import { DateTime, Effect } from "effect"
import * as Cli from "./support/Cli.ts"
import * as ForeignPeer from "./support/ForeignPeer.ts"
import * as SharedMarket from "./support/SharedMarket.ts"

const header =
  "finished_at,provider,provider_name,model,purchase_id,request_id,amount_msats,fee_msats,cost_msats,payment_hash,preimage,sha256,finish_reason,tokens_in,tokens_out,bolt11,settlement,fee_known"

layer(SharedMarket.layer, { excludeTestServices: true })("`receipts --export`", (it) => {
  it.effect("writes every receipt as CSV: msat, ISO times, a digest and no text", () =>
    Effect.gen(function* () {
      const env = yield* SharedMarket.bought()
      yield* Cli.run(["ask", "And what was a penny?"], env)
      const exported = yield* Cli.run(["receipts", "--export", "csv"], env)
      assert.strictEqual(exported.code, 0, exported.stderr)
      const [first, ...rows] = exported.stdout.trimEnd().split("\r\n")
      assert.strictEqual(first, header)
      assert.strictEqual(rows.length, 2)
      for (const row of rows) {
        assert.match(row, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z,npub1/)
        assert.match(row, /,10000,0,10000,[0-9a-f]{64},[0-9a-f]{64},[0-9a-f]{64},/)
        assert.strictEqual(row.split(",").length, header.split(",").length)
      }
    })
  )

  it.effect("writes JSON as one array of whole receipts", () =>
    Effect.gen(function* () {
      const env = yield* SharedMarket.bought()
      const exported = yield* Cli.run(["receipts", "--export", "json"], env)
      const listed = yield* Cli.run(["receipts", "--json"], env)
      assert.strictEqual(exported.stdout, listed.stdout)
      assert.match(exported.stdout, /^\[\{"text":".+\}\]\n$/)
    })
  )

  it.effect("keeps to the days that are asked for", () =>
    Effect.gen(function* () {
      const env = yield* SharedMarket.bought()
      const lines = (...flags: ReadonlyArray<string>) =>
        Effect.map(
          Cli.run(["receipts", "--export", "csv", ...flags], env),
          ({ stdout }) => stdout.trimEnd().split("\r\n").length
        )
      const today = DateTime.formatIsoDateUtc(yield* DateTime.now)
      assert.strictEqual(yield* lines("--since", "2020-01-01"), 2)
      assert.strictEqual(yield* lines("--until", today), 2)
      assert.strictEqual(yield* lines("--until", "2020-01-01"), 1)
      assert.strictEqual(yield* lines("--since", "2999-01-01"), 1)
      const refused = yield* Cli.run(["receipts", "--since", "yesterday"], env)
      assert.strictEqual(refused.code, 2)
      assert.match(refused.stderr, /YYYY-MM-DD/)
    })
  )

  it.effect("a provider's name is never run as a formula", () =>
    Effect.gen(function* () {
      const market = yield* SharedMarket.SharedMarket
      const bank = yield* Effect.acquireRelease(
        Effect.promise(() => ForeignPeer.wallet(market.accounts.at(-1)?.nwc ?? "")),
        (bank) => Effect.sync(bank.close)
      )
      yield* Effect.acquireRelease(
        Effect.promise(() =>
          ForeignPeer.provide(market.relay, {
            name: '=HYPERLINK("http://x","y");=1+1',
            priceMsats: 5000,
            quote: ForeignPeer.invoiceFrom(bank, 5000),
            deliver: (_, job_id) => [{ type: "JobResult", job_id, result: "=2+2" }]
          })
        ),
        (peer) => Effect.sync(peer.close)
      )
      const env = yield* market.customer()
      const asked = yield* Cli.run(["ask", "hello"], env)
      assert.strictEqual(asked.stdout, "=2+2\n", asked.stderr)
      const { stdout } = yield* Cli.run(["receipts", "--export", "csv"], env)
      assert.include(stdout, `,"'=HYPERLINK(""http://x"",""y""),=1+1",`)
    })
  )
})
