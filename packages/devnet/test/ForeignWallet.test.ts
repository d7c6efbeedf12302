import { assert, describe, it } from "@effect/vitest"
import { Bolt11 } from "@farthing/protocol"
import { NWCClient } from "@getalby/sdk/nwc"
import type { Nip47Notification } from "@getalby/sdk/nwc"
import { Deferred, Effect, Redacted } from "effect"
import * as BankOnRelay from "./BankOnRelay.ts"

const open = (nwc: Redacted.Redacted<string>) =>
  Effect.acquireRelease(
    Effect.sync(() => new NWCClient({ nostrWalletConnectUrl: Redacted.value(nwc) })),
    (client) => Effect.sync(() => client.close())
  )

const preimage = Bolt11.Preimage.make("55".repeat(32))

describe("a client of Alby's", () => {
  it.live("can do at the bank all that it knows how to", () =>
    Effect.gen(function* () {
      const nwc = yield* BankOnRelay.serve(yield* BankOnRelay.relay)
      const alice = yield* open(nwc.alice)
      const bob = yield* open(nwc.bob)

      const info = yield* Effect.promise(() => alice.getInfo())
      assert.strictEqual(info.network, "regtest")
      assert.strictEqual(
        (yield* Effect.promise(() => alice.getBalance())).balance,
        BankOnRelay.funds
      )

      const heard = yield* Deferred.make<Nip47Notification>()
      const unsubscribe = yield* Effect.promise(() =>
        bob.subscribeNotifications((notification) => {
          Deferred.doneUnsafe(heard, Effect.succeed(notification))
        })
      )
      const made = yield* Effect.promise(() =>
        bob.makeInvoice({ amount: 21_000, description: "hello" })
      )
      const paid = yield* Effect.promise(() => alice.payInvoice({ invoice: made.invoice }))
      assert.strictEqual(Bolt11.hashOf(Bolt11.Preimage.make(paid.preimage)), made.payment_hash)
      assert.strictEqual(paid.fees_paid, 1_105)

      const told = yield* Deferred.await(heard)
      assert.strictEqual(told.notification_type, "payment_received")
      assert.strictEqual(told.notification.payment_hash, made.payment_hash)
      unsubscribe()

      const found = yield* Effect.promise(() =>
        alice.lookupInvoice({ payment_hash: made.payment_hash })
      )
      assert.deepEqual(
        [found.type, found.state, found.description],
        ["outgoing", "settled", "hello"]
      )
      const { transactions } = yield* Effect.promise(() => bob.listTransactions({}))
      assert.deepEqual(
        transactions.map(({ type, amount }) => [type, amount]),
        [["incoming", 21_000]]
      )

      const held = yield* Effect.promise(() =>
        bob.makeHoldInvoice({ amount: 5_000, payment_hash: Bolt11.hashOf(preimage) })
      )
      const paying = alice.payInvoice({ invoice: held.invoice })
      yield* Effect.promise(() => bob.lookupInvoice({ payment_hash: held.payment_hash })).pipe(
        Effect.repeat({ until: ({ state }) => state === "accepted" })
      )
      yield* Effect.promise(() => bob.settleHoldInvoice({ preimage }))
      assert.strictEqual((yield* Effect.promise(() => paying)).preimage, preimage)
      assert.strictEqual((yield* Effect.promise(() => bob.getBalance())).balance, 26_000)
    }).pipe(Effect.provide(BankOnRelay.bank()))
  )
})
