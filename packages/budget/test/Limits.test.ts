import { assert, describe, it } from "@effect/vitest"
import { Msat } from "@farthing/protocol"
import { Schema } from "effect"
import * as Limits from "../src/Limits.ts"
import { open, sats } from "./Fixture.ts"

const used = (spent: number, held = 0): Limits.Usage => ({ spent: sats(spent), held: sats(held) })

const nobody: Limits.ProviderTotals = {
  today: Limits.unused,
  ever: Limits.unused,
  delivered: Msat.zero
}

const totals = (rest: Partial<Limits.Totals>): Limits.Totals => ({
  today: Limits.unused,
  tick: Limits.unused,
  lifetime: Limits.unused,
  unprovenToday: Limits.unused,
  provider: nobody,
  funds: undefined,
  ...rest
})

const limits = (rest: Partial<Limits.Limits>): Limits.Limits => ({ ...open, ...rest })

describe("Limits.judge", () => {
  const hundred = sats(100)
  const cases: ReadonlyArray<
    readonly [Limits.LimitName, Partial<Limits.Limits>, (used: Limits.Usage) => Limits.Totals]
  > = [
    ["daily_limit_sats", { daily: hundred }, (today) => totals({ today })],
    ["per_tick_limit_sats", { perTick: hundred }, (tick) => totals({ tick })],
    ["lifetime_limit_sats", { lifetime: hundred }, (lifetime) => totals({ lifetime })],
    [
      "per_provider_daily_sats",
      { perProviderDaily: hundred },
      (today) => totals({ provider: { ...nobody, today } })
    ],
    [
      "first_spend_limit_sats",
      { firstSpend: hundred },
      (ever) => totals({ provider: { ...nobody, ever } })
    ],
    [
      "unproven_daily_limit_sats",
      { unprovenDaily: hundred },
      (unprovenToday) => totals({ unprovenToday })
    ]
  ]

  for (const [name, some, of] of cases) {
    it(`${name} takes the last sat and refuses the next`, () => {
      const wishes = limits(some)
      assert.isUndefined(Limits.judge(wishes, sats(30), of(used(50, 20))))
      const refusal = Limits.judge(wishes, Msat.add(sats(30), Msat.make(1)), of(used(50, 20)))
      assert.deepStrictEqual(refusal, {
        limit: name,
        most: hundred,
        spent: sats(50),
        held: sats(20),
        asked: Msat.make(30_001),
        mayPass: true
      })
    })

    it(`${name} is not waited for where what is spent is too much already`, () => {
      assert.strictEqual(Limits.judge(limits(some), sats(51), of(used(50, 20)))?.mayPass, false)
    })

    it(`${name} of 0 allows nothing, and does not exist when it is omitted`, () => {
      const key = Object.keys(some).join("")
      const refusal = Limits.judge(limits({ [key]: Msat.zero }), Msat.make(1), of(Limits.unused))
      assert.strictEqual(refusal?.limit, name)
      assert.strictEqual(refusal?.mayPass, false)
      assert.isUndefined(Limits.judge(limits({}), Msat.most, of(used(1_000_000, 1_000_000))))
    })
  }

  it("per_job_limit_sats measures one spend alone", () => {
    const one = limits({ perJob: hundred })
    assert.isUndefined(Limits.judge(one, hundred, totals({ today: used(1000, 1000) })))
    assert.strictEqual(Limits.judge(one, sats(101), totals({}))?.limit, "per_job_limit_sats")
  })

  it("max_unresolved_sats measures everything held, and nothing spent", () => {
    const few = limits({ unresolved: hundred })
    assert.isUndefined(Limits.judge(few, sats(40), totals({ lifetime: used(5000, 60) })))
    const refusal = Limits.judge(few, sats(41), totals({ lifetime: used(5000, 60) }))
    assert.strictEqual(refusal?.limit, "max_unresolved_sats")
    assert.strictEqual(refusal?.mayPass, true)
    assert.strictEqual(Limits.judge(few, sats(101), totals({}))?.mayPass, false)
  })

  it("reserve_sats counts what left the wallet since it was asked, and what is held", () => {
    const funds = { spendable: sats(100), spentSince: sats(20) }
    const left = totals({ funds, lifetime: used(500, 30) })
    assert.isUndefined(Limits.judge(open, sats(50), left))
    assert.strictEqual(Limits.judge(open, sats(51), left)?.limit, "reserve_sats")
    assert.strictEqual(Limits.judge(open, sats(51), left)?.mayPass, true)
    assert.strictEqual(Limits.judge(open, sats(81), left)?.mayPass, false)
  })

  it("names a limit that no waiting can help before one that waiting may", () => {
    const both = limits({ lifetime: hundred, daily: sats(50) })
    const refusal = Limits.judge(
      both,
      sats(30),
      totals({ lifetime: used(30, 60), today: used(30, 10) })
    )
    assert.strictEqual(refusal?.limit, "daily_limit_sats")
    assert.strictEqual(refusal?.mayPass, false)
  })

  it("a provider with deliveries gets twice what it delivered, or the first spend if that is more", () => {
    const first = limits({ firstSpend: hundred, unprovenDaily: Msat.zero })
    const proven = (delivered: number, spent: number) =>
      totals({ provider: { ...nobody, ever: used(spent), delivered: sats(delivered) } })
    assert.isUndefined(Limits.judge(first, sats(99), proven(1, 1)))
    assert.strictEqual(
      Limits.judge(first, sats(100), proven(1, 1))?.limit,
      "first_spend_limit_sats"
    )
    assert.isUndefined(Limits.judge(first, sats(300), proven(300, 300)))
    assert.strictEqual(Limits.judge(first, sats(301), proven(300, 300))?.most, sats(600))
    assert.strictEqual(Limits.judge(first, sats(1), proven(300, 600))?.mayPass, false)
    assert.isUndefined(Limits.judge(limits({ firstSpend: Msat.zero }), sats(5), proven(5, 5)))
  })

  it("asks nothing of a provider that is not known yet", () => {
    const none = limits({ firstSpend: Msat.zero, unprovenDaily: Msat.zero })
    assert.isUndefined(Limits.judge(none, sats(1), totals({ provider: undefined })))
  })

  it("does not overflow at the largest amount", () => {
    const most = totals({ today: { spent: Msat.most, held: Msat.zero } })
    assert.strictEqual(Limits.judge(limits({ daily: Msat.most }), Msat.most, most)?.mayPass, false)
    assert.isUndefined(Limits.judge(limits({ daily: Msat.most }), Msat.most, totals({})))
  })
})

describe("Limits.allowedFee", () => {
  const fees = (maxFee: number, maxFeePercent: number) =>
    limits({ maxFee: Msat.make(maxFee), maxFeePercent })

  it("is the larger of the two fee limits", () => {
    assert.strictEqual(Limits.allowedFee(fees(10_000, 1), sats(100), Msat.most), 10_000)
    assert.strictEqual(Limits.allowedFee(fees(10_000, 1), sats(2000), Msat.most), 20_000)
  })

  it("stays under the cap together with the amount", () => {
    assert.strictEqual(Limits.allowedFee(fees(10_000, 1), sats(95), sats(100)), 5000)
    assert.strictEqual(Limits.allowedFee(fees(10_000, 1), sats(100), sats(100)), 0)
  })

  it("rounds a fraction of an msat up", () => {
    assert.strictEqual(Limits.allowedFee(fees(0, 1), Msat.make(101), Msat.most), 2)
    assert.strictEqual(Limits.allowedFee(fees(0, 0.0001), Msat.make(1), Msat.most), 1)
    assert.strictEqual(Limits.allowedFee(fees(0, 0), Msat.make(1), Msat.most), 0)
  })

  it.prop(
    "equals the exact fraction, also where floating point does not",
    [Msat.Msat, Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000 }))],
    ([amount, millionths]) => {
      const exact = (BigInt(amount) * BigInt(millionths) + 999_999n) / 1_000_000n
      const allowed = Limits.allowedFee(fees(0, millionths / 10_000), amount, Msat.most)
      const room = BigInt(Msat.most) - BigInt(amount)
      assert.strictEqual(BigInt(allowed), exact < room ? exact : room)
    }
  )
})
