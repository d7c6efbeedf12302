import { assert, describe, it } from "@effect/vitest"
import { AgentMessage, Bolt11, Key, Msat, NostrEvent } from "@farthing/protocol"
import { Wallet } from "@farthing/wallet"
import { Effect, Option, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { Job } from "../src/Job.ts"
import * as Till from "../src/Till.ts"
import * as Market from "./support/Market.ts"

const secret = Market.newSecret()
const customer = Key.publicKeyOf(secret)

const requestOf = (n: number) =>
  NostrEvent.sign({ kind: 42, created_at: n, tags: [], content: "" }, secret)

const jobOf = (n: number, change: Partial<Job> = {}): Job => ({
  id: requestOf(n).id,
  customer,
  message: Market.request(),
  model: "small",
  settlement: "upfront",
  receivedAt: 0,
  amount: Market.price,
  bolt11: "",
  paymentHash: Bolt11.PaymentHash.make(n.toString(16).padStart(64, "0")),
  invoiceExpiresAt: 600,
  ...change
})

/** A till that expects so many payments, at a wallet that reports nothing, and what it asked for. */
const expecting = Effect.fnUntraced(function* (jobs: number, change?: Partial<Job>) {
  const asked: Array<Bolt11.PaymentHash> = []
  const wallet: Wallet.Shape = {
    id: Wallet.WalletId.make("wallet"),
    info: Effect.never,
    balance: Effect.succeed(Msat.zero),
    address: Effect.never,
    makeInvoice: () => Effect.never,
    makeHoldInvoice: () => Effect.never,
    quoteHtlc: () => Effect.never,
    settleHoldInvoice: () => Effect.never,
    cancelHoldInvoice: () => Effect.never,
    lookupIncoming: (paymentHash) =>
      Effect.sync(() => {
        asked.push(paymentHash)
        return Option.none()
      }),
    lookupOutgoing: () => Effect.never,
    transactions: () => Effect.never,
    incoming: Stream.never
  }
  const till = Till.make({
    wallet,
    money: { settled: () => Effect.void, held: () => Effect.succeed(false) },
    tell: () => Effect.void
  })
  for (let n = 0; n < jobs; n++) yield* till.expect(jobOf(n, change))
  yield* Effect.forkScoped(till.watch)
  return { till, asked }
})

describe("a till that expects more payments than it can ask for", () => {
  it.effect("asks for each in its turn", () =>
    Effect.gen(function* () {
      const { asked } = yield* expecting(500)
      yield* TestClock.adjust("15 seconds")
      assert.strictEqual(new Set(asked).size, 500)
    })
  )

  it.effect("asks first for those whose customer says to have paid", () =>
    Effect.gen(function* () {
      const { asked, till } = yield* expecting(500)
      yield* TestClock.adjust("2 seconds")
      const { id, paymentHash } = jobOf(499)
      const message: AgentMessage.PaymentSent = {
        type: "PaymentSent",
        job_id: AgentMessage.jobIdOf(id),
        payment_id: ""
      }
      const before = asked.length
      yield* till.hint(requestOf(499), message)
      yield* TestClock.adjust("250 millis")
      assert.include(asked.slice(before), paymentHash)
    })
  )

  it.effect("gives the oldest up when very many have expired, after a last look", () =>
    Effect.gen(function* () {
      const { asked } = yield* expecting(2_100, { invoiceExpiresAt: 1 })
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual(new Set(asked).size, 2_100)
      yield* TestClock.adjust("2 minutes")
      const before = asked.length
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual(new Set(asked.slice(before)).size, 2_000)
    })
  )
})
