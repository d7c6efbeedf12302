import { assert, describe, it } from "@effect/vitest"
import { Bolt11, Key, Msat, Nip47, NostrEvent } from "@farthing/protocol"
import { Relay, UnixTime } from "@farthing/relay"
import type { Payer } from "@farthing/wallet"
import { NwcWallet, Wallet } from "@farthing/wallet"
import { Context, Effect, Fiber, Option, Queue, Result, Stream } from "effect"
import { TestClock } from "effect/testing"
import { randomBytes } from "node:crypto"
import * as ScriptedWallet from "./ScriptedWallet.ts"

const amount = Msat.make(21_000)
const preimage = Bolt11.Preimage.make("11".repeat(32))
const paymentHash = Bolt11.hashOf(preimage)
const otherPreimage = Bolt11.Preimage.make("22".repeat(32))

const invoiceOf = (asked: Msat.Msat, hash = paymentHash) =>
  Bolt11.encode(
    {
      network: "regtest",
      amount: Option.some(asked),
      createdAt: 0,
      expirySeconds: 3_600,
      paymentHash: hash,
      paymentSecret: "33".repeat(32),
      description: "",
      minFinalCltvDelta: 18
    },
    randomBytes(32)
  )

const { pay_invoice, lookup_invoice, make_invoice } = {
  pay_invoice: (value: object) => ScriptedWallet.result("pay_invoice", value),
  lookup_invoice: (value: object) =>
    ScriptedWallet.result("lookup_invoice", {
      type: "outgoing",
      payment_hash: paymentHash,
      amount,
      ...value
    }),
  make_invoice: (value: object) =>
    ScriptedWallet.result("make_invoice", {
      type: "incoming",
      payment_hash: paymentHash,
      amount,
      ...value
    })
}

const notFound = ScriptedWallet.refusal("NOT_FOUND")

/** Pays at a wallet that answers so to the payment and to look-ups. */
const payAt = Effect.fnUntraced(function* (
  answer: string | undefined,
  record: string | undefined,
  options?: Parameters<typeof ScriptedWallet.start>[1]
) {
  const party = yield* ScriptedWallet.start(
    ({ method }) => (method === "pay_invoice" ? answer : record),
    options
  )
  return { ...party, outcome: yield* Effect.result(order(party.payer)) }
})

const order = Effect.fnUntraced(function* (payer: Payer.Shape) {
  const invoice = yield* Effect.orDie(Effect.fromResult(Bolt11.decode(invoiceOf(amount))))
  const now = yield* UnixTime.now
  return yield* payer.pay({ invoice, maxFee: Msat.zero, expiresAt: now + 30 })
})

const word = Result.match({
  onFailure: (error: Payer.PaymentFailed | Payer.PaymentUnknown) =>
    error._tag === "PaymentFailed" ? error.reason : "unknown",
  onSuccess: ({ fee }: Payer.Paid) => `paid ${fee}`
})

const settled = lookup_invoice({ state: "settled", preimage, fees_paid: 3 })

describe("what a wallet says of a payment", () => {
  const cases: ReadonlyArray<
    readonly [promise: string, answer: string | undefined, record: string | undefined, word: string]
  > = [
    ["the preimage proves it", pay_invoice({ preimage, fees_paid: 5 }), undefined, "paid 5"],
    ["the fee may be missing", pay_invoice({ preimage }), undefined, "paid undefined"],
    [
      "another preimage proves nothing",
      pay_invoice({ preimage: otherPreimage }),
      settled,
      "unknown"
    ],
    ["no preimage: the record has it", pay_invoice({}), settled, "paid 3"],
    ["no preimage anywhere", pay_invoice({}), notFound(), "unknown"],
    ["no answer", undefined, settled, "unknown"],
    ["nonsense, no record", "nonsense", notFound(), "unknown"],
    ["nonsense, but it is settled", "nonsense", settled, "paid 3"],
    ...(
      ["QUOTA_EXCEEDED", "RESTRICTED", "UNAUTHORIZED", "RATE_LIMITED", "NOT_IMPLEMENTED"] as const
    ).flatMap((code) => {
      const answer = ScriptedWallet.refusal(code)()
      return [
        [`${code}, no record`, answer, notFound(), "refused"],
        [`${code}, no look-up`, answer, undefined, "unknown"]
      ] as const
    }),
    ...(["INTERNAL", "OTHER", "NOVEL"] as const).flatMap((code) => {
      const answer = ScriptedWallet.refusal(code)()
      return [
        [`${code}, no record`, answer, notFound(), "unknown"],
        [`${code}, recorded as failed`, answer, lookup_invoice({ state: "failed" }), "no_route"],
        [`${code}, but it is settled`, answer, settled, "paid 3"]
      ] as const
    }),
    ...(
      [
        ["no record", notFound(), "insufficient_balance"],
        ["no look-up", undefined, "unknown"],
        ["look-up refused", ScriptedWallet.refusal("RESTRICTED")(), "unknown"],
        ["but it is settled", settled, "paid 3"],
        ["but it is under way", lookup_invoice({ state: "pending" }), "unknown"]
      ] as const
    ).map(
      ([record, text, expected]) =>
        [
          `INSUFFICIENT_BALANCE, ${record}`,
          ScriptedWallet.refusal("INSUFFICIENT_BALANCE")(),
          text,
          expected
        ] as const
    ),
    ...(
      [
        ["no record", notFound(), "no_route"],
        ["recorded as failed", lookup_invoice({ state: "failed" }), "no_route"],
        [
          "only an invoice of ours",
          lookup_invoice({ type: "incoming", state: "settled" }),
          "no_route"
        ],
        ["a record without direction", lookup_invoice({ type: undefined }), "unknown"],
        [
          "a record without direction, failed",
          lookup_invoice({ type: undefined, state: "failed" }),
          "unknown"
        ],
        [
          "a record without direction, but with the proof",
          lookup_invoice({ type: undefined, state: "settled", preimage }),
          "paid undefined"
        ],
        ["but it is settled", settled, "paid 3"],
        ["but it is under way", lookup_invoice({ state: "pending" }), "unknown"],
        ["but it is held", lookup_invoice({ state: "accepted" }), "unknown"],
        ["settled without proof", lookup_invoice({ state: "settled" }), "unknown"],
        [
          "settled with a false proof",
          lookup_invoice({ state: "settled", preimage: otherPreimage }),
          "unknown"
        ],
        ["another payment's record", lookup_invoice({ payment_hash: "44".repeat(32) }), "unknown"],
        ["no look-up", undefined, "unknown"],
        ["look-up refused", ScriptedWallet.refusal("RESTRICTED")(), "unknown"]
      ] as const
    ).map(
      ([record, text, expected]) =>
        [
          `PAYMENT_FAILED, ${record}`,
          ScriptedWallet.refusal("PAYMENT_FAILED")(),
          text,
          expected
        ] as const
    )
  ]
  for (const [promise, answer, record, expected] of cases) {
    it.effect(`${promise}: ${expected}`, () =>
      Effect.gen(function* () {
        const { outcome } = yield* payAt(answer, record)
        assert.strictEqual(word(outcome), expected)
      }).pipe(Effect.provide(Relay.layerMemory))
    )
  }
})

describe("a payment on its way", () => {
  const rejected = new Relay.RelayError({
    reason: new Relay.QuorumMissed({ accepted: 0, quorum: 1, message: "blocked" })
  })
  const tooLarge = new Relay.RelayError({
    reason: new Relay.TooLarge({ bytes: 2, limit: 1 })
  })
  const unreachable = new Relay.RelayError({
    reason: new Relay.Unreachable({ urls: [], message: "gone" })
  })

  it.effect("that the only relay refused may have arrived: its word proves nothing", () =>
    Effect.gen(function* () {
      const { outcome } = yield* payAt(undefined, undefined, {
        relay: () => ({ publish: () => Effect.fail(rejected) })
      })
      assert.strictEqual(word(outcome), "unknown")
    }).pipe(Effect.provide(Relay.layerMemory))
  )

  it.effect("that is larger than any relay takes has failed", () =>
    Effect.gen(function* () {
      const { outcome } = yield* payAt(undefined, undefined, {
        relay: () => ({ publish: () => Effect.fail(tooLarge) })
      })
      assert.strictEqual(word(outcome), "unreachable")
    }).pipe(Effect.provide(Relay.layerMemory))
  )

  it.effect("that no relay confirmed may have arrived", () =>
    Effect.gen(function* () {
      const { outcome } = yield* payAt(undefined, undefined, {
        relay: () => ({ publish: () => Effect.fail(unreachable) })
      })
      assert.strictEqual(word(outcome), "unknown")
    }).pipe(Effect.provide(Relay.layerMemory))
  )

  it.effect("that was never sent, for want of a relay, has failed", () =>
    Effect.gen(function* () {
      const { payer, requests } = yield* ScriptedWallet.start(() => pay_invoice({ preimage }), {
        relay: () => ({ subscribe: () => Stream.never })
      })
      const paying = yield* Effect.forkChild(Effect.result(order(payer)), {
        startImmediately: true
      })
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(word(yield* Fiber.join(paying)), "unreachable")
      assert.strictEqual(yield* Queue.size(requests), 0)
    }).pipe(Effect.provide(Relay.layerMemory))
  )

  it.effect("has failed for want of a relay before its caller gives it up as unknown", () =>
    Effect.gen(function* () {
      const { payer } = yield* ScriptedWallet.start(() => pay_invoice({ preimage }), {
        relay: () => ({ subscribe: () => Stream.never }),
        wallet: { paymentTimeout: "1 minute" }
      })
      const paying = yield* Effect.forkChild(
        // Its time began before, with the reservation.
        Effect.timeoutOption(Effect.result(order(payer)), "59 seconds"),
        { startImmediately: true }
      )
      yield* TestClock.adjust("1 minute")
      const outcome = yield* Fiber.join(paying)
      assert.strictEqual(Option.getOrUndefined(Option.map(outcome, word)), "unreachable")
    }).pipe(Effect.provide(Relay.layerMemory))
  )

  it.effect("carries its expiration and says that it speaks NIP-44", () =>
    Effect.gen(function* () {
      const { requests } = yield* payAt(pay_invoice({ preimage }), undefined)
      const event = yield* Queue.take(requests)
      assert.strictEqual(NostrEvent.expirationOf(event), 30)
      assert.strictEqual(NostrEvent.tagValue(event, "encryption"), "nip44_v2")
    }).pipe(Effect.provide(Relay.layerMemory))
  )

  it.effect("is not sent to a wallet that knows only NIP-04", () =>
    Effect.gen(function* () {
      const { outcome, requests } = yield* payAt(pay_invoice({ preimage }), notFound(), {
        info: { encryptions: ["nip04"] }
      })
      assert.strictEqual(word(outcome), "refused")
      assert.strictEqual(yield* Queue.size(requests), 0)
    }).pipe(Effect.provide(Relay.layerMemory))
  )
})

describe("a wallet that does not do its part", () => {
  it.effect("has not settled what it dates to the year 1970", () =>
    Effect.gen(function* () {
      const { wallet } = yield* ScriptedWallet.start(() =>
        lookup_invoice({ type: "incoming", settled_at: 0 })
      )
      const found = yield* wallet.lookupIncoming(paymentHash)
      assert.deepInclude(Option.getOrUndefined(found), {
        state: "pending",
        settledAt: Option.none()
      })
    }).pipe(Effect.provide(Relay.layerMemory))
  )

  it.effect("is unreachable if it does not answer", () =>
    Effect.gen(function* () {
      const { wallet } = yield* ScriptedWallet.start(() => undefined)
      const silent = yield* Effect.flip(wallet.balance)
      assert.strictEqual(silent.reason._tag, "WalletUnreachable")
    }).pipe(Effect.provide(Relay.layerMemory))
  )

  it.effect("is refused invoices of another amount or hash", () =>
    Effect.gen(function* () {
      const answers = [
        make_invoice({ invoice: invoiceOf(Msat.make(1_000)) }),
        make_invoice({ invoice: invoiceOf(amount, Bolt11.hashOf(otherPreimage)) }),
        make_invoice({ invoice: "lnbcrt1" }),
        make_invoice({})
      ]
      const { wallet } = yield* ScriptedWallet.start(() => answers.shift())
      const request = { amount, description: "", expiry: "1 hour" } as const
      for (let i = 0; i < 4; i++) {
        const refused = yield* Effect.flip(wallet.makeInvoice(request))
        assert.strictEqual(refused.reason._tag, "WalletAnswerInvalid")
      }
    }).pipe(Effect.provide(Relay.layerMemory))
  )

  it.effect("cannot be asked to hold, if it says that it cannot", () =>
    Effect.gen(function* () {
      const { requests, wallet } = yield* ScriptedWallet.start(() => undefined, {
        info: { methods: ["pay_invoice", "make_invoice", "get_info"] }
      })
      const request = { amount, description: "", expiry: "1 hour", paymentHash } as const
      const refused = yield* Effect.flip(wallet.makeHoldInvoice(request))
      assert.strictEqual(refused.reason._tag, "Unsupported")
      assert.strictEqual(yield* Queue.size(requests), 0)
    }).pipe(Effect.provide(Relay.layerMemory))
  )

  it.effect("is not asked for ever, if every page of its list is the same", () =>
    Effect.gen(function* () {
      const { wallet } = yield* ScriptedWallet.start(() =>
        ScriptedWallet.result("list_transactions", {
          transactions: [
            { type: "incoming", state: "settled", payment_hash: paymentHash, amount, created_at: 9 }
          ]
        })
      )
      const { incoming, outgoing } = yield* wallet.transactions()
      assert.deepEqual(
        incoming.map(({ createdAt }) => createdAt),
        [9]
      )
      assert.deepEqual(outgoing, [])
    }).pipe(Effect.provide(Relay.layerMemory))
  )

  it.effect("that lists a payment twice is taken at its word", () =>
    Effect.gen(function* () {
      const settledOnce = { type: "outgoing", state: "settled", payment_hash: paymentHash, amount }
      const { wallet } = yield* ScriptedWallet.start(() =>
        ScriptedWallet.result("list_transactions", {
          transactions: [
            { ...settledOnce, created_at: 9 },
            { ...settledOnce, created_at: 9 },
            { ...settledOnce, created_at: 8, state: "failed" }
          ]
        })
      )
      const { outgoing } = yield* wallet.transactions()
      assert.deepEqual(
        outgoing.map(({ state }) => state),
        ["settled", "settled", "failed"]
      )
    }).pipe(Effect.provide(Relay.layerMemory))
  )

  it.effect("has one id over all connections of one URI, and another for another client", () =>
    Effect.gen(function* () {
      const relay = yield* Relay.Relay
      const idOf = (secret: Key.SecretKey) =>
        NwcWallet.make(
          { wallet: Key.publicKeyOf(service), relays: [], secret, lud16: Option.none() },
          relay
        ).pipe(Effect.map((context) => Context.get(context, Wallet.Wallet).id))
      const service = Key.generate()
      const [client, other] = [Key.generate(), Key.generate()]
      assert.strictEqual(yield* idOf(client), yield* idOf(client))
      assert.notStrictEqual(yield* idOf(client), yield* idOf(other))
    }).pipe(Effect.provide(Relay.layerMemory))
  )

  it.effect("has its words shown without what a terminal would obey", () =>
    Effect.gen(function* () {
      const { wallet } = yield* ScriptedWallet.start(() =>
        JSON.stringify({ error: { code: "OTHER", message: "\u001b[2Jgone" } })
      )
      const refused = yield* Effect.flip(wallet.balance)
      assert.strictEqual(refused.message, "gone")
    }).pipe(Effect.provide(Relay.layerMemory))
  )
})

describe("notifications", () => {
  it.effect("of what comes in are passed on, of what goes out are not", () =>
    Effect.gen(function* () {
      const { notify, wallet } = yield* ScriptedWallet.start(() =>
        ScriptedWallet.result("get_balance", { balance: 0 })
      )
      assert.strictEqual(yield* wallet.balance, 0)
      const told = yield* Effect.forkChild(
        wallet.incoming.pipe(Stream.take(2), Stream.runCollect),
        { startImmediately: true }
      )
      const notification: Nip47.Transaction = { payment_hash: paymentHash, amount }
      yield* notify({
        notification_type: "payment_sent",
        notification: { ...notification, type: "outgoing", state: "settled" }
      })
      yield* notify({
        notification_type: "hold_invoice_accepted",
        notification: { ...notification, type: "incoming", state: "accepted" }
      })
      yield* notify({
        notification_type: "payment_received",
        notification: { ...notification, type: "incoming", settled_at: 7 }
      })
      const states = (yield* Fiber.join(told)).map(({ state }) => state)
      assert.deepEqual(states, ["held", "settled"])
    }).pipe(Effect.provide(Relay.layerMemory))
  )
})
