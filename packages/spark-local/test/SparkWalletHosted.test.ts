/**
 * The hosted regtest of Spark, with a wallet whose words are in FARTHING_TEST_SPARK_MNEMONIC. What needs
 * money moves a few sats from its account 0 to its account 1.
 */
import { assert, describe, it } from "@effect/vitest"
import { Bolt11, Msat } from "@farthing/protocol"
import { Sqlite } from "@farthing/sqlite"
import { Payer, SparkWallet, Wallet } from "@farthing/wallet"
import { Context, Effect, Layer, Option, Redacted } from "effect"
import { randomBytes } from "node:crypto"

const mnemonic = process.env.FARTHING_TEST_SPARK_MNEMONIC

const amount = Msat.make(2_000)

const open = (account: number) =>
  Effect.map(
    Layer.build(
      SparkWallet.layer({
        mnemonic: Redacted.make(mnemonic ?? ""),
        account,
        network: "regtest"
      }).pipe(Layer.provide(Sqlite.layer({ filename: ":memory:" })))
    ),
    (context) => ({
      wallet: Context.get(context, Wallet.Wallet),
      payer: Context.get(context, Payer.Payer)
    })
  )

describe.skipIf(mnemonic === undefined)("SparkWallet on the hosted regtest", () => {
  it.live("makes invoices and knows them", () =>
    Effect.gen(function* () {
      const { wallet } = yield* open(0)
      yield* wallet.balance
      const made = yield* wallet.makeInvoice({ amount, description: "x", expiry: "10 minutes" })
      const found = yield* wallet.lookupIncoming(made.paymentHash)
      assert.strictEqual(Option.getOrThrow(found).state, "pending")
    })
  )

  it.live("locks an HTLC that its payee takes", () =>
    Effect.gen(function* () {
      const [alice, bob] = [yield* open(0), yield* open(1)]
      const preimage = Bolt11.Preimage.make(randomBytes(32).toString("hex"))
      const htlc = yield* bob.wallet.quoteHtlc({
        amount,
        paymentHash: Bolt11.hashOf(preimage),
        lock: "1 hour",
        expiry: "10 minutes"
      })
      const order = { htlc, preimage: Redacted.make(preimage), expiresAt: htlc.expiresAt }
      const { end } = yield* alice.payer.lock(order)
      yield* bob.wallet.settleHoldInvoice(preimage)
      assert.strictEqual((yield* end).preimage, preimage)
    })
  )

  it.live("pays an invoice over Lightning, and both sides know it", () =>
    Effect.gen(function* () {
      const [alice, bob] = [yield* open(0), yield* open(1)]
      const made = yield* bob.wallet.makeInvoice({ amount, description: "x", expiry: "10 minutes" })
      const invoice = yield* Effect.fromResult(Bolt11.decode(made.bolt11))
      const order = { invoice, maxFee: Msat.make(20_000), expiresAt: invoice.expiresAt }
      const { preimage } = yield* alice.payer.pay(order)
      assert.strictEqual(Bolt11.hashOf(preimage), made.paymentHash)
      const sent = yield* alice.wallet.lookupOutgoing(made.paymentHash)
      assert.strictEqual(Option.getOrThrow(sent).state, "settled")
      yield* Effect.repeat(bob.wallet.lookupIncoming(made.paymentHash), {
        until: Option.exists(({ state }) => state === "settled")
      })
    })
  )
})
