import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as Cli from "./support/Cli.ts"
import * as ForeignPeer from "./support/ForeignPeer.ts"
import * as ScriptedMarket from "./support/ScriptedMarket.ts"

const ErrorLine = Schema.fromJsonString(
  Schema.Struct({
    type: Schema.Literal("error"),
    tag: Schema.String,
    message: Schema.String,
    cost_msats: Schema.Int
  })
)

/** The last line of `--json`, which has to be an error. */
const errorOf = (finished: Cli.Finished) =>
  Schema.decodeEffect(ErrorLine)(finished.stdout.trim().split("\n").at(-1) ?? "")

const fails = Effect.fnUntraced(function* (
  args: ReadonlyArray<string>,
  env: Cli.Env,
  expected: { readonly code: number; readonly tag: string; readonly advice?: RegExp }
) {
  const json = yield* Cli.run([...args, "--json"], env)
  assert.strictEqual(json.code, expected.code, json.stderr)
  const error = yield* errorOf(json)
  assert.strictEqual(error.tag, expected.tag)
  assert.notMatch(json.stderr, /\n\s+at /)
  if (expected.advice !== undefined) assert.match(json.stderr, expected.advice)
  return error
})

describe("every error of the market has its exit code and says what to do", () => {
  it.live("no providers available", () =>
    Effect.gen(function* () {
      const market = yield* Cli.market(["--no-provider"])
      yield* fails(["ask", "hello"], yield* market.account(0), {
        code: 4,
        tag: "NoProviders",
        advice: /farthing provider/
      })
    }).pipe(Effect.provide(Cli.layer))
  )

  it.live("provider too expensive", () =>
    Effect.gen(function* () {
      const market = yield* Cli.market()
      const error = yield* fails(["ask", "hello", "--budget-sats", "1"], yield* market.account(0), {
        code: 4,
        tag: "NoProviderWithinBudget",
        advice: /--budget-sats/
      })
      assert.strictEqual(error.cost_msats, 0)
    }).pipe(Effect.provide(Cli.layer))
  )

  it.live("payment failed: the wallet is empty", () =>
    Effect.gen(function* () {
      const market = yield* Cli.market(["--balance-sats", "0"])
      const error = yield* fails(["ask", "hello"], yield* market.account(0), {
        code: 5,
        tag: "PaymentFailed",
        advice: /wallet/
      })
      assert.strictEqual(error.cost_msats, 0)
    }).pipe(Effect.provide(Cli.layer))
  )

  it.live("timeout: the provider takes the money and never delivers", () =>
    Effect.gen(function* () {
      const market = yield* ScriptedMarket.open((bank) => ({
        priceMsats: 5000,
        quote: ForeignPeer.invoiceFrom(bank, 5000),
        deliver: () => []
      }))
      const env = yield* market.account(0, { FARTHING_COMPUTE_FIRST_CHUNK_TIMEOUT: "1 second" })
      const error = yield* fails(["ask", "hello"], env, { code: 7, tag: "DeliveryTimeout" })
      assert.strictEqual(error.cost_msats, 5000)
      const budget = yield* Cli.run(["budget", "--json"], env)
      assert.include(budget.stdout, '"spent_today_msats":5000')
      const providers = yield* Cli.run(["providers"], env)
      assert.match(
        providers.stdout,
        /1 job, 0 delivered, 1 lost, 0 refunded\n  avoided until \d{4}-/
      )
    }).pipe(Effect.provide(Cli.layer))
  )

  it.live("an invoice above the announced price is never paid", () =>
    Effect.gen(function* () {
      const market = yield* ScriptedMarket.open((bank) => ({
        priceMsats: 5000,
        quote: ForeignPeer.invoiceFrom(bank, 20_000),
        deliver: () => []
      }))
      const error = yield* fails(["ask", "hello"], yield* market.account(0), {
        code: 4,
        tag: "InvoiceRejected"
      })
      assert.strictEqual(error.cost_msats, 0)
    }).pipe(Effect.provide(Cli.layer))
  )

  it.live("a provider that gives no quote", () =>
    Effect.gen(function* () {
      const market = yield* ScriptedMarket.open(() => ({
        priceMsats: 5000,
        quote: () => Promise.resolve(undefined),
        deliver: () => []
      }))
      const env = yield* market.account(0, { FARTHING_COMPUTE_QUOTE_TIMEOUT: "1 second" })
      yield* fails(["ask", "hello"], env, { code: 4, tag: "QuoteTimeout" })
    }).pipe(Effect.provide(Cli.layer))
  )

  it.live("a stream that stops before its end", () =>
    Effect.gen(function* () {
      const market = yield* ScriptedMarket.open((bank) => ({
        priceMsats: 5000,
        quote: ForeignPeer.invoiceFrom(bank, 5000),
        deliver: (_, job_id) => [{ type: "StreamChunk", job_id, chunk: "half an", is_final: false }]
      }))
      const env = yield* market.account(0, { FARTHING_COMPUTE_IDLE_TIMEOUT: "1 second" })
      const error = yield* fails(["ask", "hello"], env, { code: 7, tag: "DeliveryTruncated" })
      assert.strictEqual(error.cost_msats, 5000)
    }).pipe(Effect.provide(Cli.layer))
  )

  it.live("a result that is not what its digest says", () =>
    Effect.gen(function* () {
      const market = yield* ScriptedMarket.open((bank) => ({
        priceMsats: 5000,
        quote: ForeignPeer.invoiceFrom(bank, 5000),
        deliver: (_, job_id) => [
          { type: "JobResult", job_id, result: "swapped", sha256: "00".repeat(32) }
        ]
      }))
      const env = yield* market.account(0, { FARTHING_COMPUTE_IDLE_TIMEOUT: "1 second" })
      const error = yield* fails(["ask", "hello"], env, { code: 7, tag: "DeliveryInvalid" })
      assert.strictEqual(error.cost_msats, 5000)
    }).pipe(Effect.provide(Cli.layer))
  )

  it.live("a budget that is used up, before any request is sent", () =>
    Effect.gen(function* () {
      const market = yield* Cli.market()
      const env = yield* market.account(0, { FARTHING_RUNWAY_DAILY_LIMIT_SATS: "0" })
      yield* fails(["ask", "hello"], env, {
        code: 3,
        tag: "BudgetExhausted",
        advice: /farthing budget/
      })
      const jobs = yield* Cli.run(["jobs", "--json"], env)
      assert.strictEqual(jobs.stdout.trim(), "[]")
    }).pipe(Effect.provide(Cli.layer))
  )

  it.live("a price that a person has to approve", () =>
    Effect.gen(function* () {
      const market = yield* Cli.market()
      const env = yield* market.account(0, { FARTHING_RUNWAY_APPROVAL_ABOVE_SATS: "1" })
      yield* fails(["ask", "hello"], env, { code: 3, tag: "ApprovalRequired", advice: /--approve/ })
      const approved = yield* Cli.run(["ask", "hello", "--approve"], env)
      assert.strictEqual(approved.code, 0, approved.stderr)
    }).pipe(Effect.provide(Cli.layer))
  )

  it.live("a wallet that does not answer, before anybody is asked", () =>
    Effect.gen(function* () {
      const market = yield* Cli.market()
      const [, service = ""] = /\/\/([0-9a-f]{64})/.exec(market.accounts[0]?.nwc ?? "") ?? []
      const nwc = (market.accounts[1]?.nwc ?? "").replace(/\/\/[0-9a-f]{64}/, `//${service}`)
      const env = yield* market.account(0, {
        FARTHING_WALLET_NWC_URI: nwc,
        FARTHING_COMPUTE_PAYMENT_TIMEOUT: "1 second"
      })
      const error = yield* fails(["ask", "hello"], env, {
        code: 1,
        tag: "WalletUnavailable",
        advice: /farthing doctor/
      })
      assert.strictEqual(error.cost_msats, 0)
      const jobs = yield* Cli.run(["jobs", "--json"], env)
      assert.strictEqual(jobs.stdout.trim(), "[]")
    }).pipe(Effect.provide(Cli.layer))
  )

  it.live("relays that cannot be reached", () =>
    Effect.gen(function* () {
      const market = yield* Cli.market()
      const env = yield* market.account(0, { FARTHING_RELAYS_URLS: "ws://127.0.0.1:9" })
      yield* fails(["ask", "hello"], env, {
        code: 1,
        tag: "RelayUnavailable",
        advice: /farthing doctor/
      })
    }).pipe(Effect.provide(Cli.layer))
  )
})
