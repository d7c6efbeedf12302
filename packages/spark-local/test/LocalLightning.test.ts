import type { SparkWallet } from "@buildonspark/spark-sdk"
import { PreimageRequestRole, PreimageRequestStatus } from "@buildonspark/spark-sdk/proto/spark"
import { assert, describe, it } from "@effect/vitest"
import { Bolt11, Msat } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import type { Bank } from "@farthing/wallet"
import { Effect, Fiber, Option } from "effect"
import { randomBytes } from "node:crypto"
import type { RawWallet } from "./LocalWorld.ts"
import { eventually, newPreimage, pay, within } from "./LocalWorld.ts"

/** An account of the bank with 1,000 sats. */
const carol = (bank: Bank.Shape) => Effect.as(bank.open("carol", Msat.make(1_000_000)), "carol")

const balanceOf = (bank: Bank.Shape, account: string) =>
  Effect.map(bank.balance(account), (balance) => balance / 1000)

/** Carol's invoice over 4 sats; a hold invoice if a hash is given. */
const invoiceOf = (bank: Bank.Shape, account: string, paymentHash?: Bolt11.PaymentHash) =>
  bank.makeInvoice(account, {
    amount: Msat.make(4_000),
    description: "",
    expiry: "1 hour",
    ...(paymentHash === undefined ? {} : { paymentHash })
  })

/** The SDK pays, at 5 sats more than the amount at the most. */
const send =
  (invoice: string, idempotencyKey = "once") =>
  async (sdk: SparkWallet) => {
    const request = await sdk.payLightningInvoice({ invoice, maxFeeSats: 5, idempotencyKey })
    assert("encodedInvoice" in request)
    return request
  }

/** Until the service provider says that of a payment. */
const ends = ({ ask }: RawWallet, id: string, status: string) =>
  eventually(
    ask((sdk) => sdk.getLightningSendRequest(id)),
    (request) => request?.status === status
  )

const htlcOf = ({ ask }: RawWallet, paymentHash: string, matchRole: PreimageRequestRole) =>
  Effect.map(
    ask((sdk) => sdk.queryHTLC({ paymentHashes: [paymentHash], matchRole })),
    ({ preimageRequests: [htlc] }) => htlc
  )

const asReceiver = PreimageRequestRole.PREIMAGE_REQUEST_ROLE_RECEIVER

describe("Money from Lightning", () => {
  it.live("arrives with the preimage that the wallet left to the operators", () =>
    within(
      Effect.fnUntraced(function* ({ bank, wallet }) {
        const bob = yield* wallet()
        const made = yield* bob.ask((sdk) =>
          sdk.createLightningInvoice({ amountSats: 8, memo: "a thought", expirySeconds: 600 })
        )
        const invoice = yield* Effect.fromResult(Bolt11.decode(made.invoice.encodedInvoice))
        assert.strictEqual(Option.getOrNull(invoice.amount), 8_000)
        assert.strictEqual(invoice.expiresAt - invoice.createdAt, 600)
        const paid = yield* pay(bank, yield* carol(bank), made.invoice.encodedInvoice)
        assert.strictEqual(Bolt11.hashOf(paid.preimage), invoice.paymentHash)
        yield* bob.has(8)
        const request = yield* bob.ask((sdk) => sdk.getLightningReceiveRequest(made.id))
        assert.strictEqual(request?.status, "TRANSFER_COMPLETED")
        assert.strictEqual(request?.paymentPreimage, paid.preimage)
        assert.strictEqual(yield* balanceOf(bank, "spark in"), 8)
      })
    )
  )

  it.live("arrives though the wallet is away", () =>
    within(
      Effect.fnUntraced(function* ({ bank, wallet }) {
        const seed = randomBytes(32)
        const made = yield* Effect.scoped(
          Effect.flatMap(wallet({ seed }), (bob) =>
            bob.ask((sdk) => sdk.createLightningInvoice({ amountSats: 8 }))
          )
        )
        yield* pay(bank, yield* carol(bank), made.invoice.encodedInvoice)
        const bob = yield* wallet({ seed })
        yield* bob.has(8)
      })
    )
  )

  it.live("is held for who makes a hold invoice, and taken with the preimage", () =>
    within(
      Effect.fnUntraced(function* ({ bank, wallet }) {
        const bob = yield* wallet()
        const preimage = yield* newPreimage
        const paymentHash = Bolt11.hashOf(preimage)
        const made = yield* bob.ask((sdk) =>
          sdk.createLightningHodlInvoice({ amountSats: 8, paymentHash })
        )
        const account = yield* carol(bank)
        const payment = yield* Effect.forkChild(pay(bank, account, made.invoice.encodedInvoice))
        const held = yield* eventually(
          htlcOf(bob, paymentHash, asReceiver),
          (htlc) => htlc !== undefined
        )
        assert.strictEqual(held?.transfer?.totalValue, 8)
        assert.strictEqual(yield* balanceOf(bank, account), 992)
        assert.strictEqual(yield* balanceOf(bank, "spark in"), 0)
        yield* bob.ask((sdk) => sdk.claimHTLC(preimage))
        assert.strictEqual((yield* Fiber.join(payment)).preimage, preimage)
        yield* bob.has(8)
        assert.strictEqual(yield* balanceOf(bank, "spark in"), 8)
      })
    )
  )

  it.live("goes back if nobody takes it in time", () =>
    within(
      Effect.fnUntraced(function* ({ bank, later, spark, wallet }) {
        const bob = yield* wallet()
        const preimage = yield* newPreimage
        const paymentHash = Bolt11.hashOf(preimage)
        const made = yield* bob.ask((sdk) =>
          sdk.createLightningHodlInvoice({ amountSats: 8, paymentHash })
        )
        const before = yield* spark.audit
        const account = yield* carol(bank)
        const payment = yield* Effect.forkChild(
          Effect.flip(pay(bank, account, made.invoice.encodedInvoice))
        )
        const held = yield* eventually(
          htlcOf(bob, paymentHash, asReceiver),
          (htlc) => htlc !== undefined
        )
        const until = (held?.transfer?.expiryTime?.getTime() ?? 0) / 1000
        const bankUntil = Option.getOrElse(
          Option.flatMap(
            yield* bank.findInvoice("spark in", paymentHash),
            ({ heldUntil }) => heldUntil
          ),
          () => 0
        )
        assert.isBelow(until, bankUntil)
        yield* later(`${until - (yield* UnixTime.now)} seconds`)
        assert.strictEqual((yield* Fiber.join(payment))._tag, "PaymentFailed")
        assert.strictEqual(yield* balanceOf(bank, account), 1_000)
        yield* Effect.flip(bob.ask((sdk) => sdk.claimHTLC(preimage)))
        const after = yield* spark.audit
        assert.strictEqual(after.vault, before.vault)
      })
    )
  )
})

describe("Money to Lightning", () => {
  it.live("is paid out of leaves, and the preimage is proof of it", () =>
    within(
      Effect.fnUntraced(function* ({ bank, wallet }) {
        const alice = yield* wallet({ sats: 12 })
        const account = yield* carol(bank)
        const made = yield* invoiceOf(bank, account)
        assert.strictEqual(
          yield* alice.ask((sdk) =>
            sdk.getLightningSendFeeEstimate({ encodedInvoice: made.bolt11 })
          ),
          1
        )
        const { id } = yield* alice.ask(send(made.bolt11))
        const done = yield* ends(alice, id, "TRANSFER_COMPLETED")
        assert.strictEqual(
          Bolt11.hashOf(Bolt11.Preimage.make(done?.paymentPreimage ?? "")),
          made.paymentHash
        )
        assert.strictEqual(done?.fee.originalValue, 1)
        yield* alice.has(7)
        assert.strictEqual(yield* balanceOf(bank, account), 1_004)
      })
    )
  )

  it.live("is paid once, however often it is asked for under one key", () =>
    within(
      Effect.fnUntraced(function* ({ bank, wallet }) {
        const alice = yield* wallet({ sats: 12 })
        const made = yield* invoiceOf(bank, yield* carol(bank))
        const first = yield* alice.ask(send(made.bolt11, "key"))
        yield* ends(alice, first.id, "TRANSFER_COMPLETED")
        const again = yield* alice.ask(send(made.bolt11, "key"))
        assert.strictEqual(again.id, first.id)
        yield* Effect.flip(alice.ask(send(made.bolt11, "another key")))
        yield* alice.has(7)
      })
    )
  )

  it.live("stays locked while the payee holds it, and goes on the payee's word", () =>
    within(
      Effect.fnUntraced(function* ({ bank, wallet }) {
        const alice = yield* wallet({ sats: 12 })
        const account = yield* carol(bank)
        const preimage = yield* newPreimage
        const made = yield* invoiceOf(bank, account, Bolt11.hashOf(preimage))
        const { id } = yield* alice.ask(send(made.bolt11))
        yield* eventually(
          bank.findInvoice(account, made.paymentHash),
          Option.exists(({ state }) => state === "held")
        )
        const htlc = yield* htlcOf(
          alice,
          made.paymentHash,
          PreimageRequestRole.PREIMAGE_REQUEST_ROLE_SENDER
        )
        assert.strictEqual(
          htlc?.status,
          PreimageRequestStatus.PREIMAGE_REQUEST_STATUS_WAITING_FOR_PREIMAGE
        )
        yield* alice.has(7)
        yield* bank.settleHold(account, preimage)
        const done = yield* ends(alice, id, "TRANSFER_COMPLETED")
        assert.strictEqual(done?.paymentPreimage, preimage)
        yield* alice.has(7)
      })
    )
  )

  it.live("comes back if the payee does not want it", () =>
    within(
      Effect.fnUntraced(function* ({ bank, wallet }) {
        const alice = yield* wallet({ sats: 12 })
        const account = yield* carol(bank)
        const preimage = yield* newPreimage
        const made = yield* invoiceOf(bank, account, Bolt11.hashOf(preimage))
        const { id } = yield* alice.ask(send(made.bolt11))
        yield* bank.cancelHold(account, made.paymentHash)
        yield* ends(alice, id, "USER_SWAP_RETURNED")
        yield* alice.has(12)
        const htlc = yield* htlcOf(
          alice,
          made.paymentHash,
          PreimageRequestRole.PREIMAGE_REQUEST_ROLE_SENDER
        )
        assert.strictEqual(htlc?.status, PreimageRequestStatus.PREIMAGE_REQUEST_STATUS_RETURNED)
      })
    )
  )

  it.live("goes from one Spark wallet to another, too", () =>
    within(
      Effect.fnUntraced(function* ({ spark, wallet }) {
        const alice = yield* wallet({ sats: 12 })
        const bob = yield* wallet()
        const before = yield* spark.audit
        const made = yield* bob.ask((sdk) => sdk.createLightningInvoice({ amountSats: 4 }))
        const { id } = yield* alice.ask(send(made.invoice.encodedInvoice))
        yield* ends(alice, id, "TRANSFER_COMPLETED")
        yield* bob.has(4)
        yield* alice.has(7)
        assert.strictEqual((yield* spark.audit).vault, before.vault + 1)
      })
    )
  )
})

describe("A wallet's history", () => {
  it.live("tells its requests and transfers, page by page", () =>
    within(
      Effect.fnUntraced(function* ({ bank, wallet }) {
        const alice = yield* wallet({ sats: 12 })
        const bob = yield* wallet()
        const made = yield* invoiceOf(bank, yield* carol(bank))
        const { id, transfer } = yield* alice.ask(send(made.bolt11))
        yield* ends(alice, id, "TRANSFER_COMPLETED")
        yield* alice.ask((sdk) => sdk.createLightningInvoice({ amountSats: 1 }))
        const first = yield* alice.ask((sdk) => sdk.getUserRequests({ first: 1 }))
        assert.strictEqual(first?.count, 2)
        assert.isTrue(first?.pageInfo.hasNextPage)
        const after = first?.pageInfo.endCursor ?? ""
        const second = yield* alice.ask((sdk) => sdk.getUserRequests({ first: 1, after }))
        assert.deepStrictEqual(
          [...(first?.entities ?? []), ...(second?.entities ?? [])].map(({ typename }) => typename),
          ["LightningReceiveRequest", "LightningSendRequest"]
        )
        const seen = yield* alice.ask((sdk) => sdk.getTransfers())
        assert.deepStrictEqual(
          seen.transfers.map(({ transferDirection, type }) => [transferDirection, type]),
          [
            ["OUTGOING", "PREIMAGE_SWAP"],
            ["INCOMING", "TRANSFER"]
          ]
        )
        assert.strictEqual(seen.transfers[0]?.id, transfer?.sparkId)
        const others = yield* bob.ask((sdk) => sdk.getUserRequests())
        assert.strictEqual(others?.count, 0)
      })
    )
  )
})
