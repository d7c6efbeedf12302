import { assert, describe, it } from "@effect/vitest"
import {
  Bolt11,
  Hex,
  Key,
  Msat,
  PaymentRequest,
  SparkAddress,
  type SparkHtlc
} from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Bank, BankBook, Blocks, LedgerWallet, Payer, Wallet } from "@farthing/wallet"
import { Context, Effect, Layer, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { randomUUID } from "node:crypto"
import { PurchaseId, TickId } from "../src/Spend.ts"
import type { HtlcSpend } from "../src/Spend.ts"
import * as Treasury from "../src/Treasury.ts"
import * as TreasuryLive from "../src/TreasuryLive.ts"
import { database, open, payee, sats } from "./Fixture.ts"
import { books, claim, giveBack, newPreimage, nothing } from "./Locks.ts"

const address = SparkAddress.encode({
  network: "regtest",
  identity: Hex.toBytes(`02${Key.publicKeyOf(Key.generate())}`)
})

/** The agent's account at a bank that takes no fee: an HTLC is a hold invoice of the provider there. */
const wallet = Layer.effectContext(
  Effect.gen(function* () {
    const bank = yield* Bank.Bank
    yield* bank.open("agent", sats(1_000_000))
    yield* bank.open("provider")
    const context = yield* LedgerWallet.make({ account: "agent" })
    const payer = Context.get(context, Payer.Payer)
    const lockHtlc = Effect.fnUntraced(
      function* ({ expiresAt, htlc }: Payer.HtlcRequest) {
        const { bolt11 } = yield* bank.makeInvoice("provider", {
          amount: htlc.amount,
          paymentHash: htlc.paymentHash,
          description: "",
          expiry: `${htlc.expiresAt - (yield* UnixTime.now)} seconds`,
          minFinalCltvDelta: Math.floor(htlc.lockSeconds / Blocks.seconds)
        })
        const invoice = yield* Effect.fromResult(Bolt11.decode(bolt11))
        return yield* payer.lock({ invoice, maxFee: Msat.zero, expiresAt })
      },
      Effect.catchTags({ BankError: Effect.die, InvalidInvoice: Effect.die })
    )
    return Context.make(Wallet.Wallet, Context.get(context, Wallet.Wallet)).pipe(
      Context.add(Payer.Payer, {
        ...payer,
        lock: (request) => ("htlc" in request ? lockHtlc(request) : payer.lock(request))
      })
    )
  })
).pipe(
  Layer.provideMerge(BankBook.layer({ network: "regtest", lookAround: "1 minute" })),
  Layer.provideMerge(database)
)

const world = Treasury.layer({ network: "regtest", limits: open }).pipe(Layer.provideMerge(wallet))

/** A wish to lock 100 sats for 20 minutes. */
const wishing = Effect.fnUntraced(function* (change: Partial<SparkHtlc.SparkHtlc> = {}) {
  const preimage = yield* newPreimage
  const htlc: SparkHtlc.SparkHtlc = {
    network: "regtest",
    address,
    amount: sats(100),
    paymentHash: Bolt11.hashOf(preimage),
    expiresAt: (yield* UnixTime.now) + 600,
    lockSeconds: 1_200,
    ...change
  }
  const wish: HtlcSpend = {
    purchase: PurchaseId.make(randomUUID()),
    tick: TickId.make(randomUUID()),
    payee: payee(1),
    htlc,
    preimage: Redacted.make(preimage),
    cap: sats(100),
    approved: false
  }
  return { wish, preimage, htlc }
})

const record = ({ purchase }: HtlcSpend) =>
  Effect.flatMap(Treasury.Treasury, ({ find }) =>
    Effect.map(find(purchase), (spends) => spends.at(-1))
  )

describe("a lock over Spark", () => {
  it.effect("holds its amount alone, counts as spent once released, and settles", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      const { htlc, preimage, wish } = yield* wishing()
      const lock = yield* treasury.lock(wish)
      assert.strictEqual(lock.allowedFee, Msat.zero)
      assert.deepStrictEqual(yield* books, { ...nothing, held: sats(100), locked: sats(100) })
      assert.isFalse(yield* treasury.release(htlc.paymentHash, yield* newPreimage))
      assert.isTrue(yield* treasury.release(htlc.paymentHash, preimage))
      assert.deepStrictEqual(yield* books, {
        ...nothing,
        spent: sats(100),
        locked: sats(100),
        released: sats(100)
      })
      yield* claim(preimage)
      assert.deepInclude(yield* lock.end, { preimage, fee: Msat.zero })
      assert.deepStrictEqual(yield* books, { ...nothing, spent: sats(100) })
    }).pipe(Effect.provide(world))
  )

  it.effect("is kept with all that it is made of, and with the last moment of its money", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      const { htlc, wish } = yield* wishing()
      yield* treasury.lock(wish)
      const spend = yield* record(wish)
      assert.deepStrictEqual(
        yield* Effect.fromResult(PaymentRequest.parse(spend?.bolt11 ?? "")),
        htlc
      )
      assert.deepInclude(spend, {
        isLock: true,
        invoiceExpiresAt: htlc.expiresAt,
        lockEndsAt: htlc.expiresAt + htlc.lockSeconds + 600
      })
    }).pipe(Effect.provide(world))
  )

  const refused = [
    ["of another network", "wrong_network", { network: "mainnet" }],
    ["over nothing", "no_amount", { amount: Msat.zero }],
    ["for more than a day", "lock_too_long", { lockSeconds: 86_401 }],
    ["whose quote has expired", "expired", { expiresAt: 0 }]
  ] as const
  for (const [what, reason, change] of refused)
    it.effect(`is refused ${what}`, () =>
      Effect.gen(function* () {
        const treasury = yield* Treasury.Treasury
        const { wish } = yield* wishing(change)
        const error = yield* Effect.flip(treasury.lock(wish))
        assert(error._tag === "PaymentRefused", error.message)
        assert.strictEqual(error.reason, reason)
        assert.deepStrictEqual(yield* books, nothing)
      }).pipe(Effect.provide(world))
    )

  it.effect("is refused above its cap, and never tried again", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      const { htlc, wish } = yield* wishing()
      const dear = yield* Effect.flip(treasury.lock({ ...wish, cap: sats(99) }))
      assert.strictEqual(dear._tag, "BudgetExhausted")
      const { end } = yield* treasury.lock(wish)
      const twice = yield* Effect.flip(treasury.lock(wish))
      assert(twice._tag === "PaymentRefused")
      yield* giveBack(htlc.paymentHash)
      yield* Effect.flip(end)
      const again = yield* Effect.flip(treasury.lock(wish))
      assert(again._tag === "PaymentRefused")
      assert.strictEqual(again.reason, "already_used")
      assert.deepStrictEqual(yield* books, nothing)
    }).pipe(Effect.provide(world))
  )

  it.effect("whose process is gone ends as the wallet says", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      const [taken, returned] = [yield* wishing(), yield* wishing()]
      yield* Effect.scoped(
        Effect.gen(function* () {
          const gone = yield* TreasuryLive.make({ network: "regtest", limits: open })
          yield* gone.lock(taken.wish)
          yield* gone.lock(returned.wish)
        })
      )
      assert.deepStrictEqual(
        (yield* treasury.recover).map(({ state }) => state),
        ["held", "held"]
      )
      yield* claim(taken.preimage)
      yield* giveBack(returned.htlc.paymentHash)
      assert.deepStrictEqual(
        (yield* treasury.recover).map(({ state }) => state),
        ["settled", "failed"]
      )
      assert.deepStrictEqual(yield* books, { ...nothing, spent: sats(100) })
    }).pipe(Effect.provide(world))
  )

  it.effect("comes back when its time is over", () =>
    Effect.gen(function* () {
      const treasury = yield* Treasury.Treasury
      const { wish } = yield* wishing()
      const { end } = yield* treasury.lock(wish)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual((yield* Effect.flip(end))._tag, "PaymentFailed")
      assert.deepStrictEqual(yield* books, nothing)
    }).pipe(Effect.provide(world))
  )
})
