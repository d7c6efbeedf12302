/** A process of its own that shares a database with others: `node program.ts <file> <task>`. */
import { Msat } from "@farthing/protocol"
import { Faults, Payer, Wallet } from "@farthing/wallet"
import { Effect, Option, Schedule } from "effect"
import { PurchaseId } from "../src/Spend.ts"
import type { Spend } from "../src/Spend.ts"
import * as Treasury from "../src/Treasury.ts"
import { fee, sats, seconds, spend } from "./Fixture.ts"
import { lockTasks } from "./LockTasks.ts"
import { at, mortal, pausingWorld, say, told, world } from "./ProcessWorld.ts"

const [, task] = process.argv.slice(2)

/** Pays 10 sats so many times, five at once, and says what came of it. */
const payMany = (times: number, rest: Partial<Spend> = {}) =>
  Effect.gen(function* () {
    const treasury = yield* Treasury.Treasury
    const wishes = yield* Effect.replicateEffect(spend(Msat.subtract(sats(10), fee), rest), times)
    yield* say("ready")
    yield* told
    const outcomes = yield* Effect.forEach(
      wishes,
      (wish) =>
        treasury.pay(wish).pipe(
          Effect.as("paid"),
          Effect.catch((error) =>
            Effect.succeed(error._tag === "BudgetExhausted" ? error.limit : error._tag)
          )
        ),
      { concurrency: 5 }
    )
    yield* say(JSON.stringify(outcomes))
  })

/** Has paid, and never learns of it. */
const paidAndSilent = Effect.gen(function* () {
  const treasury = yield* Treasury.Treasury
  const wallet = yield* Wallet.Wallet
  const { inject } = yield* Faults.Faults
  yield* inject("agent", { _tag: "PayThenSilence" })
  const wish = yield* spend(sats(100))
  yield* Effect.forkChild(treasury.pay(wish))
  yield* Effect.repeat(wallet.lookupOutgoing(wish.invoice.paymentHash), { until: Option.isSome })
  yield* say("paid")
  return yield* Effect.never
})

/** At a wallet that waits with its answer until it is told. */
const hesitant = (
  answer: (
    paid: Effect.Effect<Payer.Paid, Payer.PaymentFailed | Payer.PaymentUnknown>
  ) => typeof paid
) =>
  at((payer) => ({
    pay: (request) =>
      say("asked").pipe(Effect.andThen(told), Effect.andThen(answer(payer.pay(request))))
  }))

/** Pays 100 sats for one wish, and says what came of it. */
const payOnce = Effect.gen(function* () {
  const treasury = yield* Treasury.Treasury
  const wish = yield* spend(sats(100), { purchase: PurchaseId.make("one wish") })
  const outcome = yield* treasury.pay(wish).pipe(
    Effect.as("paid"),
    Effect.catch(({ _tag }) => Effect.succeed(_tag))
  )
  yield* say(outcome)
})

/** Has paid many times, and never learns of it. */
const manySilent = Effect.gen(function* () {
  const treasury = yield* Treasury.Treasury
  const wallet = yield* Wallet.Wallet
  const { inject } = yield* Faults.Faults
  const wishes = yield* Effect.replicateEffect(spend(sats(10)), 10)
  yield* Effect.forEach(
    wishes,
    Effect.fnUntraced(function* (wish) {
      yield* inject("agent", { _tag: "PayThenSilence" })
      yield* Effect.forkChild(treasury.pay(wish))
      yield* Effect.repeat(wallet.lookupOutgoing(wish.invoice.paymentHash), {
        until: Option.isSome
      })
    })
  )
  yield* say("paid")
  return yield* Effect.never
})

/** Recovers until nothing is open any more, and says how many payments it took. */
const recovering = Effect.gen(function* () {
  const { recover, status } = yield* Treasury.Treasury
  yield* say("ready")
  yield* told
  let taken = 0
  yield* Effect.repeat(
    Effect.andThen(
      Effect.map(recover, (records) => (taken += records.length)),
      status
    ),
    { until: ({ held }) => held === 0, schedule: Schedule.spaced("50 millis") }
  )
  yield* say(JSON.stringify(Array.from({ length: taken }, () => "taken")))
})

const tasks = {
  ...lockTasks,
  race: payMany(20).pipe(Effect.provide(world({ daily: sats(300) }))),
  purchase: payMany(3, { purchase: PurchaseId.make("one wish") }).pipe(Effect.provide(world())),
  queue: payMany(5).pipe(Effect.provide(world({ unresolved: sats(10), wait: seconds(60) }))),
  paidAndSilent: paidAndSilent.pipe(Effect.provide(mortal)),
  manySilent: manySilent.pipe(Effect.provide(mortal)),
  recovering: recovering.pipe(Effect.provide(world())),
  reserved: payOnce.pipe(Effect.provide(pausingWorld)),
  hesitant: payOnce.pipe(Effect.provide(hesitant((paid) => paid))),
  failing: payOnce.pipe(
    Effect.provide(
      hesitant(() => new Payer.PaymentFailed({ reason: "no_route", message: "no route" }))
    )
  )
}

const isTask = (name: string | undefined): name is keyof typeof tasks =>
  name !== undefined && name in tasks

if (isTask(task)) await Effect.runPromise(Effect.scoped<void, unknown, never>(tasks[task]))
