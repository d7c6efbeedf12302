import { assert, describe, it } from "@effect/vitest"
import { Bolt11, Key, Msat } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { SparkWallet } from "@farthing/wallet"
import { Effect, Option, Redacted } from "effect"
import { randomBytes } from "node:crypto"
import { optionsOf, within } from "./SparkWorld.ts"

const amount = Msat.make(4_000)
const request = { amount, description: "one thought", expiry: "10 minutes" } as const

const newPreimage = Effect.sync(() => Bolt11.Preimage.make(randomBytes(32).toString("hex")))

/** Any wallet's words. */
const words = Redacted.make(
  "leader monkey parrot ring guide accident before fence cannon height naive bean"
)

describe("SparkWallet, from its words alone", () => {
  it.live("knows what it paid, what it is owed and what is held for it, and takes that", () =>
    within(
      Effect.fnUntraced(function* ({ bank, open, party }) {
        const alice = yield* party(Msat.make(50_000))
        const bob = yield* party()
        yield* bank.open("carol", Msat.make(100_000))
        const order = Effect.fnUntraced(function* ({ bolt11 }: { readonly bolt11: string }) {
          const invoice = yield* Effect.fromResult(Bolt11.decode(bolt11))
          return { invoice, maxFee: Msat.most, expiresAt: (yield* UnixTime.now) + 60 }
        })

        const toCarol = yield* bank.makeInvoice("carol", { ...request })
        const { preimage: proof } = yield* alice.payer.pay(yield* order(toCarol))
        const paid = yield* bob.wallet.makeInvoice(request)
        yield* bank.pay("carol", yield* order(paid))
        yield* bob.wallet.balance
        const unpaid = yield* bob.wallet.makeInvoice(request)
        const [first, second] = [yield* newPreimage, yield* newPreimage]
        const htlc = yield* bob.wallet.quoteHtlc({
          amount,
          paymentHash: Bolt11.hashOf(first),
          lock: "1 hour",
          expiry: "10 minutes"
        })
        const hold = yield* bob.wallet.makeHoldInvoice({
          ...request,
          paymentHash: Bolt11.hashOf(second)
        })
        const preimage = Redacted.make(first)
        yield* alice.payer.lock({ htlc, preimage, expiresAt: htlc.expiresAt })
        yield* alice.payer.lock(yield* order(hold))

        const alone = yield* open({ mnemonic: alice.mnemonic })
        const { outgoing, transfers } = yield* alone.wallet.transactions()
        assert.deepStrictEqual(
          outgoing.map(({ amount, fee, paymentHash, state }): ReadonlyArray<unknown> => [
            paymentHash,
            state,
            amount,
            Option.getOrNull(fee)
          ]),
          [
            [hold.paymentHash, "pending", amount, 1_000],
            [htlc.paymentHash, "pending", amount, 0],
            [toCarol.paymentHash, "settled", amount, 1_000]
          ]
        )
        assert.deepStrictEqual(outgoing[2]?.preimage, Option.some(proof))
        assert.deepStrictEqual(
          transfers.map(({ amount, direction }) => [direction, amount]),
          [["in", 50_000]]
        )

        const again = yield* open({ mnemonic: bob.mnemonic })
        assert.strictEqual(again.wallet.id, bob.wallet.id)
        const looked = yield* Effect.forEach([paid, unpaid, hold, htlc], ({ paymentHash }) =>
          Effect.map(again.wallet.lookupIncoming(paymentHash), Option.getOrThrow)
        )
        assert.deepStrictEqual(
          looked.map(({ amount, state }) => [state, amount]),
          [
            ["settled", amount],
            ["pending", amount],
            ["held", amount],
            ["held", amount]
          ]
        )
        yield* again.wallet.settleHoldInvoice(first)
        yield* again.wallet.settleHoldInvoice(second)
        assert.strictEqual(yield* again.wallet.balance, 3 * amount)
        const { incoming } = yield* again.wallet.transactions()
        assert.deepStrictEqual(
          new Set(incoming.map(({ paymentHash, state }) => `${paymentHash} ${state}`)),
          new Set([
            `${paid.paymentHash} settled`,
            `${unpaid.paymentHash} pending`,
            `${hold.paymentHash} settled`,
            `${htlc.paymentHash} settled`
          ])
        )
      })
    )
  )

  it.effect("has the same address and identity wherever it is asked for them", () =>
    Effect.gen(function* () {
      const account = { mnemonic: words, account: 0, network: "mainnet" } as const
      const address = yield* SparkWallet.addressOf(account)
      assert.match(address, /^spark1/)
      assert.strictEqual(yield* SparkWallet.addressOf(account), address)
      assert.notStrictEqual(yield* SparkWallet.addressOf({ ...account, account: 1 }), address)
      const regtest = { ...account, network: "regtest" } as const
      assert.match(yield* SparkWallet.addressOf(regtest), /^sparkrt1/)
      assert.strictEqual(
        yield* SparkWallet.identityOf(regtest),
        yield* SparkWallet.identityOf(account)
      )
    })
  )
})

describe("SparkWallet, when it cannot be opened", () => {
  it.live("says why", () =>
    within(
      Effect.fnUntraced(function* ({ open, spark }) {
        const mnemonic = yield* Key.generateMnemonic
        const identity = { mnemonic }
        const failure = (options: Partial<SparkWallet.Options>) =>
          Effect.map(Effect.flip(open(identity, options)), (error) =>
            error instanceof SparkWallet.SparkUnavailable ? error.reason : error
          )
        assert.instanceOf(
          yield* failure({ network: "signet" }),
          SparkWallet.SparkNetworkUnsupported
        )
        assert.strictEqual(yield* failure({ mnemonic: Redacted.make("one two three") }), "account")
        assert.strictEqual(yield* failure({ account: -1 }), "account")
        assert.strictEqual(yield* failure({ network: "mainnet" }), "account")
        const serviceProvider = { ...spark.connection.serviceProvider, url: "http://192.0.2.1:80" }
        assert.strictEqual(
          yield* failure({ local: { ...spark.connection, serviceProvider } }),
          "account"
        )
      })
    )
  )

  for (const _tag of ["Down", "Silent"] as const) {
    it.live(`gives up in time where the operators are ${_tag}, and opens when they are back`, () =>
      within(
        Effect.fnUntraced(function* ({ open, spark }) {
          const mnemonic = yield* Key.generateMnemonic
          yield* spark.faults.set("operators", { _tag })
          const options = optionsOf(mnemonic, spark.connection, {
            answerTimeout: "1 second",
            openTimeout: "2 seconds"
          })
          const error = yield* Effect.flip(open({ mnemonic }, options))
          assert(error instanceof SparkWallet.SparkUnavailable)
          assert.strictEqual(error.reason, "unreachable")
          yield* spark.faults.set("operators", { _tag: "Well" })
          const { wallet } = yield* open({ mnemonic })
          assert.strictEqual(yield* wallet.balance, 0)
        })
      )
    )
  }
})
