/** A process of its own that shares a database with others: `node program.ts <file> <task>`. */
import { Msat } from "@farthing/protocol"
import { Sqlite } from "@farthing/sqlite"
import { Faults, Payer, Wallet } from "@farthing/wallet"
import { Effect, Layer, Option, Schedule } from "effect"
import type { Limits } from "../src/Limits.ts"
import { PurchaseId } from "../src/Spend.ts"
import type { Spend } from "../src/Spend.ts"
import * as Treasury from "../src/Treasury.ts"
import { fee, open, sats, seconds, spend, wallet, worldIn } from "./Fixture.ts"
import { pausing } from "./Pausing.ts"

const [filename = "", task] = process.argv.slice(2)

const say = (line: string) => Effect.sync(() => process.stdout.write(`${line}\n`))

const told = Effect.callback<void>((resume) => {
  process.stdin.once("data", () => {
    process.stdin.unref()
    resume(Effect.void)
  })
})

/** Short enough that nobody has to wait long for the dead. */
const lease = seconds(2)

const world = (limits: Partial<Limits> = {}, options: { readonly lease?: typeof lease } = {}) =>
  worldIn(Sqlite.layer({ filename }), { maxFee: fee, maxFeePercent: 0, ...limits }, options)

/** One whose processes are soon taken for dead. */
const mortal = world({}, { lease })

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
  Treasury.layer({
    network: "regtest",
    limits: { ...open, maxFee: fee, maxFeePercent: 0 },
    lease
  }).pipe(
    Layer.provide(
      Layer.effect(
        Payer.Payer,
        Effect.map(Payer.Payer, (payer) => ({
          ...payer,
          pay: (request) =>
            say("asked").pipe(Effect.andThen(told), Effect.andThen(answer(payer.pay(request))))
        }))
      )
    ),
    Layer.provideMerge(wallet),
    Layer.provideMerge(Sqlite.layer({ filename }))
  )

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
  race: payMany(20).pipe(Effect.provide(world({ daily: sats(300) }))),
  purchase: payMany(3, { purchase: PurchaseId.make("one wish") }).pipe(Effect.provide(world())),
  queue: payMany(5).pipe(Effect.provide(world({ unresolved: sats(10), wait: seconds(60) }))),
  paidAndSilent: paidAndSilent.pipe(Effect.provide(mortal)),
  manySilent: manySilent.pipe(Effect.provide(mortal)),
  recovering: recovering.pipe(Effect.provide(world())),
  reserved: payOnce.pipe(
    Effect.provide(
      worldIn(
        pausing(filename, Effect.andThen(say("reserved"), told)),
        { maxFee: fee, maxFeePercent: 0 },
        { lease }
      )
    )
  ),
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
