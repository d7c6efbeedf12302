import { assert, describe, it } from "@effect/vitest"
import { Bolt11, Msat } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Effect, Option, Result } from "effect"
import { randomBytes } from "node:crypto"
import * as LyingProvider from "./LyingProvider.ts"
import type { World } from "./SparkWorld.ts"
import { within } from "./SparkWorld.ts"

const funds = Msat.make(50_000)
const amount = Msat.make(4_000)
const request = { amount, description: "one thought", expiry: "10 minutes" } as const

/** Alice's wallet, at a service provider that lies as it is told to. */
const stage = Effect.fnUntraced(function* (world: World) {
  const { connection, lies } = yield* LyingProvider.make(world.spark.connection)
  const alice = yield* world.party(funds, {
    local: connection,
    answerTimeout: "2 seconds",
    paymentTimeout: "3 seconds"
  })
  yield* world.bank.open("carol", Msat.make(100_000))
  return { alice, lies }
})

const orderFor = Effect.fnUntraced(function* ({ bank }: World) {
  const made = yield* bank.makeInvoice("carol", { amount, description: "", expiry: "1 hour" })
  const invoice = yield* Effect.fromResult(Bolt11.decode(made.bolt11))
  return { invoice, maxFee: Msat.make(2_000), expiresAt: (yield* UnixTime.now) + 60 }
})

/** A good invoice that the service provider was not asked for. */
const another = (change: Partial<Bolt11.Draft>) =>
  Effect.map(UnixTime.now, (createdAt) =>
    Bolt11.encode(
      {
        network: "regtest",
        amount: Option.some(amount),
        createdAt,
        expirySeconds: 600,
        paymentHash: Bolt11.PaymentHash.make(randomBytes(32).toString("hex")),
        paymentSecret: randomBytes(32).toString("hex"),
        description: "one thought",
        minFinalCltvDelta: 18,
        ...change
      },
      randomBytes(32)
    )
  )

describe("SparkWallet, whose service provider lies", () => {
  for (const status of ["USER_SWAP_RETURNED", "LIGHTNING_PAYMENT_FAILED"]) {
    it.live(`is not told that a payment failed which was made: ${status}`, () =>
      within(
        Effect.fnUntraced(function* (world) {
          const { alice, lies } = yield* stage(world)
          const order = yield* orderFor(world)
          lies.instead.set("RequestLightningSend", (said) =>
            said.replace("LIGHTNING_PAYMENT_INITIATED", status)
          )
          const { fee, preimage } = yield* alice.payer.pay(order)
          assert.strictEqual(Bolt11.hashOf(preimage), order.invoice.paymentHash)
          assert.strictEqual(fee, 1_000)
        })
      )
    )
  }

  it.live("does not believe in a payment that was not made", () =>
    within(
      Effect.fnUntraced(function* (world) {
        const { alice, lies } = yield* stage(world)
        const order = yield* orderFor(world)
        const made = yield* orderFor(world)
        let template = ""
        lies.instead.set("RequestLightningSend", (said) => (template = said))
        yield* alice.payer.pay(made)

        lies.idle.add("RequestLightningSend")
        lies.instead.set("RequestLightningSend", () =>
          template
            .replace("LIGHTNING_PAYMENT_INITIATED", "TRANSFER_COMPLETED")
            .replaceAll(made.invoice.bolt11, order.invoice.bolt11)
        )
        const outcome = yield* Effect.flip(alice.payer.pay(order))
        assert.strictEqual(outcome._tag, "PaymentUnknown")
        const found = yield* alice.wallet.lookupOutgoing(order.invoice.paymentHash)
        assert.strictEqual(Option.getOrThrow(found).state, "pending")

        lies.idle.clear()
        lies.instead.clear()
        yield* alice.payer.resume(order)
        yield* Effect.repeat(alice.wallet.lookupOutgoing(order.invoice.paymentHash), {
          until: Option.exists(({ state }) => state === "settled")
        })
        assert.strictEqual(yield* world.bank.balance("carol"), 108_000)
      })
    )
  )

  it.live("pays no fee above its cap, whatever it costs", () =>
    within(
      Effect.fnUntraced(function* (world) {
        const { alice, lies } = yield* stage(world)
        lies.instead.set("LightningSendFeeEstimate", (said) =>
          said.replace(/("currency_amount_original_value":)\d+/, "$130")
        )
        const outcome = yield* Effect.flip(alice.payer.pay(yield* orderFor(world)))
        assert(outcome._tag === "PaymentFailed")
        assert.strictEqual(outcome.reason, "fee_too_high")
        assert.strictEqual(yield* alice.wallet.balance, funds)
      })
    )
  )

  const substitutes = [
    ["another amount", { amount: Option.some(Msat.make(5_000)) }],
    ["another hash", {}],
    ["no amount", { amount: Option.none() }]
  ] as const
  for (const [what, change] of substitutes) {
    it.live(`hands on no invoice of ${what}`, () =>
      within(
        Effect.fnUntraced(function* (world) {
          const { alice, lies } = yield* stage(world)
          const bolt11 = yield* another(change)
          lies.instead.set("RequestLightningReceive", (said) =>
            said.replace(/("invoice_encoded_invoice":")[^"]+/, `$1${bolt11}`)
          )
          const outcome = yield* Effect.result(alice.wallet.makeInvoice(request))
          assert(Result.isFailure(outcome))
        })
      )
    )
  }

  it.live("does not believe that it was paid", () =>
    within(
      Effect.fnUntraced(function* (world) {
        const { alice, lies } = yield* stage(world)
        const made = yield* alice.wallet.makeInvoice(request)
        for (const transfer of [undefined, "00000000-0000-7000-8000-000000000000"]) {
          lies.instead.set("UserRequest", (said) =>
            said
              .replace("INVOICE_CREATED", "TRANSFER_COMPLETED")
              .replace(
                '"lightning_receive_request_invoice"',
                `"lightning_receive_request_transfer":${JSON.stringify(transfer === undefined ? null : lie(transfer))},"lightning_receive_request_invoice"`
              )
          )
          const found = yield* alice.wallet.lookupIncoming(made.paymentHash)
          assert.strictEqual(Option.getOrThrow(found).state, "pending")
        }
      })
    )
  )

  it.live("does not take what paid one invoice for the payment of another", () =>
    within(
      Effect.fnUntraced(function* (world) {
        const { alice, lies } = yield* stage(world)
        const paid = yield* alice.wallet.makeInvoice(request)
        const unpaid = yield* alice.wallet.makeInvoice(request)
        const invoice = yield* Effect.fromResult(Bolt11.decode(paid.bolt11))
        yield* world.bank.pay("carol", {
          invoice,
          maxFee: Msat.most,
          expiresAt: invoice.expiresAt
        })
        yield* Effect.repeat(alice.wallet.lookupIncoming(paid.paymentHash), {
          until: Option.exists(({ state }) => state === "settled")
        })
        const rows = yield* alice.database<{ readonly transfer_id: string }>`
          SELECT transfer_id FROM spark_incoming WHERE payment_hash = ${paid.paymentHash}`
        const transferId = rows[0]?.transfer_id ?? ""
        assert.notStrictEqual(transferId, "")
        lies.instead.set("UserRequest", (said) =>
          said
            .replace("INVOICE_CREATED", "TRANSFER_COMPLETED")
            .replace(
              '"lightning_receive_request_invoice"',
              `"lightning_receive_request_transfer":${JSON.stringify(lie(transferId))},"lightning_receive_request_invoice"`
            )
        )
        const found = yield* alice.wallet.lookupIncoming(unpaid.paymentHash)
        assert.strictEqual(Option.getOrThrow(found).state, "pending")
      })
    )
  )
})

/** A transfer as the service provider tells it. */
const lie = (id: string) => ({
  __typename: "Transfer",
  transfer_total_amount: {
    __typename: "CurrencyAmount",
    currency_amount_original_value: 4,
    currency_amount_original_unit: "SATOSHI"
  },
  transfer_spark_id: id,
  transfer_user_request: { id: "LightningReceiveRequest:lie" }
})
