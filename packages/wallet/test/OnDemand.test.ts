import { assert, describe, it } from "@effect/vitest"
import { Bolt11, Msat } from "@farthing/protocol"
import { Context, Deferred, Effect, Fiber, Layer, Option, Result, Schema, Stream } from "effect"
import * as NoWallet from "../src/NoWallet.ts"
import * as OnDemand from "../src/OnDemand.ts"
import { Payer } from "../src/Payer.ts"
import { Wallet, WalletId } from "../src/Wallet.ts"

class Closed extends Schema.TaggedError<Closed>()("Closed", { message: Schema.String }) {}

/** A wallet with ten sats, whose door is watched. */
const door = (opening: Effect.Effect<void, Closed> = Effect.void) => {
  const seen = { opened: 0, closed: 0 }
  const wallet = Layer.effectContext(
    Effect.gen(function* () {
      seen.opened++
      yield* Effect.addFinalizer(() => Effect.sync(() => void seen.closed++))
      yield* opening
      const none = yield* Layer.build(NoWallet.layer("nothing else is here"))
      const ten = Wallet.of({
        ...Context.get(none, Wallet),
        balance: Effect.succeed(Msat.make(10_000))
      })
      return Context.add(none, Wallet, ten)
    })
  )
  const layer = OnDemand.layer({ id: WalletId.make("ten"), capsFee: true, wallet })
  return { seen, layer }
}

const invoice = Bolt11.decode(
  Bolt11.encode(
    {
      network: "regtest",
      amount: Option.some(Msat.make(1_000)),
      createdAt: 1_700_000_000,
      expirySeconds: 3_600,
      paymentHash: Bolt11.PaymentHash.make("ab".repeat(32)),
      paymentSecret: "cd".repeat(32),
      description: "",
      minFinalCltvDelta: 18
    },
    Buffer.alloc(32, 1)
  )
).pipe(Result.getOrThrow)

const request = { invoice, maxFee: Msat.zero, expiresAt: 1_700_003_600 }

describe("A wallet on demand", () => {
  it.effect("is not opened by who does not ask, and is told apart all the same", () => {
    const { layer, seen } = door()
    return Effect.gen(function* () {
      assert.strictEqual((yield* Wallet).id, "ten")
      assert.isTrue((yield* Payer).capsFee)
    }).pipe(
      Effect.provide(layer),
      Effect.andThen(Effect.sync(() => assert.deepStrictEqual(seen, { opened: 0, closed: 0 })))
    )
  })

  it.effect("is opened once for all who ask, and closed at the end", () => {
    const { layer, seen } = door()
    return Effect.gen(function* () {
      const { balance } = yield* Wallet
      const balances = yield* Effect.all([balance, balance, balance], { concurrency: 3 })
      assert.deepStrictEqual(balances, [10_000, 10_000, 10_000])
      assert.deepStrictEqual(seen, { opened: 1, closed: 0 })
    }).pipe(
      Effect.provide(layer),
      Effect.andThen(Effect.sync(() => assert.deepStrictEqual(seen, { opened: 1, closed: 1 })))
    )
  })

  it.effect(
    "that cannot be opened is unreachable, leaves nothing behind, and is tried again",
    () => {
      let isAway = true
      const { layer, seen } = door(
        Effect.suspend(() => (isAway ? Effect.fail(new Closed({ message: "away" })) : Effect.void))
      )
      return Effect.gen(function* () {
        const wallet = yield* Wallet
        const error = yield* Effect.flip(wallet.balance)
        assert.strictEqual(error.reason._tag, "WalletUnreachable")
        assert.strictEqual(error.message, "away")
        assert.strictEqual((yield* Effect.flip(Stream.runDrain(wallet.incoming))).message, "away")
        assert.deepStrictEqual(seen, { opened: 2, closed: 2 })
        isAway = false
        assert.strictEqual(yield* wallet.balance, 10_000)
        assert.deepStrictEqual(seen, { opened: 3, closed: 2 })
      }).pipe(Effect.provide(layer))
    }
  )

  it.effect("that was not open has paid nothing; what was interrupted before is unknown", () => {
    const { layer } = door(Effect.fail(new Closed({ message: "away" })))
    return Effect.gen(function* () {
      const payer = yield* Payer
      for (const asked of [Effect.flip(payer.pay(request)), Effect.flip(payer.lock(request))]) {
        const error = yield* asked
        assert.strictEqual(error._tag, "PaymentFailed")
        assert.strictEqual(error.message, "away")
      }
      assert.strictEqual((yield* Effect.flip(payer.resume(request)))._tag, "PaymentUnknown")
    }).pipe(Effect.provide(layer))
  })

  it.effect("goes on opening when one of those who wait goes away", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const { layer, seen } = door(Deferred.await(gate))
      yield* Effect.gen(function* () {
        const { balance } = yield* Wallet
        const first = yield* Effect.forkChild(balance, { startImmediately: true })
        const second = yield* Effect.forkChild(balance, { startImmediately: true })
        yield* Fiber.interrupt(first)
        yield* Deferred.succeed(gate, undefined)
        assert.strictEqual(yield* Fiber.join(second), 10_000)
        assert.deepStrictEqual(seen, { opened: 1, closed: 0 })
      }).pipe(Effect.provide(layer))
    })
  )
})
