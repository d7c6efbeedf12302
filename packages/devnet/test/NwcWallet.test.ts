import { assert, describe, it } from "@effect/vitest"
import { Bolt11, Msat } from "@farthing/protocol"
import { Bank, Faults } from "@farthing/wallet"
import type { NwcWallet } from "@farthing/wallet"
import * as MovableClock from "@farthing/wallet/testing/MovableClock"
import * as WalletContract from "@farthing/wallet/testing/WalletContract"
import { Effect, Exit, Option, Scope } from "effect"
import * as BankOnRelay from "./BankOnRelay.ts"

const world = Effect.fnUntraced(function* (later: MovableClock.Later) {
  const nwc = yield* BankOnRelay.serve(yield* BankOnRelay.relay)
  const { feeFor } = yield* Bank.Bank
  return {
    alice: yield* BankOnRelay.connect(nwc.alice),
    bob: yield* BankOnRelay.connect(nwc.bob),
    carol: yield* BankOnRelay.connect(nwc.carol),
    funds: BankOnRelay.funds,
    network: "regtest",
    feeFor,
    later,
    reopen: (party) => BankOnRelay.connect(nwc[party])
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
  const preimage = Bolt11.Preimage.make("77".repeat(32))

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

  /** Alice locks money for bob while the fault is at work. */
  const lockWith = Effect.fnUntraced(function* (fault: Faults.Fault, options?: NwcWallet.Options) {
    const nwc = yield* BankOnRelay.serve(yield* BankOnRelay.relay)
    const alice = yield* BankOnRelay.connect(nwc.alice, options)
    const bob = yield* BankOnRelay.connect(nwc.bob)
    yield* (yield* Faults.Faults).inject("alice", fault)
    const made = yield* bob.wallet.makeHoldInvoice({
      amount,
      description: "",
      expiry: "1 hour",
      paymentHash: Bolt11.hashOf(preimage)
    })
    const outcome = yield* Effect.result(WalletContract.lock(alice, made))
    return { alice, bob, outcome, paymentHash: made.paymentHash }
  })

  const afterLocking: ReadonlyArray<Faults.Fault> = [
    { _tag: "PayThenSilence" },
    { _tag: "PayThenBreak" },
    { _tag: "PayThenFail", reason: "no_route" },
    { _tag: "WrongPreimage" }
  ]
  for (const fault of afterLocking) {
    it.live(`a lock stands, and ends, whatever is said of it: ${fault._tag}`, () =>
      Effect.gen(function* () {
        const { bob, outcome } = yield* lockWith(fault)
        const { end } = yield* Effect.fromResult(outcome)
        yield* bob.wallet.settleHoldInvoice(preimage)
        assert.strictEqual((yield* end).preimage, preimage)
      }).pipe(Effect.provide(BankOnRelay.bank()))
    )
  }

  it.live("a lock that the bank has lost is unknown, and no look-up finds it", () =>
    Effect.gen(function* () {
      const { alice, outcome, paymentHash } = yield* lockWith(
        { _tag: "SilenceBeforePaying" },
        { paymentTimeout: "1 second" }
      )
      assert.strictEqual(outcome._tag === "Failure" && outcome.failure._tag, "PaymentUnknown")
      assert.deepEqual(yield* alice.wallet.lookupOutgoing(paymentHash), Option.none())
    }).pipe(Effect.provide(BankOnRelay.bank()))
  )

  it.live("a lock that failed has failed", () =>
    Effect.gen(function* () {
      const { outcome } = yield* lockWith({ _tag: "FailBeforePaying", reason: "no_route" })
      assert.strictEqual(outcome._tag === "Failure" && outcome.failure._tag, "PaymentFailed")
    }).pipe(Effect.provide(BankOnRelay.bank()))
  )

  it.live("a lock ends while the bank's service is away, and is heard of when it is back", () =>
    Effect.gen(function* () {
      const bank = yield* Bank.Bank
      const url = yield* BankOnRelay.relay
      const service = yield* Scope.make()
      const nwc = yield* BankOnRelay.serve(url).pipe(Scope.provide(service))
      const alice = yield* BankOnRelay.connect(nwc.alice)
      const made = yield* bank.makeInvoice("bob", {
        amount,
        description: "",
        expiry: "1 hour",
        paymentHash: Bolt11.hashOf(preimage)
      })
      const { end } = yield* WalletContract.lock(alice, made)
      yield* Scope.close(service, Exit.void)
      yield* bank.settleHold("bob", preimage)
      yield* BankOnRelay.serve(url)
      assert.strictEqual((yield* end).preimage, preimage)
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
