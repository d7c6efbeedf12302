/** A process of its own that shares a database with others: `node program.ts <file> <task>`. */
import { Msat } from "@farthing/protocol"
import { Sqlite } from "@farthing/sqlite"
import { Faults, Wallet } from "@farthing/wallet"
import { Effect, Option } from "effect"
import type { Limits } from "../src/Limits.ts"
import { PurchaseId } from "../src/Spend.ts"
import type { Spend } from "../src/Spend.ts"
import * as Treasury from "../src/Treasury.ts"
import { fee, sats, seconds, spend, worldIn } from "./Fixture.ts"
import { ledgerOf, order, rules } from "./Orders.ts"

const [filename = "", task] = process.argv.slice(2)

const say = (line: string) => Effect.sync(() => process.stdout.write(`${line}\n`))

const told = Effect.callback<void>((resume) => {
  process.stdin.once("data", () => {
    process.stdin.unref()
    resume(Effect.void)
  })
})

/** Short enough that nobody has to wait long for the dead. */
const lease = seconds(1)

const world = (limits: Partial<Limits> = {}) =>
  worldIn(Sqlite.layer({ filename }), { maxFee: fee, maxFeePercent: 0, ...limits }, { lease })

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

/** Has reserved, and not yet submitted. */
const reserved = Effect.gen(function* () {
  const ledger = yield* ledgerOf("dead", lease)
  yield* ledger.reserve(order("never submitted"), rules())
  yield* say("reserved")
  return yield* Effect.never
})

const tasks = {
  race: payMany(20).pipe(Effect.provide(world({ daily: sats(300) }))),
  purchase: payMany(3, { purchase: PurchaseId.make("one wish") }).pipe(Effect.provide(world())),
  queue: payMany(5).pipe(Effect.provide(world({ unresolved: sats(10), wait: seconds(60) }))),
  paidAndSilent: paidAndSilent.pipe(Effect.provide(world())),
  reserved: reserved.pipe(Effect.provide(world()))
}

const isTask = (name: string | undefined): name is keyof typeof tasks =>
  name !== undefined && name in tasks

if (isTask(task)) await Effect.runPromise(Effect.scoped<void, unknown, never>(tasks[task]))
