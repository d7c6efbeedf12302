import { assert, describe, it } from "@effect/vitest"
import { Bolt11, Msat, Nip47 } from "@farthing/protocol"
import { Relay, UnixTime } from "@farthing/relay"
import type { Payer } from "@farthing/wallet"
import { Effect, Fiber, Queue, Result } from "effect"
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

const notFound = ScriptedWallet.refusal("NOT_FOUND")()
const pending = lookup_invoice({ state: "pending" })
const ours = lookup_invoice({ type: "incoming", state: "pending" })
const failed = lookup_invoice({ state: "failed" })
const settled = lookup_invoice({ state: "settled", preimage, fees_paid: 3 })
const unproven = lookup_invoice({ state: "settled" })
const disproven = lookup_invoice({ state: "settled", preimage: otherPreimage })
const refused = ScriptedWallet.refusal("PAYMENT_FAILED")()

const patience = { paymentTimeout: "20 seconds", answerTimeout: "1 minute" } as const

/** A wallet that answers the order so, or never, and look-ups with one record after the other. */
const walletOf = (answer: string | null, records: ReadonlyArray<string>) => {
  const left = [...records]
  return ScriptedWallet.start(
    ({ method }) => {
      if (method === "pay_invoice") return answer
      return left.length > 1 ? left.shift() : left[0]
    },
    { wallet: patience }
  )
}

const lockAt = Effect.fnUntraced(function* (payer: Payer.Shape) {
  const invoice = yield* Effect.orDie(Effect.fromResult(Bolt11.decode(invoiceOf(amount))))
  const now = yield* UnixTime.now
  return yield* payer.lock({ invoice, maxFee: Msat.zero, expiresAt: now + 30 })
})

/** Lets time pass until it is done. */
const inTime = Effect.fnUntraced(function* <A, E>(effect: Effect.Effect<A, E>) {
  const fiber = yield* Effect.forkChild(Effect.result(effect), { startImmediately: true })
  yield* Effect.repeat(TestClock.adjust("1 second"), {
    until: () => fiber.pollUnsafe() !== undefined
  })
  return yield* Fiber.join(fiber)
})

const wordOf = (error: Payer.PaymentFailed | Payer.PaymentUnknown) =>
  error._tag === "PaymentFailed" ? error.reason : "unknown"

/** What the lock comes to, in a word or two. */
const outcomeAt = Effect.fnUntraced(function* (payer: Payer.Shape) {
  const lock = yield* inTime(lockAt(payer))
  if (Result.isFailure(lock)) return wordOf(lock.failure)
  const end = yield* inTime(lock.success.end)
  return `locked, ${Result.match(end, { onFailure: wordOf, onSuccess: ({ fee }) => `paid ${fee}` })}`
})

describe("what a wallet says of a lock", () => {
  const cases: ReadonlyArray<
    readonly [
      promise: string,
      answer: string | null,
      records: ReadonlyArray<string>,
      outcome: string
    ]
  > = [
    [
      "the preimage proves it",
      pay_invoice({ preimage, fees_paid: 5 }),
      [pending],
      "locked, paid 5"
    ],
    ["never answered, but recorded", null, [notFound, pending, settled], "locked, paid 3"],
    ["never answered, and given back", null, [pending, pending, failed], "locked, refused"],
    ["lost on its way", null, [notFound], "unknown"],
    ["never answered, with the record of an earlier order", null, [failed], "unknown"],
    ["never answered, and only an invoice of ours", null, [ours], "unknown"],
    ["settled before it was seen", null, [settled], "locked, paid 3"],
    ["settled without proof at first", null, [unproven, unproven, settled], "locked, paid 3"],
    ["a false proof in the record", null, [pending, disproven, settled], "locked, paid 3"],
    ["forgotten for a while", null, [pending, notFound, notFound, settled], "locked, paid 3"],
    [
      "a false proof, but the money is locked",
      pay_invoice({ preimage: otherPreimage }),
      [pending, pending, settled],
      "locked, paid 3"
    ],
    [
      "a false proof, and no record",
      pay_invoice({ preimage: otherPreimage }),
      [notFound],
      "unknown"
    ],
    ["said to be paid, but locked", pay_invoice({}), [pending, pending, settled], "locked, paid 3"],
    ["said to have failed, but locked", refused, [pending, pending, settled], "locked, paid 3"],
    ["said to have failed, and back later", refused, [pending, pending, failed], "locked, refused"],
    ["failed, no record", refused, [notFound], "no_route"],
    ["failed, and recorded so", refused, [failed], "no_route"],
    [
      "not covered by the balance",
      ScriptedWallet.refusal("INSUFFICIENT_BALANCE")(),
      [notFound],
      "insufficient_balance"
    ],
    ["an error, no record", ScriptedWallet.refusal("INTERNAL")(), [notFound], "unknown"],
    [
      "an error, but locked",
      ScriptedWallet.refusal("INTERNAL")(),
      [pending, settled],
      "locked, paid 3"
    ],
    ["nonsense, but locked", "nonsense", [pending, settled], "locked, paid 3"]
  ]
  for (const [promise, answer, records, expected] of cases) {
    it.effect(`${promise}: ${expected}`, () =>
      Effect.gen(function* () {
        const { payer } = yield* walletOf(answer, records)
        assert.strictEqual(yield* outcomeAt(payer), expected)
      }).pipe(Effect.provide(Relay.layerMemory))
    )
  }
})

describe("a lock at a wallet", () => {
  it.effect("is ordered once, however long it takes, and looked up without haste", () =>
    Effect.gen(function* () {
      const methods: Array<Nip47.Method> = []
      const { payer } = yield* ScriptedWallet.start(
        ({ method }) => {
          methods.push(method)
          return method === "pay_invoice" ? null : pending
        },
        { wallet: patience }
      )
      const { end } = Result.getOrThrow(yield* inTime(lockAt(payer)))
      const waiting = yield* Effect.forkChild(end, { startImmediately: true })
      yield* Effect.repeat(TestClock.adjust("15 seconds"), { times: 120 })
      assert.isUndefined(waiting.pollUnsafe())
      assert.strictEqual(methods.filter((it) => it === "pay_invoice").length, 1)
      assert.isAtLeast(methods.length, 10)
      assert.isAtMost(methods.length, 70)
    }).pipe(Effect.provide(Relay.layerMemory))
  )

  it.effect("ends with the answer, however late, for everybody who waits", () =>
    Effect.gen(function* () {
      const { payer, reply, requests } = yield* walletOf(null, [pending])
      const { end } = Result.getOrThrow(yield* inTime(lockAt(payer)))
      const order = yield* Queue.take(requests)
      const waiting = yield* Effect.forkChild(Effect.all([end, end], { concurrency: 2 }))
      yield* TestClock.adjust("1 hour")
      yield* reply(order, pay_invoice({ preimage }))
      const ends = yield* Fiber.join(waiting)
      assert.deepEqual(
        [...ends, yield* end].map((paid) => paid.preimage),
        [preimage, preimage, preimage]
      )
    }).pipe(Effect.provide(Relay.layerMemory))
  )

  for (const [missing, info] of [
    ["NIP-44", { encryptions: ["nip04"] }],
    ["look-ups", { methods: ["pay_invoice", "get_info"] }]
  ] as const) {
    it.effect(`is not ordered where there are no ${missing}`, () =>
      Effect.gen(function* () {
        const { payer, requests } = yield* ScriptedWallet.start(() => pending, { info })
        const outcome = yield* inTime(lockAt(payer))
        assert.strictEqual(Result.isFailure(outcome) && wordOf(outcome.failure), "refused")
        assert.strictEqual(yield* Queue.size(requests), 0)
      }).pipe(Effect.provide(Relay.layerMemory))
    )
  }
})
