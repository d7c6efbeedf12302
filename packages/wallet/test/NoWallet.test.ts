import { assert, describe, it } from "@effect/vitest"
import { Bolt11, Msat } from "@farthing/protocol"
import { NoWallet, Payer, Wallet } from "@farthing/wallet"
import { Effect, Option, Redacted, Stream } from "effect"

const message = "There is no wallet; farthing init makes one"

const preimage = Bolt11.Preimage.make("11".repeat(32))
const paymentHash = Bolt11.hashOf(preimage)
const amount = Msat.make(1_000)
const asked = { amount, description: "", expiry: "1 hour" } as const

const htlc = {
  network: "regtest",
  address: "sparkrt1payee",
  amount,
  paymentHash,
  expiresAt: 2_000_000_000,
  lockSeconds: 3_600
} as const

const theOrder = Effect.map(
  Effect.fromResult(
    Bolt11.decode(
      Bolt11.encode(
        {
          network: "regtest",
          amount: Option.some(amount),
          createdAt: 0,
          expirySeconds: 3_600,
          paymentHash,
          paymentSecret: "22".repeat(32),
          description: "",
          minFinalCltvDelta: 18
        },
        Buffer.alloc(32, 3)
      )
    )
  ),
  (invoice): Payer.PayRequest => ({ invoice, maxFee: Msat.most, expiresAt: 60 })
)

describe("Who has no wallet", () => {
  it.effect("is told so by everything that would need one", () =>
    Effect.gen(function* () {
      const wallet = yield* Wallet.Wallet
      const missing = yield* Effect.forEach(
        [
          wallet.info,
          wallet.balance,
          wallet.address,
          wallet.makeInvoice(asked),
          wallet.makeHoldInvoice({ ...asked, paymentHash }),
          wallet.quoteHtlc({ amount, paymentHash, lock: "1 hour", expiry: "1 hour" }),
          wallet.settleHoldInvoice(preimage),
          wallet.cancelHoldInvoice(paymentHash),
          wallet.lookupIncoming(paymentHash),
          wallet.lookupOutgoing(paymentHash),
          wallet.transactions(),
          Stream.runHead(wallet.incoming)
        ],
        (answer) => Effect.flip(Effect.asVoid(answer))
      )
      for (const { reason } of missing)
        assert.deepEqual([reason._tag, reason.message], ["Unsupported", message])
    }).pipe(Effect.provide(NoWallet.layer(message)))
  )

  it.effect("pays, locks and resumes nothing", () =>
    Effect.gen(function* () {
      const payer = yield* Payer.Payer
      const order = yield* theOrder
      const hidden = Redacted.make(preimage)
      const refused = [
        yield* Effect.flip(payer.pay(order)),
        yield* Effect.flip(payer.lock(order)),
        yield* Effect.flip(payer.lock({ htlc, preimage: hidden, expiresAt: 60 }))
      ]
      for (const failure of refused)
        assert.deepEqual(
          [failure._tag === "PaymentFailed" && failure.reason, failure.message],
          ["refused", message]
        )
      const unknown = yield* Effect.flip(payer.resume(order))
      assert.deepEqual([unknown.paymentHash, unknown.message], [paymentHash, message])
    }).pipe(Effect.provide(NoWallet.layer(message)))
  )
})
