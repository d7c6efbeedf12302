import { SparkWalletEvent } from "@buildonspark/spark-sdk"
import { PreimageRequestRole, PreimageRequestStatus } from "@buildonspark/spark-sdk/proto/spark"
import { assert, describe, it } from "@effect/vitest"
import { Msat } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import type { Bank } from "@farthing/wallet"
import { Clock, Effect, Fiber, Option } from "effect"
import type { RawWallet } from "./LocalWorld.ts"
import { available, eventually, within } from "./LocalWorld.ts"

const invoiceOfCarol = Effect.fnUntraced(function* (bank: Bank.Shape) {
  yield* bank.open("carol", Msat.make(1_000_000))
  return yield* bank.makeInvoice("carol", {
    amount: Msat.make(4_000),
    description: "",
    expiry: "1 hour"
  })
})

/** The next time that a wallet tells of it. */
const told = ({ ask }: RawWallet, event: "stream:reconnecting" | "stream:connected") =>
  Effect.forkChild(
    ask((sdk) => new Promise<void>((resolve) => sdk.once(event, () => resolve()))),
    { startImmediately: true }
  )

const asSender = PreimageRequestRole.PREIMAGE_REQUEST_ROLE_SENDER

describe("Operators", () => {
  it.live("that go down break streams, too, which are there again when they are back", () =>
    within(
      Effect.fnUntraced(function* ({ spark, wallet }) {
        const alice = yield* wallet()
        const lost = yield* told(alice, SparkWalletEvent.StreamReconnecting)
        yield* spark.faults.set("operators", { _tag: "Down" })
        yield* Fiber.join(lost)
        const found = yield* told(alice, SparkWalletEvent.StreamConnected)
        yield* spark.faults.set("operators", { _tag: "Well" })
        yield* Fiber.join(found)
        yield* spark.fund(alice.address, Msat.make(5_000))
        yield* alice.has(5)
      })
    )
  )

  it.live("that are silent answer nothing and do nothing", () =>
    within(
      Effect.fnUntraced(function* ({ spark, wallet }) {
        const alice = yield* wallet({ sats: 10 })
        const bob = yield* wallet()
        yield* spark.faults.set("operators", { _tag: "Silent" })
        const answer = yield* Effect.timeoutOption(
          alice.ask((sdk) => sdk.transfer({ amountSats: 4, receiverSparkAddress: bob.address })),
          "200 millis"
        )
        assert.isTrue(Option.isNone(answer))
        yield* spark.faults.set("operators", { _tag: "Well" })
        yield* bob.has(0)
      })
    )
  )

  it.live("that are slow answer in the end", () =>
    within(
      Effect.fnUntraced(function* ({ spark, wallet }) {
        const alice = yield* wallet({ sats: 10 })
        yield* spark.faults.set("operators", { _tag: "Slow", delay: "200 millis" })
        const before = yield* Clock.currentTimeMillis
        assert.strictEqual(yield* available(alice.ask), 10)
        assert.isAtLeast((yield* Clock.currentTimeMillis) - before, 200)
      })
    )
  )

  it.live("that lock and then err have locked, until it expires", () =>
    within(
      Effect.fnUntraced(function* ({ bank, later, spark, wallet }) {
        const alice = yield* wallet({ sats: 12 })
        const { bolt11: invoice, paymentHash } = yield* invoiceOfCarol(bank)
        yield* spark.faults.inject("initiate_preimage_swap_v3", { _tag: "DoThenRefuse" })
        yield* Effect.flip(alice.ask((sdk) => sdk.payLightningInvoice({ invoice, maxFeeSats: 5 })))
        const found = yield* alice.ask((sdk) =>
          sdk.queryHTLC({ paymentHashes: [paymentHash], matchRole: asSender })
        )
        const [htlc] = found.preimageRequests
        assert.strictEqual(
          htlc?.status,
          PreimageRequestStatus.PREIMAGE_REQUEST_STATUS_WAITING_FOR_PREIMAGE
        )
        yield* alice.has(7)
        const expiry = Math.ceil((htlc?.transfer?.expiryTime?.getTime() ?? 0) / 1000)
        yield* later(`${expiry - (yield* UnixTime.now)} seconds`)
        yield* alice.has(12)
      })
    )
  )

  it.live("refuse a call that was chosen, and no other", () =>
    within(
      Effect.fnUntraced(function* ({ spark, wallet }) {
        const alice = yield* wallet({ sats: 10 })
        const bob = yield* wallet()
        const pay = alice.ask((sdk) =>
          sdk.transfer({ amountSats: 2, receiverSparkAddress: bob.address })
        )
        yield* spark.faults.inject("start_transfer_v2", { _tag: "Refuse" }, { skip: 1 })
        yield* pay
        yield* Effect.flip(pay)
        yield* pay
        yield* bob.has(4)
        yield* alice.has(6)
      })
    )
  )
})

describe("The service provider", () => {
  it.live("that pays and then errs has paid once, and says so when asked again", () =>
    within(
      Effect.fnUntraced(function* ({ bank, spark, wallet }) {
        const alice = yield* wallet({ sats: 12 })
        const { bolt11: invoice } = yield* invoiceOfCarol(bank)
        const pay = alice.ask((sdk) =>
          sdk.payLightningInvoice({ invoice, maxFeeSats: 5, idempotencyKey: "key" })
        )
        yield* spark.faults.inject("RequestLightningSend", { _tag: "DoThenRefuse" })
        yield* Effect.flip(pay)
        yield* pay
        yield* alice.has(7)
        yield* eventually(bank.balance("carol"), (balance) => balance === 1_004_000)
      })
    )
  )

  it.live("that never heard of a payment takes it up when it is told of the transfer", () =>
    within(
      Effect.fnUntraced(function* ({ bank, spark, wallet }) {
        const alice = yield* wallet({ sats: 12 })
        const { bolt11: invoice } = yield* invoiceOfCarol(bank)
        const pay = alice.ask((sdk) =>
          sdk.payLightningInvoice({ invoice, maxFeeSats: 5, idempotencyKey: "key" })
        )
        yield* spark.faults.inject("RequestLightningSend", { _tag: "Refuse" })
        yield* Effect.flip(pay)
        yield* alice.has(7)
        assert.strictEqual(yield* bank.balance("carol"), 1_000_000)
        yield* pay
        yield* eventually(bank.balance("carol"), (balance) => balance === 1_004_000)
        yield* alice.has(7)
      })
    )
  )

  it.live("that is down does not keep leaves from moving", () =>
    within(
      Effect.fnUntraced(function* ({ bank, spark, wallet }) {
        const alice = yield* wallet({ sats: 12 })
        const bob = yield* wallet()
        const { bolt11: encodedInvoice } = yield* invoiceOfCarol(bank)
        yield* spark.faults.set("serviceProvider", { _tag: "Down" })
        const estimate = yield* Effect.forkChild(
          alice.ask((sdk) => sdk.getLightningSendFeeEstimate({ encodedInvoice }))
        )
        yield* alice.ask((sdk) =>
          sdk.transfer({ amountSats: 4, receiverSparkAddress: bob.address })
        )
        yield* bob.has(4)
        yield* spark.faults.set("serviceProvider", { _tag: "Well" })
        assert.strictEqual(yield* Fiber.join(estimate), 1)
      })
    )
  )
})
