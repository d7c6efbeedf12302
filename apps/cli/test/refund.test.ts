import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as Cli from "./support/Cli.ts"
import { openAi } from "./support/OpenAi.ts"

const ErrorLine = Schema.fromJsonString(
  Schema.Struct({
    tag: Schema.Literal("DeliveryInvalid"),
    message: Schema.String,
    cost_msats: Schema.Int,
    refund_msats: Schema.Int
  })
)

const JobLine = Schema.fromJsonString(
  Schema.Struct({
    purchase_id: Schema.String,
    state: Schema.String,
    refund: Schema.Struct({ amount_msats: Schema.Int, received_at: Schema.Int }),
    steps: Schema.Array(Schema.Struct({ state: Schema.String })),
    entries: Schema.Array(Schema.Struct({ what: Schema.String }))
  })
)

describe("a provider that was paid and cannot deliver", () => {
  it.live("gives the money back, and error, jobs, providers and budget say so", () =>
    Effect.gen(function* () {
      const server = yield* openAi(["Half "])
      const market = yield* Cli.market(["--no-provider"])
      const provider = yield* Cli.start(
        ["provider", "--backend", server.url],
        yield* market.account(1)
      )
      yield* provider.until("online")
      const env = yield* market.account(0)
      const ask = yield* Cli.start(["ask", "Tell me a story", "--json"], env)
      yield* ask.until('"chunk"')
      server.breakOff()
      const line = yield* ask.until('"error"')
      assert.strictEqual(yield* ask.exitCode, 7)
      const error = yield* Schema.decodeEffect(ErrorLine)(line)
      assert.strictEqual(error.cost_msats, 10_000)
      assert.isAbove(error.refund_msats, 0)
      assert.include(error.message, `gave ${error.refund_msats} msat back`)
      assert.match(yield* ask.output, /The money is back/)

      const jobs = yield* Cli.run(["jobs"], env)
      const [, id = "", state = ""] =
        /UTC.*\n\S+ \S+  (\w+) .* (refund\w+) /.exec(jobs.stdout) ?? []
      assert.strictEqual(state, "refunded", jobs.stdout)
      const shown = yield* Cli.run(["jobs", "show", id, "--json"], env)
      const job = yield* Schema.decodeEffect(JobLine)(shown.stdout)
      assert.strictEqual(job.state, "refunded")
      assert.strictEqual(job.refund.amount_msats, error.refund_msats)
      assert.include(
        job.steps.map(({ state }) => state),
        "refunding"
      )
      assert.include(
        job.entries.map(({ what }) => what),
        "refunded"
      )
      const byPurchase = yield* Cli.run(["jobs", "show", job.purchase_id, "--json"], env)
      assert.strictEqual(byPurchase.stdout, shown.stdout)
      const told = yield* Cli.run(["jobs", "show", id], env)
      assert.match(told.stdout, /^refund +\d+ sats \([\d,]+ msat\), received /m)
      const receipts = yield* Cli.run(["receipts"], env)
      assert.match(receipts.stderr, /1 job was refunded/)
      const providers = yield* Cli.run(["providers"], env)
      assert.match(providers.stdout, /1 job, 0 delivered, 0 lost, 1 refunded/)
      const budget = yield* Cli.run(["budget", "--json"], env)
      assert.include(budget.stdout, '"spent_today_msats":10000')
      assert.include(budget.stdout, `"refunded_msats":${error.refund_msats}`)
    }).pipe(Effect.provide(Cli.layer))
  )
})
