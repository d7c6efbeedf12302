import { assert, describe, it } from "@effect/vitest"
import { Bolt11, Msat } from "@farthing/protocol"
import { Effect, Schedule } from "effect"
import { PurchaseId } from "../src/Spend.ts"
import * as Treasury from "../src/Treasury.ts"
import { fee, sats } from "./Fixture.ts"
import { books, claim, cost, giveBack, nothing, wishing } from "./Locks.ts"
import { preimageOf } from "./Orders.ts"
import {
  count,
  goOn,
  inFile,
  killed,
  race,
  recovered,
  startedUntil,
  stateOf,
  takenFromWallet
} from "./Processes.ts"

/** The one lock that the other process is at, and what takes its money. */
const preimage = preimageOf("one wish")

/** The processes hold no more than the bank's fee on top of 100 sats. */
const hold = Msat.add(sats(100), fee)

const states = Effect.map(recovered, (records) => records.map(({ state }) => state))

const find = (name: string) =>
  Effect.flatMap(Treasury.Treasury, ({ find }) => find(PurchaseId.make(name)))

/** The same wish again, with another invoice. */
const again = Effect.fnUntraced(function* (name: string) {
  const treasury = yield* Treasury.Treasury
  const { wish } = yield* wishing({ purchase: PurchaseId.make(name) })
  const error = yield* Effect.flip(treasury.lock(wish))
  return error._tag === "PaymentRefused" ? error.reason : error._tag
})

describe("processes that share a ledger", () => {
  it.live("lock a purchase once, whoever tries", () =>
    inFile(
      Effect.fnUntraced(function* (filename) {
        const outcomes = yield* race(filename, "lockThrice", 2)
        assert.deepStrictEqual(count(outcomes), { locked: 1, PaymentRefused: 5 })
        assert.strictEqual(yield* takenFromWallet, cost)
      })
    )
  )
})

describe("a process that is killed", () => {
  it.live("while the wallet was asked leaves its lock unknown, and nobody locks again", () =>
    inFile(
      Effect.fnUntraced(function* (filename) {
        yield* killed(filename, "lockAsked", "asked")
        assert.deepStrictEqual(yield* states, ["unknown"])
        assert.deepStrictEqual(yield* books, { ...nothing, held: hold, unknown: hold })
        assert.strictEqual(yield* again("one wish"), "purchase_already_paid")
        assert.strictEqual(yield* takenFromWallet, Msat.zero)
      })
    )
  )

  it.live("wherever it was with its locks leaves them to whoever recovers", () =>
    inFile(
      Effect.fnUntraced(function* (filename) {
        const treasury = yield* Treasury.Treasury
        yield* killed(filename, "lockEverywhere", "everywhere")
        const names = ["silent", "held", "released", "taken"]
        const all = Effect.forEach(names, (name) =>
          Effect.map(find(name), ([spend]) => spend?.state)
        )
        yield* Effect.repeat(Effect.andThen(treasury.recover, all), {
          until: ([silent]) => silent === "held",
          schedule: Schedule.spaced("100 millis")
        })
        assert.deepStrictEqual(yield* all, ["held", "held", "held", "settled"])
        assert.deepStrictEqual(yield* books, {
          ...nothing,
          spent: Msat.add(cost, hold),
          held: Msat.add(hold, hold),
          locked: Msat.sum([hold, hold, hold]),
          released: hold
        })
        for (const name of names) {
          assert.strictEqual(yield* again(name), "purchase_already_paid")
        }
        const release = (name: string) =>
          treasury.release(Bolt11.hashOf(preimageOf(name)), preimageOf(name))
        assert.isTrue(yield* release("released"))
        yield* claim(preimageOf("released"))
        assert.isTrue(yield* release("silent"))
        yield* giveBack(Bolt11.hashOf(preimageOf("silent")))
        yield* giveBack(Bolt11.hashOf(preimageOf("held")))
        yield* treasury.recover
        assert.deepStrictEqual(yield* all, ["failed", "failed", "settled", "settled"])
        assert.isFalse(yield* release("held"))
        assert.strictEqual(yield* takenFromWallet, Msat.add(cost, cost))
        assert.deepStrictEqual(yield* books, { ...nothing, spent: Msat.add(cost, cost) })
      })
    )
  )
})

describe("a process that lives", () => {
  it.live("books the end of its lock, whoever has looked it up beside", () =>
    inFile(
      Effect.fnUntraced(function* (filename) {
        const treasury = yield* Treasury.Treasury
        const { line } = yield* startedUntil(filename, "lockAndWait", "held")
        assert.deepStrictEqual(
          (yield* treasury.recover).map(({ state }) => state),
          ["held"]
        )
        yield* claim(preimage)
        assert.strictEqual(yield* line, "settled")
        assert.strictEqual(yield* stateOf, "settled")
        assert.deepStrictEqual(yield* books, { ...nothing, spent: cost })
      })
    )
  )
})

describe("a process that was stopped, and wakes after another took over", () => {
  it.live("locks nothing any more", () =>
    inFile(
      Effect.fnUntraced(function* (filename) {
        const stopped = yield* startedUntil(filename, "lockReserved", "reserved")
        stopped.child.kill("SIGSTOP")
        assert.deepStrictEqual(yield* states, ["unknown"])
        assert.strictEqual(yield* goOn(stopped), "PaymentUnknown")
        assert.strictEqual(yield* takenFromWallet, Msat.zero)
        assert.deepStrictEqual(yield* books, { ...nothing, held: hold, unknown: hold })
      })
    )
  )

  it.live("has its lock, if the wallet made it after all", () =>
    inFile(
      Effect.fnUntraced(function* (filename) {
        const treasury = yield* Treasury.Treasury
        const stopped = yield* startedUntil(filename, "lockAsked", "asked")
        stopped.child.kill("SIGSTOP")
        assert.deepStrictEqual(yield* states, ["unknown"])
        assert.strictEqual(yield* goOn(stopped), "locked")
        assert.strictEqual(yield* stateOf, "held")
        yield* claim(preimage)
        yield* treasury.recover
        assert.deepStrictEqual(yield* books, { ...nothing, spent: cost })
      })
    )
  )
})
