import { assert, describe, it } from "@effect/vitest"
import { Msat } from "@farthing/protocol"
import { Bank, Faults } from "@farthing/wallet"
import * as MovableClock from "@farthing/wallet/testing/MovableClock"
import * as WalletContract from "@farthing/wallet/testing/WalletContract"
import { Effect, Exit, Option, Scope } from "effect"
import * as BankOnRelay from "./BankOnRelay.ts"

const world = Effect.fnUntraced(function* (later: MovableClock.Later) {
  const { alice, bob, carol } = yield* BankOnRelay.serve(yield* BankOnRelay.relay)
  const { feeFor } = yield* Bank.Bank
  return {
    alice: yield* BankOnRelay.connect(alice),
    bob: yield* BankOnRelay.connect(bob),
    carol: yield* BankOnRelay.connect(carol),
    funds: BankOnRelay.funds,
    network: "regtest",
    feeFor,
    later
  } satisfies WalletContract.World
})

describe("NwcWallet", () => {
  for (const { check, promise } of WalletContract.facts) {
    it.live(promise, () =>
      MovableClock.within((later) =>
        Effect.flatMap(world(later), check).pipe(Effect.provide(BankOnRelay.bank()))
      )
    )
  }
})

describe("NwcWallet at a bank that errs", () => {
  const amount = Msat.make(21_000)

  /** Alice pays bob while the fault is at work. */
  const payWith = Effect.fnUntraced(function* (fault: Faults.Fault) {
    const nwc = yield* BankOnRelay.serve(yield* BankOnRelay.relay)
    const alice = yield* BankOnRelay.connect(nwc.alice, { paymentTimeout: "1 second" })
    const bob = yield* BankOnRelay.connect(nwc.bob)
    yield* (yield* Faults.Faults).inject("alice", fault)
    const made = yield* bob.wallet.makeInvoice({ amount, description: "", expiry: "1 hour" })
    const outcome = yield* Effect.result(WalletContract.pay(alice, made))
    const record = yield* alice.wallet.lookupOutgoing(made.paymentHash)
    return { outcome, state: Option.map(record, ({ state }) => state) }
  })

  it.live("a payment without an answer is unknown, and a look-up finds it", () =>
    Effect.gen(function* () {
      const { outcome, state } = yield* payWith({ _tag: "PayThenSilence" })
      assert.strictEqual(outcome._tag === "Failure" && outcome.failure._tag, "PaymentUnknown")
      assert.deepEqual(state, Option.some("settled"))
    }).pipe(Effect.provide(BankOnRelay.bank()))
  )

  it.live("a payment that is said to have failed, but has not, is paid", () =>
    Effect.gen(function* () {
      const { outcome } = yield* payWith({ _tag: "PayThenFail", reason: "no_route" })
      assert.strictEqual(outcome._tag, "Success")
    }).pipe(Effect.provide(BankOnRelay.bank()))
  )

  it.live("a payment that failed has failed", () =>
    Effect.gen(function* () {
      const { outcome, state } = yield* payWith({ _tag: "FailBeforePaying", reason: "no_route" })
      assert.strictEqual(outcome._tag === "Failure" && outcome.failure._tag, "PaymentFailed")
      assert.deepEqual(state, Option.none())
    }).pipe(Effect.provide(BankOnRelay.bank()))
  )

  it.live("a payment whose relay dies under it is unknown", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const url = yield* BankOnRelay.relay.pipe(Scope.provide(scope))
      const nwc = yield* BankOnRelay.serve(url)
      const alice = yield* BankOnRelay.connect(nwc.alice, { paymentTimeout: "1 second" })
      const bob = yield* BankOnRelay.connect(nwc.bob)
      const made = yield* bob.wallet.makeInvoice({ amount, description: "", expiry: "1 hour" })
      yield* alice.wallet.balance
      yield* Scope.close(scope, Exit.void)
      const outcome = yield* Effect.flip(WalletContract.pay(alice, made))
      assert.strictEqual(outcome._tag, "PaymentUnknown")
    }).pipe(Effect.provide(BankOnRelay.bank()))
  )
})
