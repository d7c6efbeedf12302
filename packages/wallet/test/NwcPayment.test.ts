import { assert, describe, it } from "@effect/vitest"
import { Bolt11, Msat, NostrEvent } from "@farthing/protocol"
import { Relay, UnixTime } from "@farthing/relay"
import type { Payer } from "@farthing/wallet"
import { Effect, Fiber, Option, Queue, Result, Stream } from "effect"
import { TestClock } from "effect/testing"
import {
  amount,
  invoiceOf,
  lookup_invoice,
  otherPreimage,
  pay_invoice,
  preimage
} from "./NwcAnswers.ts"
import * as ScriptedWallet from "./ScriptedWallet.ts"

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
