import { assert, describe, it } from "@effect/vitest"
import { Bolt11, Msat } from "@farthing/protocol"
import type { Payer } from "@farthing/wallet"
import { UnixTime } from "@farthing/relay"
import type { Bank } from "@farthing/wallet"
import { Effect, Exit, Option, Redacted, Result, Scope } from "effect"
import { randomBytes } from "node:crypto"
import type { Party, World } from "./SparkWorld.ts"
import { within } from "./SparkWorld.ts"

const funds = Msat.make(50_000)
const amount = Msat.make(4_000)
const cost = Msat.make(5_000)

/** Nobody waits long here. */
const hasty = { answerTimeout: "2 seconds", paymentTimeout: "8 seconds" } as const

const swap = "initiate_preimage_swap_v3"

/** Alice has a wallet and an order to pay carol, who has an account at the bank. */
const stage = Effect.fnUntraced(function* (world: World) {
  const alice = yield* world.party(funds, hasty)
  yield* world.bank.open("carol")
  return { alice, order: yield* orderFor(world.bank) }
})

const orderFor = Effect.fnUntraced(function* (bank: Bank.Shape) {
  const made = yield* bank.makeInvoice("carol", { amount, description: "", expiry: "1 hour" })
  const invoice = yield* Effect.fromResult(Bolt11.decode(made.bolt11))
  return { invoice, maxFee: Msat.most, expiresAt: (yield* UnixTime.now) + 60 }
})

const outcomeOf = (alice: Party, order: Payer.PayRequest) =>
  Effect.map(Effect.result(alice.payer.pay(order)), (result) =>
    Result.isSuccess(result) ? "paid" : result.failure
  )

const stateOf = (alice: Party, { invoice }: Payer.PayRequest) =>
  Effect.map(alice.wallet.lookupOutgoing(invoice.paymentHash), (found) =>
    Option.getOrUndefined(Option.map(found, ({ state }) => state))
  )

/** Until the wallet says so. */
const becomes = (alice: Party, order: Payer.PayRequest, state: "settled" | "failed") =>
  Effect.repeat(stateOf(alice, order), { until: (found) => found === state })

const paidOnce = Effect.fnUntraced(function* ({ bank }: World, alice: Party) {
  assert.strictEqual(yield* bank.balance("carol"), amount)
  assert.strictEqual(yield* alice.wallet.balance, funds - cost)
})

describe("SparkWallet, before anything is locked", () => {
  const outages = [
    ["serviceProvider", "Down"],
    ["serviceProvider", "Silent"],
    ["operators", "Down"],
    ["operators", "Silent"]
  ] as const
  for (const [part, _tag] of outages) {
    it.live(`fails a payment in time while ${part} is ${_tag}, and pays it later`, () =>
      within(
        Effect.fnUntraced(function* (world) {
          const { alice, order } = yield* stage(world)
          yield* world.spark.faults.set(part, { _tag })
          const outcome = yield* Effect.timeout(outcomeOf(alice, order), "12 seconds")
          assert(outcome !== "paid")
          assert.strictEqual(outcome._tag, "PaymentFailed")
          yield* world.spark.faults.set(part, { _tag: "Well" })
          assert.strictEqual(yield* stateOf(alice, order), undefined)
          assert.strictEqual(yield* outcomeOf(alice, order), "paid")
          yield* paidOnce(world, alice)
        })
      )
    )
  }

  it.live("refuses what must not be paid, before Spark sees it", () =>
    within(
      Effect.fnUntraced(function* (world) {
        const { alice, order } = yield* stage(world)
        const { invoice } = order
        const wrong: ReadonlyArray<readonly [string, Partial<Bolt11.Invoice>]> = [
          ["expired", { expiresAt: (yield* UnixTime.now) - 1 }],
          ["refused", { network: "mainnet" }],
          ["refused", { amount: Option.none() }],
          ["refused", { amount: Option.some(Msat.make(1_500)) }]
        ]
        yield* world.spark.faults.set("operators", { _tag: "Down" })
        yield* world.spark.faults.set("serviceProvider", { _tag: "Down" })
        for (const [reason, change] of wrong) {
          const outcome = yield* outcomeOf(alice, { ...order, invoice: { ...invoice, ...change } })
          assert(outcome !== "paid" && outcome._tag === "PaymentFailed")
          assert.strictEqual(outcome.reason, reason)
        }
      })
    )
  )
})

describe("SparkWallet, after money may have been locked", () => {
  for (const operation of [swap, "RequestLightningSend"]) {
    for (const _tag of ["DoThenRefuse", "DoThenSilence"] as const) {
      it.live(
        `pays once where ${operation} is done but ${_tag === "DoThenRefuse" ? "said to be refused" : "not answered"}`,
        () =>
          within(
            Effect.fnUntraced(function* (world) {
              const { alice, order } = yield* stage(world)
              yield* world.spark.faults.inject(operation, { _tag })
              assert.strictEqual(yield* outcomeOf(alice, order), "paid")
              yield* paidOnce(world, alice)
            })
          )
      )
    }
  }

  for (const _tag of ["Refuse", "Silence"] as const) {
    it.live(`does not know of a lock that comes to nothing with ${_tag}`, () =>
      within(
        Effect.fnUntraced(function* (world) {
          const { alice, order } = yield* stage(world)
          yield* world.spark.faults.inject(swap, { _tag })
          const outcome = yield* outcomeOf(alice, order)
          assert(outcome !== "paid")
          assert.strictEqual(outcome._tag, "PaymentUnknown")
          assert.strictEqual(yield* stateOf(alice, order), undefined)
          assert.strictEqual(yield* alice.wallet.balance, funds)
        })
      )
    )
  }

  it.live("takes up what was locked, but of which the service provider never heard", () =>
    within(
      Effect.fnUntraced(function* (world) {
        const { alice, order } = yield* stage(world)
        yield* world.spark.faults.inject("RequestLightningSend", { _tag: "Silence" })
        yield* world.spark.faults.inject("RequestLightningSend", { _tag: "Silence" })
        const outcome = yield* outcomeOf(alice, order)
        assert(outcome !== "paid")
        assert.strictEqual(outcome._tag, "PaymentUnknown")
        assert.strictEqual(yield* stateOf(alice, order), "pending")
        yield* alice.payer.resume(order)
        yield* becomes(alice, order, "settled")
        yield* alice.payer.resume(order)
        yield* paidOnce(world, alice)
      })
    )
  )

  it.live("takes it up as another process, too, with its book or with nothing but its words", () =>
    within(
      Effect.fnUntraced(function* (world) {
        const scope = yield* Scope.make()
        const { alice, order } = yield* stage(world).pipe(Scope.provide(scope))
        yield* world.spark.faults.inject("RequestLightningSend", { _tag: "Silence" })
        yield* world.spark.faults.inject("RequestLightningSend", { _tag: "Silence" })
        yield* outcomeOf(alice, order)
        yield* Scope.close(scope, Exit.void)

        const again = yield* world.open({ mnemonic: alice.mnemonic }, hasty)
        assert.strictEqual(yield* stateOf(again, order), "pending")
        yield* again.payer.resume(order)
        yield* becomes(again, order, "settled")
        assert.strictEqual(yield* outcomeOf(again, order), "paid")
        yield* paidOnce(world, again)
        const found = Option.getOrThrow(
          yield* again.wallet.lookupOutgoing(order.invoice.paymentHash)
        )
        assert.deepStrictEqual([found.amount, found.fee], [amount, Option.some(Msat.make(1_000))])
      })
    )
  )

  it.live("locks an HTLC once where the answer is lost", () =>
    within(
      Effect.fnUntraced(function* (world) {
        const { alice } = yield* stage(world)
        const bob = yield* world.party()
        const preimage = Bolt11.Preimage.make(randomBytes(32).toString("hex"))
        const htlc = yield* bob.wallet.quoteHtlc({
          amount,
          paymentHash: Bolt11.hashOf(preimage),
          lock: "1 hour",
          expiry: "10 minutes"
        })
        yield* world.spark.faults.inject(swap, { _tag: "DoThenRefuse" })
        const { end } = yield* alice.payer.lock({
          htlc,
          preimage: Redacted.make(preimage),
          expiresAt: htlc.expiresAt
        })
        yield* bob.wallet.settleHoldInvoice(preimage)
        assert.strictEqual((yield* end).preimage, preimage)
        assert.strictEqual(yield* alice.wallet.balance, funds - amount)
      })
    )
  )
})

describe("SparkWallet, with others", () => {
  it.live("pays several invoices at once, each once", () =>
    within(
      Effect.fnUntraced(function* (world) {
        const { alice, order } = yield* stage(world)
        const orders = [order, yield* orderFor(world.bank), yield* orderFor(world.bank)]
        const patient = yield* world.open(alice)
        const outcomes = yield* Effect.forEach(orders, (it) => outcomeOf(patient, it), {
          concurrency: "unbounded"
        })
        assert.deepStrictEqual(outcomes, ["paid", "paid", "paid"])
        assert.strictEqual(yield* world.bank.balance("carol"), 3 * amount)
        assert.strictEqual(yield* patient.wallet.balance, funds - 3 * cost)
      })
    )
  )

  it.live("moves money once where two programs with the same words pay the same invoice", () =>
    within(
      Effect.fnUntraced(function* (world) {
        const { alice, order } = yield* stage(world)
        const twin = yield* world.open({ mnemonic: alice.mnemonic }, hasty)
        const outcomes = yield* Effect.forEach([alice, twin], (it) => outcomeOf(it, order), {
          concurrency: "unbounded"
        })
        for (const outcome of outcomes) assert.strictEqual(outcome, "paid")
        yield* paidOnce(world, alice)
        assert.deepStrictEqual(
          yield* twin.wallet.lookupOutgoing(order.invoice.paymentHash),
          yield* alice.wallet.lookupOutgoing(order.invoice.paymentHash)
        )
      })
    )
  )
})
