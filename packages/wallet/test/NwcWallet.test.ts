import { assert, describe, it } from "@effect/vitest"
import { Bolt11, Key, Msat, Nip47 } from "@farthing/protocol"
import { Relay } from "@farthing/relay"
import { NwcWallet, Wallet } from "@farthing/wallet"
import { Context, Effect, Fiber, Option, Queue, Stream } from "effect"
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
