import { assert, describe, it } from "@effect/vitest"
import { Msat, Sat } from "@farthing/protocol"
import { Option, Schema } from "effect"
import * as LifeState from "../src/LifeState.ts"
import * as Runway from "../src/Runway.ts"

const sats = (amount: number): Msat.Msat => Sat.toMsat(Sat.make(amount))

const hour = 3_600_000
const day = 24 * hour

const every = (gap: number, costs: ReadonlyArray<number>): ReadonlyArray<Runway.Sample> =>
  costs.map((cost, index) => ({
    at: 1_700_000_000_000 + index * gap,
    cost: sats(cost),
    thought: sats(cost)
  }))

const wish = (fields: Partial<Runway.Wish>): Runway.Wish => ({
  balance: sats(1_000),
  samples: [],
  configuredBurn: Msat.zero,
  dailyLimit: undefined,
  ...fields
})

describe("a runway", () => {
  it("is measured over the last ticks, once there are enough", () => {
    const runway = Runway.of(wish({ samples: every(hour, [10, 10, 10, 10]) }))
    assert.deepStrictEqual(
      [runway.burn, runway.isMeasured, runway.days, runway.perThought],
      [sats(240), true, 1_000 / 240, sats(10)]
    )
  })

  it("goes by the configured burn before that", () => {
    const runway = Runway.of(
      wish({ samples: every(hour, [10, 10, 10]), configuredBurn: sats(100) })
    )
    assert.deepStrictEqual([runway.burn, runway.isMeasured, runway.days], [sats(100), false, 10])
  })

  it("does not take a gift for the price of a thought", () => {
    const gifts = every(hour, [900, 900, 900, 900]).map((one) => ({ ...one, thought: sats(10) }))
    const { burn, perThought } = Runway.of(wish({ samples: gifts }))
    assert.deepStrictEqual([burn, perThought], [sats(21_600), sats(10)])
  })

  it("never ends where nothing is burnt", () => {
    assert.strictEqual(Runway.of(wish({})).days, Number.POSITIVE_INFINITY)
  })

  it("burns no more than the daily limit allows", () => {
    const samples = every(1_000, [10, 10, 10, 10])
    assert.strictEqual(Runway.of(wish({ samples, dailyLimit: sats(500) })).burn, sats(500))
  })

  it("does not get longer by sleeping for a month", () => {
    const [first, ...rest] = every(hour, [10, 10, 10, 10])
    const late = rest.map((sample) => ({ ...sample, at: sample.at + 30 * day }))
    const burn = Runway.burnOf([first!, ...late])
    assert.isAbove(Option.getOrThrow(burn), sats(20))
  })

  it("remembers a bounded number of ticks", () => {
    const all = every(
      hour,
      Array.from({ length: 100 }, () => 1)
    )
    const kept = all.reduce<ReadonlyArray<Runway.Sample>>(Runway.add, [])
    assert.strictEqual(kept.length, 32)
    assert.deepStrictEqual(kept.at(-1), all.at(-1))
  })
})

const thresholds = { lowBalanceDays: 7, hibernateBelow: sats(1_000) }

const means = (balance: number, burn: number) => ({
  balance: sats(balance),
  days: burn === 0 ? Number.POSITIVE_INFINITY : balance / burn,
  perThought: sats(10)
})

describe("a life state", () => {
  it("follows from the balance and how long it lasts", () => {
    const at = (balance: number, burn: number) =>
      LifeState.next(undefined, means(balance, burn), thresholds)
    assert.deepStrictEqual(
      [at(100_000, 1_000), at(5_000, 1_000), at(999, 1), at(9, 0), at(1_000, 0)],
      ["active", "low_balance", "hibernating", "dormant", "active"]
    )
  })

  it("falls at once and rises with a quarter more", () => {
    const from = (previous: LifeState.LifeState, balance: number) =>
      LifeState.next(previous, means(balance, 0), thresholds)
    assert.strictEqual(from("active", 999), "hibernating")
    assert.strictEqual(from("hibernating", 1_000), "hibernating")
    assert.strictEqual(from("hibernating", 1_249), "hibernating")
    assert.strictEqual(from("hibernating", 1_250), "active")
    assert.strictEqual(from("dormant", 12), "dormant")
    assert.strictEqual(from("dormant", 13), "hibernating")
  })

  const Balance = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 20_000 }))
  const Burn = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2_000 }))

  it.prop(
    "stays what it is while nothing changes",
    [LifeState.LifeState, Balance, Burn],
    ([previous, balance, burn]) => {
      const once = LifeState.next(previous, means(balance, burn), thresholds)
      assert.strictEqual(LifeState.next(once, means(balance, burn), thresholds), once)
    },
    { arbitrary: { runs: 500 } }
  )

  it.prop(
    "is no worse with more money",
    [LifeState.LifeState, Balance, Balance, Burn],
    ([previous, balance, more, burn]) => {
      const rank = (balance: number) =>
        LifeState.rank(LifeState.next(previous, means(balance, burn), thresholds))
      assert.isAtLeast(rank(balance + more), rank(balance))
    },
    { arbitrary: { runs: 500 } }
  )

  it.prop(
    "does not waver where a balance moves by a tenth up and down",
    [Balance, Burn],
    ([balance, burn]) => {
      let state = LifeState.next(undefined, means(balance, burn), thresholds)
      let changes = 0
      for (let turn = 0; turn < 20; turn++) {
        const moved = turn % 2 === 0 ? Math.floor(balance * 0.95) : Math.floor(balance * 1.05)
        const next = LifeState.next(state, means(moved, burn), thresholds)
        if (next !== state) changes++
        state = next
      }
      assert.isAtMost(changes, 1)
    },
    { arbitrary: { runs: 500 } }
  )

  it("says what is done in it", () => {
    const { conductOf } = LifeState
    assert.isTrue(conductOf("low_balance").thinksOn("Heartbeat"))
    assert.isFalse(conductOf("low_balance").gives)
    assert.isFalse(conductOf("hibernating").thinksOn("Heartbeat"))
    assert.isTrue(conductOf("hibernating").thinksOn("Mention"))
    assert.isFalse(conductOf("dormant").thinksOn("Manual"))
  })
})
