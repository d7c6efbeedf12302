import { Treasury } from "@farthing/budget"
import { assert, describe, it } from "@effect/vitest"
import { Key, Msat } from "@farthing/protocol"
import { Bank } from "@farthing/wallet"
import { Context, Deferred, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { TestClock } from "effect/testing"
import { ComputeClient } from "../src/ComputeClient.ts"
import * as TestMarket from "./TestMarket.ts"
import * as TestPeer from "./TestPeer.ts"
import * as TestSpark from "./TestSpark.ts"

const price = TestMarket.sats(10)

const profile: TestPeer.Profile = {
  name: "peer",
  price,
  announcement: { settlements: ["escrow"], rails: ["spark"] }
}

/** Where the customer's first life ends. */
interface Moment {
  readonly wallet?: typeof TestSpark.wallet
  readonly isReached: (treasury: Treasury.Shape) => Effect.Effect<boolean, unknown>
  /** How many times the provider has delivered by then. */
  readonly delivers: "before" | "after"
}

const moments: Readonly<Record<string, Moment>> = {
  "the money is locked, and its wallet has not said so": {
    wallet: TestSpark.walletThat(Effect.never),
    isReached: () => Effect.succeed(true),
    delivers: "after"
  },
  "the money is locked": {
    isReached: ({ status }) => Effect.map(status, ({ locked }) => locked === price),
    delivers: "after"
  },
  "the preimage is booked as shown": {
    isReached: ({ status }) => Effect.map(status, ({ released }) => released === price),
    delivers: "before"
  }
}

describe("a customer that dies in an escrow over Spark", () => {
  for (const [when, { delivers, isReached, wallet = TestSpark.wallet }] of Object.entries(moments))
    it.effect(`when ${when}, gets its result in its next life, and pays once`, () =>
      Effect.gen(function* () {
        const filename = yield* TestMarket.databaseFile
        const secret = Key.generate()
        const bank = yield* Bank.Bank
        const deliver = yield* Deferred.make<void>()
        const claim = yield* Deferred.make<void>()
        if (delivers === "before") yield* Deferred.succeed(deliver, undefined)
        const peer = yield* TestPeer.open(profile, (job) =>
          Effect.gen(function* () {
            yield* job.say(TestSpark.quoteOf(job, price))
            yield* Deferred.await(deliver)
            yield* job.result("an answer")
            const preimage = yield* job.released
            yield* Deferred.await(claim)
            yield* TestSpark.claim(bank, job.signer.publicKey, preimage)
          })
        )
        const world =
          yield* Effect.context<Layer.Services<ReturnType<typeof TestMarket.customer>>>()
        const locks = yield* TestSpark.Locks
        const live = (purse: typeof TestSpark.wallet, scope: Scope.Scope) =>
          Layer.buildWithScope(
            TestMarket.customer({
              filename,
              secret,
              options: { settlement: ["escrow"] },
              purse: purse.pipe(Layer.provide(Layer.succeed(TestSpark.Locks, locks)))
            }).pipe(Layer.provide(Layer.succeedContext(world))),
            scope
          )

        const first = yield* Scope.make()
        const before = yield* live(wallet, first)
        const client = Context.get(before, ComputeClient)
        const buying = yield* client
          .requestInference({ prompt: "hello", budget: TestMarket.sats(100) })
          .pipe(Effect.exit, Effect.forkChild({ startImmediately: true }))
        yield* Effect.repeat(
          Effect.suspend(() =>
            locks.length === 0
              ? Effect.as(Effect.yieldNow, false)
              : isReached(Context.get(before, Treasury.Treasury))
          ),
          { until: (reached) => reached }
        )
        yield* Fiber.interrupt(buying)
        yield* Scope.close(first, Exit.void)
        yield* Deferred.succeed(deliver, undefined)
        yield* Effect.repeat(Effect.yieldNow, { times: 100 })
        yield* TestClock.adjust("1 minute")

        const after = yield* live(TestSpark.wallet, yield* Effect.scope)
        const heir = Context.get(after, ComputeClient)
        const treasury = Context.get(after, Treasury.Treasury)
        yield* Deferred.succeed(claim, undefined)
        const recovering = yield* Effect.forkChild(heir.recover, { startImmediately: true })
        yield* TestClock.adjust("1 minute")
        yield* Fiber.join(recovering)
        yield* Effect.repeat(TestSpark.balanceOf(peer.pubkey), {
          until: (balance) => balance === price
        })
        yield* heir.recover
        assert.deepStrictEqual(
          (yield* heir.jobs()).map(({ state }) => state),
          ["delivered"]
        )
        const [receipt] = yield* heir.receipts()
        assert.deepInclude(receipt, { text: "an answer", cost: price })
        assert.lengthOf(locks, 1)
        const { findings, held, spent } = yield* treasury.audit
        assert.deepStrictEqual([findings, held, spent], [[], Msat.zero, price])
      }).pipe(Effect.provide(Layer.merge(TestSpark.world, TestSpark.locks)))
    )
})
