/** What a process of its own does with locks. */
import * as NoHtlc from "@farthing/wallet/NoHtlc"
import { Bolt11 } from "@farthing/protocol"
import { Deferred, Effect } from "effect"
import { PurchaseId } from "../src/Spend.ts"
import * as Treasury from "../src/Treasury.ts"
import { holdInvoice, sats, spend } from "./Fixture.ts"
import { claim, wishing } from "./Locks.ts"
import { preimageOf } from "./Orders.ts"
import { at, mortal, pausingWorld, say, told, world } from "./ProcessWorld.ts"

/** Locks 100 sats for a wish; its name tells the preimage, too. */
const lockFor = Effect.fnUntraced(function* (name: string) {
  const treasury = yield* Treasury.Treasury
  const invoice = yield* holdInvoice(sats(100), preimageOf(name))
  return yield* treasury.lock(yield* spend(sats(100), { invoice, purchase: PurchaseId.make(name) }))
})

/** Locks for one wish, and says what came of it. */
const lockOnce = lockFor("one wish").pipe(
  Effect.as("locked"),
  Effect.catchTag("PaymentUnknown", ({ _tag }) => Effect.succeed(_tag)),
  Effect.flatMap(say)
)

/** Locks for one wish, and says that, and when it is taken. */
const lockAndWait = lockFor("one wish").pipe(
  Effect.tap(() => say("held")),
  Effect.flatMap(({ end }) => end),
  Effect.andThen(say("settled"))
)

/** Tries three times for one wish, all at once. */
const lockThrice = Effect.gen(function* () {
  const treasury = yield* Treasury.Treasury
  const purchase = PurchaseId.make("one wish")
  const wishes = yield* Effect.replicateEffect(wishing({ purchase }), 3)
  yield* say("ready")
  yield* told
  const outcomes = yield* Effect.forEach(
    wishes,
    ({ wish }) =>
      treasury.lock(wish).pipe(
        Effect.as("locked"),
        Effect.catch(({ _tag }) => Effect.succeed(_tag))
      ),
    { concurrency: "unbounded" }
  )
  yield* say(JSON.stringify(outcomes))
})

const silent = Deferred.makeUnsafe<void>()
const taken = Deferred.makeUnsafe<void>()

/** Does not come to say what it has done, so that its process never learns it. */
const speechless = at((payer) => ({
  lock: NoHtlc.invoicesOnly((request) =>
    Effect.gen(function* () {
      const { end } = yield* payer.lock(request)
      const hang = (done: typeof silent) =>
        Effect.andThen(Deferred.succeed(done, undefined), Effect.never)
      if (isFor("silent", request.invoice)) return yield* hang(silent)
      return { end: isFor("taken", request.invoice) ? Effect.andThen(end, hang(taken)) : end }
    })
  )
}))

const isFor = (name: string, { paymentHash }: Bolt11.Invoice): boolean =>
  paymentHash === Bolt11.hashOf(preimageOf(name))

/** Comes to another point with each of its locks. */
const everywhere = Effect.gen(function* () {
  const { release } = yield* Treasury.Treasury
  yield* Effect.forkChild(lockFor("silent"))
  yield* Deferred.await(silent)
  yield* lockFor("held")
  for (const name of ["released", "taken"]) {
    const { paymentHash } = yield* lockFor(name)
    yield* release(paymentHash, preimageOf(name))
  }
  yield* claim(preimageOf("taken"))
  yield* Deferred.await(taken)
  yield* say("everywhere")
  return yield* Effect.never
})

export const lockTasks = {
  lockThrice: lockThrice.pipe(Effect.provide(world())),
  lockReserved: lockOnce.pipe(Effect.provide(pausingWorld)),
  lockAsked: lockOnce.pipe(
    Effect.provide(
      at((payer) => ({
        lock: (request) =>
          say("asked").pipe(Effect.andThen(told), Effect.andThen(payer.lock(request)))
      }))
    )
  ),
  lockAndWait: lockAndWait.pipe(Effect.provide(mortal)),
  lockEverywhere: everywhere.pipe(Effect.provide(speechless))
}
