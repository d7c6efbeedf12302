import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, FileSystem, Schema } from "effect"
import * as Cli from "./support/Cli.ts"
import * as ForeignPeer from "./support/ForeignPeer.ts"
import { openAi } from "./support/OpenAi.ts"
import * as ScriptedMarket from "./support/ScriptedMarket.ts"
import * as SharedMarket from "./support/SharedMarket.ts"

const Receipt = Schema.fromJsonString(
  Schema.Struct({
    type: Schema.Literal("receipt"),
    text: Schema.String,
    settlement: Schema.String,
    request_id: Schema.String,
    payment_hash: Schema.String,
    preimage: Schema.String
  })
)

const ErrorLine = Schema.fromJsonString(
  Schema.Struct({
    type: Schema.Literal("error"),
    tag: Schema.String,
    message: Schema.String,
    cost_msats: Schema.Int,
    held_msats: Schema.optionalKey(Schema.Int)
  })
)

const lastLine = ({ stdout }: Cli.Finished): string => stdout.trim().split("\n").at(-1) ?? ""

const buy = Effect.fnUntraced(function* (env: Cli.Env, ...flags: ReadonlyArray<string>) {
  const asked = yield* Cli.run(["ask", "What is a farthing?", "--json", ...flags], env)
  assert.strictEqual(asked.code, 0, asked.stderr)
  return yield* Schema.decodeEffect(Receipt)(lastLine(asked))
})

const fail = Effect.fnUntraced(function* (
  code: number,
  env: Cli.Env,
  ...flags: ReadonlyArray<string>
) {
  const asked = yield* Cli.run(["ask", "What is a farthing?", "--json", ...flags], env)
  assert.strictEqual(asked.code, code, asked.stderr)
  const error = yield* Schema.decodeEffect(ErrorLine)(lastLine(asked))
  return { ...error, advice: asked.stderr }
})

const isAudited = Effect.fnUntraced(function* (env: Cli.Env) {
  const audit = yield* Cli.run(["budget", "audit"], env)
  assert.strictEqual(audit.code, 0, audit.stdout)
})

const asWasAskedFor = "money and result are exchanged as was asked for"

layer(SharedMarket.layer, { excludeTestServices: true, concurrent: true })(asWasAskedFor, (it) => {
  it.effect("in an escrow, and jobs and receipts say so", () =>
    Effect.gen(function* () {
      const { customer } = yield* SharedMarket.SharedMarket
      const env = yield* customer()
      const receipt = yield* buy(env, "--settlement", "escrow")
      assert.strictEqual(receipt.settlement, "escrow")
      assert.include((yield* Cli.run(["jobs"], env)).stdout, "  escrow ")
      const shown = yield* Cli.run(["jobs", "show", receipt.request_id, "--json"], env)
      for (const state of ["locked", "released", "delivered"])
        assert.include(shown.stdout, `"state":"${state}"`)
      yield* isAudited(env)
    })
  )

  it.effect("under seal, by the configuration; and what was sealed can be shown to anybody", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const { customer } = yield* SharedMarket.SharedMarket
      const env = yield* customer({ FARTHING_COMPUTE_SETTLEMENT: "sealed, upfront" })
      const receipt = yield* buy(env)
      assert.strictEqual(receipt.settlement, "sealed")
      const shown = yield* Cli.run(["jobs", "show", receipt.request_id], env)
      assert.match(shown.stdout, /^under seal +1 parts, commitment [0-9a-f]{64}$/m)
      assert.notInclude(shown.stdout, "✗")
      yield* isAudited(env)

      const evidence = yield* Cli.run(["jobs", "show", receipt.request_id, "--evidence"], env)
      const file = `${yield* Cli.tempHome}/evidence.json`
      yield* fs.writeFileString(file, evidence.stdout)
      const nobody = { FARTHING_HOME: "/nonexistent" }
      const checked = yield* Cli.run(["jobs", "check", file], nobody)
      assert.strictEqual(checked.code, 0, checked.stderr)
      assert.include(checked.stdout, receipt.text)
      assert.notInclude(checked.stdout, "✗")

      yield* fs.writeFileString(file, evidence.stdout.replace(receipt.preimage, "0".repeat(64)))
      const doubted = yield* Cli.run(["jobs", "check", file], nobody)
      assert.strictEqual(doubted.code, 1, doubted.stderr)
      assert.match(doubted.stdout, /✗ payment/)

      yield* fs.writeFileString(file, "{}")
      const unread = yield* Cli.run(["jobs", "check", file], nobody)
      assert.strictEqual(unread.code, 2, unread.stderr)
    })
  )
})

describe("who offers what", () => {
  it.live("nobody offers what was asked for: nothing is paid, and the advice helps", () =>
    Effect.gen(function* () {
      const market = yield* Cli.market(["--settlement", "upfront"])
      const env = yield* market.account(0)
      const error = yield* fail(4, env, "--settlement", "escrow,sealed")
      assert.strictEqual(error.tag, "SettlementUnavailable")
      assert.strictEqual(error.cost_msats, 0)
      assert.match(error.advice, /--settlement/)
      const { request_id, settlement } = yield* buy(env, "--settlement", "escrow,upfront")
      assert.strictEqual(settlement, "upfront")
      const shown = yield* Cli.run(["jobs", "show", request_id, "--evidence"], env)
      assert.strictEqual(shown.code, 2, shown.stdout)
    }).pipe(Effect.provide(Cli.layer))
  )

  it.live("providers announce what configuration and flag say, and the flag goes first", () =>
    Effect.gen(function* () {
      const market = yield* Cli.market(["--no-provider", "--accounts", "3"])
      const sell = Effect.fnUntraced(function* (account: number, ...flags: ReadonlyArray<string>) {
        const env = yield* market.account(account, { FARTHING_PROVIDER_SETTLEMENT: "escrow" })
        const provider = yield* Cli.start(["provider", ...flags], env)
        yield* provider.until("online")
      })
      yield* Effect.all([sell(1), sell(2, "--settlement", "sealed,escrow")], { concurrency: 2 })
      const env = yield* market.account(0)
      const listed = yield* Cli.run(["providers", "--json"], env)
      for (const modes of ['["escrow"]', '["sealed","escrow"]'])
        assert.include(listed.stdout, `"settlement":${modes}`)
      const error = yield* fail(4, env)
      assert.strictEqual(error.tag, "SettlementUnavailable")
    }).pipe(Effect.provide(Cli.layer))
  )
})

describe("what goes wrong", () => {
  it.live("an escrow without a delivery: the money is locked, told of, and comes back", () =>
    Effect.gen(function* () {
      let paymentHash = ""
      const market = yield* ScriptedMarket.open((bank) => ({
        priceMsats: 5_000,
        settlement: ["escrow"],
        quote: (request) => {
          paymentHash = String(JSON.parse(request.content).payment_hash)
          return ForeignPeer.holdInvoiceFrom(bank, request, "escrow", paymentHash, 5_000)
        },
        deliver: () => []
      }))
      const env = yield* market.account(0, { FARTHING_COMPUTE_FIRST_CHUNK_TIMEOUT: "1 second" })
      const error = yield* fail(7, env, "--settlement", "escrow")
      assert.strictEqual(error.tag, "DeliveryTimeout")
      assert.strictEqual(error.cost_msats, 0)
      assert.isAtLeast(error.held_msats ?? 0, 5_000)
      assert.match(error.advice, /money come back/)
      assert.match((yield* Cli.run(["jobs"], env)).stdout, /  escrow +locked  /)
      const budget = yield* Cli.run(["budget"], env)
      assert.match(budget.stdout, /^locked +15 sats: /m)

      yield* Effect.promise(() =>
        market.bank.call("cancel_hold_invoice", { payment_hash: paymentHash })
      )
      const recovered = yield* Cli.run(["jobs", "recover"], env)
      assert.strictEqual(recovered.code, 0, recovered.stderr)
      assert.match(recovered.stdout, /  returned  /)
      const after = yield* Cli.run(["budget", "--json"], env)
      for (const fact of ['"held_msats":0', '"locked_msats":0', '"spent_today_msats":0'])
        assert.include(after.stdout, fact)
      yield* isAudited(env)
    }).pipe(Effect.provide(Cli.layer))
  )

  it.live("garbage under seal: paid for once, and the evidence names who sealed it", () =>
    Effect.gen(function* () {
      const market = yield* ScriptedMarket.open((bank) => ({
        priceMsats: 5_000,
        ...ForeignPeer.garbageFrom(bank, 5_000),
        deliver: () => []
      }))
      const env = yield* market.account(0)
      const error = yield* fail(7, env, "--settlement", "sealed")
      assert.strictEqual(error.tag, "DeliveryInvalid")
      assert.strictEqual(error.cost_msats, 5_000)
      assert.match(error.advice, /--evidence/)
      const jobs = yield* Cli.run(["jobs"], env)
      const [, id = ""] = /UTC.*\n\S+ \S+  (\w+) /.exec(jobs.stdout) ?? []
      const shown = yield* Cli.run(["jobs", "show", id], env)
      for (const line of [/✓ provider/, /✓ invoice/, /✓ payment/, /✓ ciphertext/, /✗ contents/])
        assert.match(shown.stdout, line)
      yield* isAudited(env)
    }).pipe(Effect.provide(Cli.layer))
  )
})

describe("somebody who buys and sells with one wallet", () => {
  it.live("does not spend what it may have to give back", () =>
    Effect.gen(function* () {
      const server = yield* openAi(["Half "])
      const market = yield* Cli.market(["--balance-sats", "15"])
      const shop = yield* market.account(1)
      const provider = yield* Cli.start(
        ["provider", "--backend", server.url, "--price-msats", "9000"],
        shop
      )
      yield* provider.until("online")
      const customer = yield* Cli.start(
        ["ask", "Tell me a story", "--json", "--budget-sats", "9"],
        yield* market.account(0)
      )
      yield* customer.until('"chunk"')

      const purchase = ["--budget-sats", "20", "--provider", market.provider ?? ""]
      const error = yield* fail(3, shop, ...purchase)
      assert.strictEqual(error.tag, "BudgetExhausted")
      assert.include(error.message, "reserve_sats")

      server.finish()
      yield* customer.until('"receipt"')
      yield* provider.until("delivered")
      yield* buy(shop, ...purchase)
    }).pipe(Effect.provide(Cli.layer))
  )
})
