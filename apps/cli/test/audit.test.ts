import { assert, layer } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { DatabaseSync } from "node:sqlite"
import * as Cli from "./support/Cli.ts"
import * as ForeignPeer from "./support/ForeignPeer.ts"
import * as SharedMarket from "./support/SharedMarket.ts"

const Report = Schema.fromJsonString(
  Schema.Struct({
    clean: Schema.Boolean,
    spends: Schema.Int,
    entries: Schema.Int,
    spent_msats: Schema.Int,
    held_msats: Schema.Int,
    unexplained_msats: Schema.Int,
    findings: Schema.Array(
      Schema.Struct({
        kind: Schema.String,
        payment_hash: Schema.NullOr(Schema.String),
        message: Schema.String
      })
    )
  })
)

const audit = Effect.fnUntraced(function* (env: Cli.Env) {
  const finished = yield* Cli.run(["budget", "audit", "--json"], env)
  const [line = ""] = finished.stdout.split("\n")
  const report = yield* Schema.decodeEffect(Report)(line)
  return { code: finished.code, report, stderr: finished.stderr }
})

layer(SharedMarket.layer, { excludeTestServices: true })("`budget audit`", (it) => {
  it.effect("finds nothing in a ledger that nothing was spent from, without a wallet", () =>
    Effect.gen(function* () {
      const finished = yield* Cli.run(["budget", "audit"], { FARTHING_HOME: yield* Cli.tempHome })
      assert.strictEqual(finished.code, 0, finished.stderr)
      assert.match(finished.stdout, /^spends +0$/m)
    })
  )

  it.effect("derives what was spent from the entries and agrees with the wallet", () =>
    Effect.gen(function* () {
      const env = yield* SharedMarket.bought()
      const { code, report } = yield* audit(env)
      assert.strictEqual(code, 0)
      assert.isTrue(report.clean)
      assert.strictEqual(report.spends, 1)
      assert.isAbove(report.entries, 2)
      assert.strictEqual(report.spent_msats, 10_000)
      assert.strictEqual(report.held_msats, 0)
      assert.strictEqual(report.unexplained_msats, 0)
      const told = yield* Cli.run(["budget", "audit"], env)
      assert.match(told.stdout, /^spent +10 sats/m)
      assert.match(told.stdout, /^unexplained +0 msat/m)
    })
  )

  it.effect("a payment that went past the treasury is found, with exit 1", () =>
    Effect.gen(function* () {
      const env = yield* SharedMarket.bought()
      const market = yield* SharedMarket.SharedMarket
      yield* Effect.promise(async () => {
        const [ours, theirs] = await Promise.all(
          [env["FARTHING_WALLET_NWC_URI"], market.accounts.at(-1)?.nwc].map((nwc = "") =>
            ForeignPeer.wallet(nwc)
          )
        )
        const made = await theirs?.call("make_invoice", { amount: 7000 })
        await ours?.call("pay_invoice", { invoice: made?.["invoice"] })
        ours?.close()
        theirs?.close()
      })
      const { code, report } = yield* audit(env)
      assert.strictEqual(code, 1)
      assert.isFalse(report.clean)
      assert.strictEqual(report.unexplained_msats, 7000)
      assert.deepStrictEqual(
        report.findings.map(({ kind }) => kind),
        ["outside_treasury"]
      )
      const told = yield* Cli.run(["budget", "audit"], env)
      assert.strictEqual(told.code, 1)
      assert.match(told.stdout, /^unexplained +7,000 msat/m)
      assert.match(told.stdout, /knows nothing of/)
      assert.match(told.stderr, /1 finding/)
    })
  )

  it.effect("a total that was changed is found, with exit 1", () =>
    Effect.gen(function* () {
      const env = yield* SharedMarket.bought()
      const database = new DatabaseSync(`${env["FARTHING_HOME"]}/farthing.db`)
      database.exec("UPDATE treasury_total SET spent = 0 WHERE name = 'lifetime'")
      database.close()
      const { code, report } = yield* audit(env)
      assert.strictEqual(code, 1)
      assert.deepStrictEqual(
        report.findings.map(({ kind }) => kind),
        ["total_differs"]
      )
    })
  )
})
