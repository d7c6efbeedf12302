import { assert, describe, it } from "@effect/vitest"
import { Bolt11, Key, Msat, Nip47 } from "@farthing/protocol"
import { Relay } from "@farthing/relay"
import { NwcWallet, Wallet } from "@farthing/wallet"
import { Context, Effect, Fiber, Option, Queue, Stream } from "effect"
import { TestClock } from "effect/testing"
import {
  amount,
  invoiceOf,
  lookup_invoice,
  make_invoice,
  otherPreimage,
  paymentHash
} from "./NwcAnswers.ts"
import * as ScriptedWallet from "./ScriptedWallet.ts"

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

describe("the time that a lock has left", () => {
  const held = { type: "incoming", state: "accepted", settle_deadline: 800_005 }

  /** A wallet at that block height, with an invoice whose money is held, and what it was asked. */
  const at = Effect.fnUntraced(function* (block_height: number | undefined) {
    const asked: Array<Nip47.Method> = []
    const { notify, wallet } = yield* ScriptedWallet.start(({ method }) => {
      asked.push(method)
      return method === "get_info"
        ? ScriptedWallet.result("get_info", { network: "regtest", block_height })
        : lookup_invoice(held)
    })
    const heldUntil = Effect.map(wallet.lookupIncoming(paymentHash), (found) =>
      Option.flatMap(found, (incoming) => incoming.heldUntil)
    )
    return { wallet, heldUntil, asked, notify }
  })

  it.effect("is told in blocks of ten minutes, the one under way not counted", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("25 minutes")
      const { heldUntil } = yield* at(800_000)
      assert.deepEqual(yield* heldUntil, Option.some((2 + 5) * 600))
      yield* TestClock.adjust("4 minutes")
      assert.deepEqual(yield* heldUntil, Option.some((2 + 5) * 600))
    }).pipe(Effect.provide(Relay.layerMemory))
  )

  it.effect("needs the wallet's height once in a block's time", () =>
    Effect.gen(function* () {
      const { asked, heldUntil, wallet } = yield* at(800_000)
      yield* Effect.all([wallet.info, heldUntil, heldUntil])
      yield* TestClock.adjust("10 minutes")
      yield* Effect.all([heldUntil, heldUntil])
      assert.strictEqual(asked.filter((it) => it === "get_info").length, 2)
    }).pipe(Effect.provide(Relay.layerMemory))
  )

  it.effect("comes with the news that the money is held", () =>
    Effect.gen(function* () {
      const { heldUntil, notify, wallet } = yield* at(800_000)
      const looked = yield* heldUntil
      const told = yield* Effect.forkChild(Stream.runHead(wallet.incoming), {
        startImmediately: true
      })
      yield* notify({
        notification_type: "hold_invoice_accepted",
        notification: {
          type: "incoming",
          state: "accepted",
          payment_hash: paymentHash,
          amount,
          settle_deadline: 800_005
        }
      })
      const incoming = Option.getOrThrow(yield* Fiber.join(told))
      assert.deepEqual(incoming.heldUntil, looked)
      assert.deepEqual(incoming.heldUntil, Option.some(5 * 600))
    }).pipe(Effect.provide(Relay.layerMemory))
  )

  it.effect("is not known where the wallet does not say its height", () =>
    Effect.gen(function* () {
      const { heldUntil } = yield* at(undefined)
      assert.deepEqual(yield* heldUntil, Option.none())
    }).pipe(Effect.provide(Relay.layerMemory))
  )

  it.effect("is not shortened by the wallet without a word", () =>
    Effect.gen(function* () {
      const { requests, wallet } = yield* ScriptedWallet.start(() =>
        ScriptedWallet.result("make_hold_invoice", {
          payment_hash: paymentHash,
          amount,
          invoice: invoiceOf(amount)
        })
      )
      const request = { amount, description: "", expiry: "1 hour", paymentHash } as const
      const short = { ...request, minFinalCltvDelta: 19 }
      const refused = yield* Effect.flip(wallet.makeHoldInvoice(short))
      assert.include(refused.message, "too short")
      const made = yield* wallet.makeHoldInvoice({ ...request, minFinalCltvDelta: 18 })
      assert.strictEqual(made.paymentHash, paymentHash)
      assert.strictEqual(yield* Queue.size(requests), 2)
    }).pipe(Effect.provide(Relay.layerMemory))
  )
})

describe("what a wallet says that it can do", () => {
  const capabilitiesOf = Effect.fnUntraced(function* (methods: ReadonlyArray<string>) {
    const { wallet } = yield* ScriptedWallet.start(() =>
      ScriptedWallet.result("get_info", { network: "regtest", methods })
    )
    return (yield* wallet.info).capabilities
  })

  it.effect("decides whether it can hold and lock", () =>
    Effect.gen(function* () {
      const none = { hold: false, lock: false, htlc: false, feeCap: false }
      assert.deepEqual(yield* capabilitiesOf(["pay_invoice"]), none)
      assert.deepEqual(yield* capabilitiesOf(["pay_invoice", "lookup_invoice"]), {
        ...none,
        lock: true
      })
      assert.deepEqual(
        yield* capabilitiesOf(["make_hold_invoice", "settle_hold_invoice", "cancel_hold_invoice"]),
        { ...none, hold: true }
      )
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
