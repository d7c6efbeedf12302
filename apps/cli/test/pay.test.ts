import { assert, layer } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as Cli from "./support/Cli.ts"
import * as ForeignWallet from "./support/ForeignWallet.ts"
import * as SharedMarket from "./support/SharedMarket.ts"

const Made = Schema.fromJsonString(
  Schema.Struct({ bolt11: Schema.String, payment_hash: Schema.String })
)

const Payment = Schema.fromJsonString(
  Schema.Struct({
    amount_msats: Schema.Int,
    fee_msats: Schema.Int,
    payment_hash: Schema.String,
    preimage: Schema.String,
    paid_before: Schema.Boolean
  })
)

/** An invoice of somebody else's, and who that is. */
const invoiceOver = Effect.fnUntraced(function* (sats: number) {
  const { customer } = yield* SharedMarket.SharedMarket
  const payee = yield* customer()
  const made = yield* Cli.run(["wallet", "invoice", String(sats), "--json"], payee)
  return { payee, ...(yield* Schema.decodeEffect(Made)(made.stdout)) }
})

const balanceOf = Effect.fnUntraced(function* (env: Cli.Env) {
  const { stdout } = yield* Cli.run(["wallet", "balance"], env)
  return stdout.trim()
})

/** Of mainnet (BOLT 11, "examples"). */
const mainnet =
  "lnbc25m1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5vdhkven9v5sxyetpdeessp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygs9q5sqqqqqqqqqqqqqqqpqsq67gye39hfg3zd8rgc80k32tvy9xk2xunwm5lzexnvpx6fd77en8qaq424dxgt56cag2dpt359k3ssyhetktkpqh24jqnjyw6uqd08sgptq44qu"

layer(SharedMarket.layer, { excludeTestServices: true, concurrent: true })(
  "farthing wallet pay",
  (it) => {
    it.effect("pays an invoice once, out of the budget, however often it is told to", () =>
      Effect.gen(function* () {
        const { customer } = yield* SharedMarket.SharedMarket
        const { bolt11, payee, payment_hash } = yield* invoiceOver(40)
        const env = yield* customer({ FARTHING_RUNWAY_DAILY_LIMIT_SATS: "100" })
        const told = yield* Cli.run(["wallet", "pay", `lightning:${bolt11.toUpperCase()}`], env)
        assert.strictEqual(told.code, 0, told.stderr)
        assert.match(told.stdout, /^paid {9}40 sats \(40,000 msat\)\nfee {10}0 sats/)
        assert.include(told.stdout, "budget left  60 sats today")
        assert.include(told.stderr, "40 sats (40,000 msat) · to node ")

        const again = yield* Cli.run(["wallet", "pay", bolt11, "--json"], env)
        assert.strictEqual(again.code, 0, again.stderr)
        const payment = yield* Schema.decodeEffect(Payment)(again.stdout)
        assert.isTrue(payment.paid_before)
        assert.strictEqual(payment.payment_hash, payment_hash)
        assert.include(told.stdout, payment.preimage)
        assert.include(again.stderr, "nothing was paid now")
        assert.strictEqual(yield* balanceOf(payee), "100,040 sats")
        assert.strictEqual(yield* balanceOf(env), "99,960 sats")
        const audit = yield* Cli.run(["budget", "audit"], env)
        assert.include(audit.stdout, "the wallet agrees")
      })
    )

    it.effect("is refused by every limit, and pays nothing", () =>
      Effect.gen(function* () {
        const { customer } = yield* SharedMarket.SharedMarket
        const { bolt11 } = yield* invoiceOver(40)
        const limits = ["DAILY_LIMIT_SATS", "PER_JOB_LIMIT_SATS", "FIRST_SPEND_LIMIT_SATS"]
        const env = yield* customer()
        yield* Effect.forEach(
          limits,
          Effect.fnUntraced(function* (limit) {
            const refused = yield* Cli.run(["wallet", "pay", bolt11, "--json"], {
              ...env,
              [`FARTHING_RUNWAY_${limit}`]: "39"
            })
            assert.strictEqual(refused.code, 3, `${limit}\n${refused.stderr}`)
            assert.include(refused.stdout, '"tag":"BudgetExhausted"')
            assert.include(refused.stderr, limit.toLowerCase())
          }),
          { concurrency: 3 }
        )
        assert.strictEqual(yield* balanceOf(env), "100,000 sats")
      })
    )

    it.effect("asks no program above the approval threshold: it has to agree beforehand", () =>
      Effect.gen(function* () {
        const { customer } = yield* SharedMarket.SharedMarket
        const { bolt11 } = yield* invoiceOver(40)
        const env = yield* customer({ FARTHING_RUNWAY_APPROVAL_ABOVE_SATS: "20" })
        const refused = yield* Cli.run(["wallet", "pay", bolt11, "--json"], env)
        assert.strictEqual(refused.code, 3)
        assert.include(refused.stdout, '"tag":"ApprovalRequired"')
        assert.include(refused.stderr, "--yes")
        const agreed = yield* Cli.run(["wallet", "pay", bolt11, "--yes"], env)
        assert.strictEqual(agreed.code, 0, agreed.stderr)
      })
    )

    it.effect("pays nothing that somebody else has paid, or that is of another network", () =>
      Effect.gen(function* () {
        const { customer } = yield* SharedMarket.SharedMarket
        const { bolt11 } = yield* invoiceOver(40)
        yield* Cli.run(["wallet", "pay", bolt11], yield* customer())
        const env = yield* customer()
        const paid = yield* Cli.run(["wallet", "pay", bolt11, "--json"], env)
        assert.strictEqual(paid.code, 5, paid.stderr)
        assert.include(paid.stdout, '"tag":"PaymentFailed"')
        const foreign = yield* Cli.run(["wallet", "pay", mainnet, "--json"], env)
        assert.strictEqual(foreign.code, 5, foreign.stderr)
        assert.include(foreign.stdout, '"tag":"PaymentRefused"')
        assert.include(foreign.stderr, "mainnet")
        assert.strictEqual(yield* balanceOf(env), "100,000 sats")
      })
    )

    it.effect("takes nothing for an invoice that is none", () =>
      Effect.gen(function* () {
        const { customer } = yield* SharedMarket.SharedMarket
        const env = yield* customer()
        for (const text of ["lnbc1nothing", "sparkrt1pgssx5us3wmxfx", mainnet.slice(0, -1)]) {
          const refused = yield* Cli.run(["wallet", "pay", text], env)
          assert.strictEqual(refused.code, 2, refused.stderr)
          assert.include(refused.stderr, "no invoice that can be paid")
          assert.strictEqual(refused.stdout, "")
        }
      })
    )

    it.effect(
      "tells of a payment whose end is not known for what it is, and pays it no second time",
      () =>
        Effect.gen(function* () {
          const { customer, relay } = yield* SharedMarket.SharedMarket
          const { bolt11 } = yield* invoiceOver(40)
          const wallet = yield* ForeignWallet.serve(relay, ForeignWallet.mute)
          const env = yield* customer({
            FARTHING_WALLET_NWC_URI: wallet.uri,
            FARTHING_COMPUTE_PAYMENT_TIMEOUT: "1 second"
          })
          const unknown = yield* Cli.run(["wallet", "pay", bolt11, "--json"], env)
          assert.strictEqual(unknown.code, 6, unknown.stderr)
          assert.include(unknown.stdout, '"tag":"PaymentUnknown"')
          assert.include(unknown.stderr, "jobs recover")
          const again = yield* Cli.run(["wallet", "pay", bolt11], env)
          assert.strictEqual(again.code, 6, again.stderr)
          assert.strictEqual(wallet.asked.filter((method) => method === "pay_invoice").length, 1)
          const budget = yield* Cli.run(["budget", "--json"], env)
          assert.match(budget.stdout, /"unknown_msats":50000/)
        })
    )
  }
)
